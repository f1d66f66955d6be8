#pragma once
/// The `sample` plugin: a smoke test of plugin wiring and admin authentication.

#include "kbs/plugins/plugin.h"

namespace kbs::plugins {

PluginPtr make_sample();

}  // namespace kbs::plugins
