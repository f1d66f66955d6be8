#pragma once
/// Keys, files and tokens for the tests of this folder.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/encoding.h"
#include "base/json.h"
#include "base/testing/manual_clock.h"
#include "crypto/jws.h"
#include "crypto/key.h"
#include "kbs/admin/admin.h"

namespace kbs::admin::testing {

/// 2026-08-02, the `iat` of the reference tokens.
inline constexpr std::int64_t kNow = 1785700000;

// spec/admin.md §2.3 and §3: the key of seed 00 01 … 1f, and what three generations of clients
// signed with it.
inline constexpr const char* kReferencePem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr const char* kReferenceToken =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9."
    "eyJpc3MiOiJUcnVzdGVlSW5Eb2NrZXIiLCJzdWIiOiJhZG1pbiIsImF1ZCI6WyJLQlMiXSwicm9sZSI6ImFkbWluIiwiaW"
    "F0IjoxNzg1Nz"
    "AwMDAwLCJleHAiOjIxMDEwNjAwMDB9."
    "ZShQTr3hxTopUQlygl8ta-M5ZqG4ZySGvuCnMSKklTNFh8nSAEIXZyLFw3_Mv-PDVobYf6IfdHwgFzVqiZHiBQ";
inline constexpr const char* kTokenOfV018 =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJleHAiOjIxMDEwNjAwMDAsImlhdCI6MTc4NTcwMDAwMH0."
    "H8aSQxdEXxosMthj8NjJsxcfoHFrohI9ZsYBMkMesbf1BhSWW1rkHk_Aw6FUWzhzCzJfi4_UQLUuN9OO8hQoDA";
inline constexpr const char* kTokenOfV017 =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9."
    "eyJpYXQiOjE3ODU3MDAwMDAsImV4cCI6MjEwMTA2MDAwMCwibmJmIjoxNzg1NzAwMDAwfQ."
    "TnI-BsMdCIeJhp6q2plIeTYPG3tqd355EK7TvPiSXd0QJH87PB52AF2xS6a9bsoKTb9gTJCT06sMhfa6_rdjAg";

/// Writes files into a directory of its own.
class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    std::string pattern = ::testing::TempDir() + "kbs_admin_XXXXXX";
    dir_ = mkdtemp(pattern.data()) == nullptr ? "" : pattern;
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }
  std::unique_ptr<AdminGate> gate(const config::Admin& config) const {
    auto made = AdminGate::make(config, clock_);
    if (!made) {
      ADD_FAILURE() << describe(made.error());
      return nullptr;
    }
    return std::move(*made);
  }
  std::string why_not(const config::Admin& config) const {
    auto made = AdminGate::make(config, clock_);
    return made ? "accepted" : made.error().message;
  }

  std::string dir_;
  kbs::testing::ManualClock clock_{SysTime{std::chrono::seconds{kNow}}};
};

inline std::string sign(const crypto::PrivateKey& key, const std::string& claims,
                        crypto::JwsAlgorithm algorithm = crypto::JwsAlgorithm::eddsa,
                        const std::string& more_header = "") {
  const std::string header =
      "{\"alg\":\"" + std::string(to_string(algorithm)) + "\",\"typ\":\"JWT\"" + more_header + "}";
  return crypto::sign_jws(header, claims, key, algorithm).value();
}

/// Claims of an administrator in `role`, good for two hours, with more members appended.
inline std::string claims(const std::string& role, const std::string& more = "") {
  return "{\"role\":\"" + role +
         "\",\"iss\":\"TrusteeInDocker\",\"aud\":[\"KBS\"],\"sub\":\"somebody\",\"exp\":" +
         std::to_string(kNow + 7200) + more + "}";
}

inline config::Admin authenticated(config::IdentityProvider provider,
                                   std::vector<config::AclRule> acls = {
                                       {"admin", "^/kbs/.+$", {}}}) {
  config::Admin admin;
  admin.mode = config::Admin::Mode::authenticated;
  admin.providers.push_back(std::move(provider));
  admin.acls = std::move(acls);
  return admin;
}

inline config::IdentityProvider pem_provider(const std::string& path) {
  config::IdentityProvider provider;
  provider.public_key_uri = path;
  return provider;
}

/// "granted as <role>", or the refusal's kind and message.
inline std::string outcome(const Result<AdminIdentity>& who) {
  if (who) return "granted as " + who->role;
  return std::string(to_string(who.error().kind)) + ": " + who.error().message;
}

}  // namespace kbs::admin::testing
