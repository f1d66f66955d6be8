// The list of what this build can verify.
#include "attestation/embedded/sample/sample_verifier.h"
#include "attestation/embedded/verifier.h"

namespace kbs::attestation::embedded {

std::shared_ptr<Verifier> make_verifier(Tee tee) {
  switch (tee) {
    case Tee::sample:
      return make_sample_verifier();
    case Tee::sampledevice:
      return make_sample_device_verifier();
    default:
      return nullptr;
  }
}

}  // namespace kbs::attestation::embedded
