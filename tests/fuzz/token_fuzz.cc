// Tokens of strangers: with no trust material, none is ever believed.
#include <cstdint>
#include <cstdlib>

#include "kbs/token/verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kbs;
  static const auto nobody = *token::TokenVerifier::make({});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (nobody->verify(text, SysTime{})) std::abort();
  if (auto claims = parse_json(text)) (void)token::read_claims(*claims, {"/a/b"});
  return 0;
}
