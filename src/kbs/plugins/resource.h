#pragma once
/// The `resource` plugin: secrets by repository/type/tag, over the mounts.

#include "kbs/metrics/metrics.h"
#include "kbs/plugins/plugin.h"
#include "storage/mounts/mounts.h"

namespace kbs::plugins {

/// `metrics` and `clock` outlive the plugin's requests; `clock` judges the expiry of a write.
PluginPtr make_resource(std::shared_ptr<storage::Mounts> mounts, metrics::Metrics& metrics,
                        const Clock& clock = system_clock());

}  // namespace kbs::plugins
