#pragma once
/// How a backend reads its own keys of the configuration without knowing the file's syntax.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::storage {

/// Where a secret of the configuration comes from: written as `x`, `x_file` or `x_env`. Copyable;
/// nothing prints it.
struct SecretSource {
  enum class Kind { text, file, environment } kind = Kind::text;
  std::string name;                    ///< the file or the variable; "" for a text
  std::shared_ptr<const Secret> text;  ///< of Kind::text

  /// Reads it now; one line end at the end of a file is not part of it. Errors name the file or the
  /// variable, never what is in it.
  Result<Secret> read() const;
};

/// One table of the configuration. Every read makes its key known and leaves `out` alone when the
/// key is absent; what cannot be understood is collected as a problem with its line, so that one
/// run shows all of them. Implemented by the configuration loader.
class Settings {
 public:
  virtual ~Settings() = default;
  virtual bool has(const std::string& key) const = 0;
  virtual void read(const std::string& key, std::string& out) = 0;
  virtual void read(const std::string& key, bool& out) = 0;
  virtual void read(const std::string& key, std::int64_t& out, std::int64_t min,
                    std::int64_t max) = 0;
  virtual void read(const std::string& key, std::vector<std::string>& out) = 0;
  /// One of `words`, exactly so spelt; its index.
  virtual std::optional<std::size_t> read_word(const std::string& key,
                                               std::initializer_list<std::string_view> words) = 0;
  /// "64KiB", "2MiB", "1GiB", or a plain number of bytes.
  virtual void read_size(const std::string& key, std::uint64_t& out, std::uint64_t min,
                         std::uint64_t max) = 0;
  /// "250ms", "5s", "10m", "24h"; a plain number counts seconds.
  virtual void read_duration(const std::string& key, std::chrono::milliseconds& out,
                             std::chrono::milliseconds min, std::chrono::milliseconds max) = 0;
  /// `key`, `key_file` or `key_env`; writing two of them is a problem.
  virtual void read_secret(const std::string& key, std::optional<SecretSource>& out) = 0;
  virtual void require(const std::string& key) = 0;
  virtual void problem(const std::string& key, const std::string& text) const = 0;
  virtual void warn(const std::string& text) const = 0;
};

}  // namespace kbs::storage
