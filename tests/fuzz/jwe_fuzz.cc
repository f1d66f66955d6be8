// A response from a hostile server: opened with an EC and an RSA key. Either it is an error or, for
// what the fuzzer was given to start from, the plaintext; never a crash.
#include <cstdint>
#include <string_view>

#include "crypto/jwe.h"

namespace {

using namespace kbs;
using namespace kbs::crypto;

// The guest keys of the worked examples, so that a corpus of recorded responses opens.
constexpr std::string_view kEc =
    R"({"kty":"EC","crv":"P-256","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c",)"
    R"("y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U","d":"1SZ1yFd_d0MtFzdE5roVmqRMYw23PYZJo-afWbbOYIE"})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PrivateKey ec = PrivateKey::from_jwk(parse_json_object(kEc).value()).value();
  static const PrivateKey rsa = PrivateKey::generate(KeyType::rsa).value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)decrypt_jwe(ec, text).has_value();
  (void)decrypt_jwe(rsa, text).has_value();
  return 0;
}
