#pragma once
/// Certificates for tests, made on the spot with whatever usage the test is about.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/key.h"
#include "crypto/openssl_ptr.h"

namespace kbs::crypto::testing {

/// 2026-08-02: the day of the recorded tokens.
inline constexpr SysTime kTestDay{std::chrono::seconds{1785700000}};

struct CertificateOptions {
  std::string name = "leaf";
  /// Extensions as openssl.cnf spells them: {"keyUsage", "critical,digitalSignature"}.
  // NOLINTNEXTLINE(readability-redundant-member-init): else designated initialisers must name it
  std::vector<std::pair<std::string, std::string>> extensions = {};
  SysTime not_before = kTestDay - std::chrono::hours{24};
  SysTime not_after = kTestDay + std::chrono::hours{24};
  std::string digest = "SHA256";
  KeyType key_type = KeyType::ec_p256;
};

struct Issued {
  PrivateKey key;
  Bytes der;
  std::string pem;
};

/// A certificate signed by `issuer`, or by itself when there is none.
Issued issue(const CertificateOptions& options, const Issued* issuer = nullptr);

/// The usual CA: critical basicConstraints and keyUsage.
Issued make_root(const std::string& name = "root");
Issued make_intermediate(const Issued& issuer, const std::string& name = "intermediate",
                         const std::string& extended_key_usage = {});

}  // namespace kbs::crypto::testing
