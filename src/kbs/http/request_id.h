#pragma once
/// The name of one request in logs and audit records.

#include <cstdint>
#include <string>
#include <string_view>

namespace kbs::http {

/// Makes request ids; one for each worker, not thread-safe. Ids are for finding a request again,
/// never for security: a statistical generator, seeded once from the system's randomness, is
/// enough.
class RequestIds {
 public:
  RequestIds();
  /// The trace-id of `traceparent` when that is a valid header (W3C Trace Context §3.2), else 16
  /// random hex digits.
  std::string next(std::string_view traceparent);

 private:
  std::uint64_t state_;
};

}  // namespace kbs::http
