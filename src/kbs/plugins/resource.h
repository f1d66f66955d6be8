#pragma once
/// The `resource` plugin: secrets by repository/type/tag, over any storage backend.

#include "kbs/metrics/metrics.h"
#include "kbs/plugins/plugin.h"
#include "storage/backend.h"

namespace kbs::plugins {

/// `backend` and `metrics` outlive the plugin's requests.
PluginPtr make_resource(storage::BackendPtr backend, metrics::Metrics& metrics);

}  // namespace kbs::plugins
