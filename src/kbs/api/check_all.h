#pragma once
/// Many health checks at once, none of which may hold up the answer.

#include <chrono>
#include <memory>
#include <vector>

#include "base/async.h"

namespace kbs::api {

/// Runs all checks side by side on this executor, which is single-threaded. Each answer stands in
/// its check's place; who has not answered within `limit` is cancelled and counts as
/// `unavailable`. `keep` lives until the last check has ended, which may be after the return.
awaitable<std::vector<Result<>>> check_all(std::vector<awaitable<Result<>>> checks,
                                           std::chrono::milliseconds limit,
                                           std::shared_ptr<const void> keep);

}  // namespace kbs::api
