// Init-data of guests: TOML with TOML, JSON and Rego inside.
#include <cstdint>
#include <cstdlib>

#include "attestation/embedded/init_data.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kbs;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = attestation::embedded::parse_init_data({"toml", text});
  if (parsed && parsed->digest.empty()) std::abort();
  if (parsed && !parse_json(to_json(parsed->claims))) std::abort();
  return 0;
}
