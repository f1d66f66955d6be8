#pragma once
/// What no server can save: the public-key and AES operations behind one request, alone, called as
/// src/crypto calls them, on the server's core while the server is idle.

#include <cstddef>
#include <memory>
#include <optional>

#include "base/result.h"
#include "crypto/key.h"

namespace kbs::bench {

/// The operations behind one row.
struct FloorRecipe {
  bool verify_token = false;                    ///< ES256
  bool sign_token = false;                      ///< ES256
  std::optional<crypto::KeyType> tee_key = {};  ///< JWE to a key of this type
  std::size_t plaintext = 0;                    ///< its AES-256-GCM
  std::size_t tls = 0;                          ///< bytes sent in TLS records under AES-256-GCM
};

/// Keys and messages, made once. Used from one thread.
class Floor {
 public:
  static Result<std::unique_ptr<Floor>> make();
  ~Floor();
  /// CPU time of one round of the recipe, in microseconds: the mean over at least `milliseconds`.
  double measure_us(const FloorRecipe& recipe, double milliseconds) const;

  /// Single operations, for comparison with `openssl speed`.
  enum class Operation { ecdh_p256, ecdsa_p256_verify, rsa_2048_verify };
  double measure_us(Operation operation, double milliseconds) const;

 private:
  struct Parts;
  explicit Floor(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kbs::bench
