#pragma once
/// Attestation policies by id, in namespace `attestation_service_policy`, compiled once per text.

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "attestation/embedded/appraisal.h"
#include "storage/key_value.h"

namespace kbs::attestation::embedded {

/// Thread-safe.
class Policies {
 public:
  explicit Policies(storage::KeyValuePtr store) : store_(std::move(store)) {}

  /// Writes the stock policies where none is stored.
  awaitable<Result<>> install_stock();
  /// Compiles, then stores as `<id>.rego`. `invalid_request` when it does not parse or the id has
  /// other characters than letters, digits, `-`, `_`, `.` and `/`.
  awaitable<Result<>> set(std::string id, std::string text);
  /// The policy now stored under `id`; `not_found` when there is none.
  awaitable<Result<std::shared_ptr<AttestationPolicy>>> get(std::string id);
  awaitable<Result<>> health();

 private:
  struct Compiled {
    std::string text;
    std::shared_ptr<AttestationPolicy> policy;
  };
  storage::KeyValuePtr store_;
  std::mutex mutex_;
  std::map<std::string, Compiled> compiled_;
};

}  // namespace kbs::attestation::embedded
