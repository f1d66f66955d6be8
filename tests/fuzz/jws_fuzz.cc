// A compact JWS from a stranger: parsed, and verified under keys of every kind. Nothing may verify.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "crypto/jws.h"

namespace {

using namespace kbs::crypto;

struct Signer {
  JwsAlgorithm algorithm;
  PublicKey key;
};

const std::vector<Signer>& signers() {
  static const auto all = [] {
    std::vector<Signer> made;
    const auto add = [&](JwsAlgorithm a, KeyType t) {
      made.push_back({a, PrivateKey::generate(t).value().public_key()});
    };
    add(JwsAlgorithm::es256, KeyType::ec_p256);
    add(JwsAlgorithm::rs256, KeyType::rsa);
    add(JwsAlgorithm::ps384, KeyType::rsa);
    add(JwsAlgorithm::eddsa, KeyType::ed25519);
    return made;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  const auto jws = parse_jws(token);
  if (!jws) return 0;
  for (const Signer& s : signers()) {
    if (verify_jws(*jws, s.key, s.algorithm)) std::abort();
  }
  (void)jws->payload().has_value();
  return 0;
}
