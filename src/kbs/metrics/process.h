#pragma once
/// What the kernel knows about this process, under the names that Prometheus clients share.

#include "base/clock.h"
#include "kbs/metrics/exposition.h"

namespace kbs::metrics {

/// Adds the `process_*` families. What cannot be read is left out.
void expose_process(Exposition& exposition, SysTime started);

}  // namespace kbs::metrics
