#include "attestation/tee.h"

#include <gtest/gtest.h>

namespace kbs::attestation {
namespace {

TEST(Tee, NamesGoBothWays) {
  for (std::size_t i = 0; i < kTeeCount; ++i) {
    const auto tee = static_cast<Tee>(i);
    EXPECT_EQ(tee_from(to_string(tee)), tee) << to_string(tee);
  }
}

TEST(Tee, OnlyExactNamesCount) {
  EXPECT_EQ(tee_from("nvidiadpu"), Tee::nvidia_dpu) << "the one alias";
  for (std::string_view name : {"", "sev", "SNP", "snp ", "Sample", "az_snp_vtpm"})
    EXPECT_FALSE(tee_from(name)) << name;
}

}  // namespace
}  // namespace kbs::attestation
