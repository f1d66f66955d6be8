#pragma once
/// Reference values: what measurements may be. Facts: spec/rvps.md.

#include <optional>
#include <string>

#include "base/async.h"
#include "base/clock.h"
#include "base/json.h"
#include "storage/key_value.h"

namespace kbs::attestation::embedded {

/// The built-in provider over namespace `reference_value`. Thread-safe.
class Rvps {
 public:
  Rvps(storage::KeyValuePtr store, const Clock& clock) : store_(std::move(store)), clock_(clock) {}

  /// Takes a provenance message {"version","type","payload"}. Everything is extracted before
  /// anything is stored. `invalid_request` when it is malformed, or of a version or type we do not
  /// know.
  awaitable<Result<>> register_message(std::string message);
  /// JSON text of the value; nullopt when unknown or expired.
  awaitable<Result<std::optional<std::string>>> query(std::string id);
  awaitable<Result<>> health();

 private:
  storage::KeyValuePtr store_;
  const Clock& clock_;
};

}  // namespace kbs::attestation::embedded
