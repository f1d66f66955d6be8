#pragma once
/// The manifest of `kbs-client apply`: what a server shall hold. docs/kbs-client.md shows one.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::client {

/// Where bytes come from: exactly one of `file`, `value_env`, `text`, `base64`.
struct ManifestSource {
  enum class Kind { file, environment, inline_value } kind = Kind::inline_value;
  std::string name = {};    ///< the file or the variable
  Secret value = Secret();  ///< of Kind::inline_value

  /// "file keys/1.bin", "$KEY", "the manifest".
  std::string describe() const;
};

struct ManifestResource {
  std::string path = {};  ///< repository/type/tag
  ManifestSource source = {};
  std::string content_type = "application/octet-stream";
  std::string not_after = {};   ///< RFC 3339, or empty
  bool only_if_absent = false;  ///< `if: absent`
};

struct ManifestPolicy {
  std::string id = {};  ///< of an attestation policy
  ManifestSource source = {};
};

struct ManifestReferenceValue {
  std::string name = {};
  json::value value = {};
};

struct Manifest {
  std::vector<ManifestReferenceValue> reference_values = {};
  std::vector<ManifestPolicy> attestation_policies = {};
  std::optional<ManifestPolicy> resource_policy = {};
  std::vector<ManifestResource> resources = {};
};

inline constexpr std::size_t kMaxManifestBytes = 4u << 20;

/// Reads the YAML text strictly. `invalid_request` with the line for: unknown keys (with the
/// nearest known one), a key or an entry that is there twice, a wrong kind of value, a name that is
/// none, more than 10,000 entries. Opens nothing.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace kbs::client
