#pragma once
/// `sample` and `sampledevice`: evidence that proves nothing, for trying out and for tests.

#include "attestation/embedded/verifier.h"

namespace kbs::attestation::embedded {

std::shared_ptr<Verifier> make_sample_verifier();
std::shared_ptr<Verifier> make_sample_device_verifier();

}  // namespace kbs::attestation::embedded
