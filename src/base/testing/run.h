#pragma once
/// Tests wait for a coroutine like this: `auto result = testing::run(backend->read(…));`

#include "base/run.h"

namespace kbs::testing {

template <class T>
T run(awaitable<T> work) {
  return run_to_end(std::move(work));
}

}  // namespace kbs::testing
