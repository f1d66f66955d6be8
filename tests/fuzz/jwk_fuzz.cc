// Keys from strangers: as JWK and as PEM. What is taken must survive its own export.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/jwe.h"
#include "crypto/key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kbs;
  using namespace kbs::crypto;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto jwk = parse_json_object(text)) {
    if (const auto key = PublicKey::from_jwk(*jwk)) {
      const auto again = PublicKey::from_jwk(key->to_jwk());
      if (!again || !(*again == *key) || again->thumbprint() != key->thumbprint()) std::abort();
    }
    if (const auto tee = TeePublicKey::from_jwk(*jwk)) {
      if (!encrypt_jwe(*tee, as_bytes("x"))) std::abort();
    }
    (void)PrivateKey::from_jwk(*jwk).has_value();
  }
  if (const auto key = PublicKey::from_pem(text)) {
    if (!PublicKey::from_pem(key->to_pem())) std::abort();
  }
  (void)PrivateKey::from_pem(text).has_value();
  return 0;
}
