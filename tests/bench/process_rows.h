#pragma once
/// The rows about the process itself: memory, start, and whether the floor can be believed.

#include <vector>

#include "bench/measure.h"

namespace kbs::bench {

/// RssAnon of a server that has only been started.
Result<Row> measure_idle(const Run& run);
/// RssAnon after many GETs of one resource by a few guests.
Result<Row> measure_memory_after_gets(const Run& run);
/// RssAnon after many `/auth` that nobody answers.
Result<Row> measure_memory_after_auth(const Run& run);
/// From exec to the first 200 of /healthz.
Result<Row> measure_start(const Run& run);
/// Single operations of the floor against `openssl speed` on the same core.
Result<std::vector<Row>> check_floor(const Run& run);

}  // namespace kbs::bench
