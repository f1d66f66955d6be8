#include "kbs-client/guest_key.h"

#include <boost/json/object.hpp>

namespace kbs::client {

Result<GuestKey> GuestKey::generate() {
  KBS_TRY(crypto::PrivateKey key, crypto::PrivateKey::generate(crypto::KeyType::ec_p256));
  return from_key(std::move(key));
}

Result<GuestKey> GuestKey::from_pem(std::string_view pem) {
  KBS_TRY(crypto::PrivateKey key, crypto::PrivateKey::from_pem(pem));
  return from_key(std::move(key));
}

Result<GuestKey> GuestKey::from_key(crypto::PrivateKey key) {
  std::string_view alg;
  switch (key.type()) {
    case crypto::KeyType::rsa:
      alg = "RSA-OAEP-256";
      break;
    case crypto::KeyType::ec_p256:
    case crypto::KeyType::ec_p521:
      alg = "ECDH-ES+A256KW";
      break;
    default:
      return fail(ErrorKind::unsupported,
                  "a TEE key is RSA, EC P-256 or EC P-521; make one with "
                  "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`");
  }
  json::object jwk = key.public_key().to_jwk();
  jwk["alg"] = alg;
  return GuestKey(std::move(key), std::move(jwk));
}

}  // namespace kbs::client
