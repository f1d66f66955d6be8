#pragma once
/// Standard output: results only, byte for byte as spec/kbs-client-cli.md §1.2 has them, or JSON.

#include <span>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace kbs::client {

enum class OutputFormat { text, json };

/// Writes results to a descriptor. Errors are `internal` (closed pipe, full disk): a result that
/// did not arrive is no success.
class Output {
 public:
  explicit Output(OutputFormat format, int fd = 1) : format_(format), fd_(fd) {}

  bool json() const noexcept { return format_ == OutputFormat::json; }
  /// As it is.
  Result<> write(std::span<const std::byte> bytes);
  Result<> write(std::string_view text);
  /// With a line feed.
  Result<> line(std::string_view text);
  /// One JSON document and a line feed.
  Result<> document(const json::value& value);
  /// Standard base64, in pieces that are wiped; no line feed.
  Result<> secret_base64(std::span<const std::byte> bytes);

 private:
  OutputFormat format_;
  int fd_;
};

}  // namespace kbs::client
