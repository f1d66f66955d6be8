// The bodies of strangers: whatever they hold, reading them ends, and what is accepted can be
// hashed.
#include <cstdint>
#include <cstdlib>

#include "kbs/rcar/challenge.h"
#include "kbs/rcar/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kbs;
  static const rcar::ChallengeCodec codec = rcar::ChallengeCodec::random();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (codec.open(text)) std::abort();  // nobody guesses a MAC
  (void)rcar::speaks_version(text);
  (void)rcar::parse_request(text);
  if (auto attestation = rcar::parse_attestation(text)) {
    auto evidence = rcar::evidence_of(std::move(*attestation), attestation::Tee::sample,
                                      crypto::HashAlgorithm::sha384);
    if (evidence && canonical_json(evidence->front().runtime_data).empty()) std::abort();
  }
  return 0;
}
