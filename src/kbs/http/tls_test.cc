#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <boost/asio/ssl/context.hpp>

#include "kbs/http/server.h"
#include "kbs/http/testing/client.h"

namespace kbs::http {
namespace {

using testing::make_pair;
using testing::Pair;
using testing::tls_options;

const Pair& pair() {
  static const Pair one = make_pair("localhost");
  return one;
}

TEST(MakeTlsContext, NamesTheOptionAtFault) {
  struct Case {
    void (*break_it)(TlsOptions&);
    std::vector<const char*> names;
    const char* why;
  };
  const Case cases[] = {
      {[](TlsOptions& o) { o.profile = "Modern"; },
       {"tls_profile", "modern"},
       "profiles are lower case"},
      {[](TlsOptions& o) { o.min_version = "1.1"; },
       {"tls_min_version", "1.1"},
       "1.1 is not to be had"},
      {[](TlsOptions& o) { o.max_version = "TLSv1.3"; }, {"tls_max_version"}, "a wrong spelling"},
      {[](TlsOptions& o) { o.min_version = "1.3", o.max_version = "1.2"; },
       {"tls_min_version", "1.3", "tls_max_version", "1.2"},
       "minimum above maximum"},
      {[](TlsOptions& o) { o.profile = "modern", o.max_version = "1.2"; },
       {"tls_min_version", "modern", "tls_max_version"},
       "the same by way of the profile"},
      {[](TlsOptions& o) { o.ciphers = "TLS_AES_256_GCM_SHA384"; },
       {"tls_ciphers", "1.2"},
       "both lists get it"},
      {[](TlsOptions& o) { o.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"; },
       {"tls_ciphers", "1.3"},
       "the other way"},
      {[](TlsOptions& o) { o.ciphers = "nonsense"; }, {"tls_ciphers"}, "no suite at all"},
      {[](TlsOptions& o) { o.groups = "X25519:nonsense"; },
       {"tls_groups", "nonsense"},
       "an unknown group"},
      {[](TlsOptions& o) { o.certificate_pem = ""; }, {"certificate"}, "no certificate"},
      {[](TlsOptions& o) { o.certificate_pem.resize(100); }, {"certificate"}, "half a certificate"},
      {[](TlsOptions& o) { o.certificate_pem += o.certificate_pem.substr(0, 100); },
       {"certificate"},
       "half a chain"},
      {[](TlsOptions& o) { o.private_key_pem = Secret(); }, {"private_key"}, "no key"},
      {[](TlsOptions& o) { o.private_key_pem = Secret::from_text(make_pair("x").key_pem); },
       {"private_key", "certificate"},
       "a key of another pair"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TlsOptions options = tls_options(pair());
    c.break_it(options);
    const auto got = make_tls_context(options);
    ASSERT_FALSE(got);
    for (const char* name : c.names) {
      EXPECT_NE(got.error().message.find(name), std::string::npos)
          << name << " in: " << got.error().message;
    }
    EXPECT_EQ(got.error().message.find("PRIVATE KEY-----\n"), std::string::npos)
        << "no key in a message";
  }
}

TEST(MakeTlsContext, AcceptsWhatTheSpecificationAccepts) {
  struct Case {
    void (*change)(TlsOptions&);
    const char* why;
  };
  const Case cases[] = {
      {[](TlsOptions&) {}, "nothing but a certificate and its key"},
      {[](TlsOptions& o) { o.profile = "old"; }, "old"},
      {[](TlsOptions& o) { o.profile = "modern"; }, "modern"},
      {[](TlsOptions& o) { o.profile = "custom"; }, "custom"},
      {[](TlsOptions& o) { o.ciphers = "TLS_AES_256_GCM_SHA384", o.min_version = "1.3"; },
       "1.3 names, 1.3 only"},
      {[](TlsOptions& o) { o.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384", o.max_version = "1.2"; },
       "1.2 names, 1.2 only"},
      {[](TlsOptions& o) { o.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384"; },
       "one of each"},
      {[](TlsOptions& o) { o.profile = "modern", o.ciphers = "TLS_AES_256_GCM_SHA384"; },
       "modern sets one list only"},
      {[](TlsOptions& o) {
         o.profile = "modern", o.min_version = "1.2", o.ciphers = "TLS_AES_256_GCM_SHA384";
       },
       "so it does when the minimum is lowered"},
      {[](TlsOptions& o) { o.groups = "secp384r1"; }, "one group"},
      {[](TlsOptions& o) { o.certificate_pem += make_pair("issuer").certificate_pem; }, "a chain"},
      {[](TlsOptions& o) { o.certificate_pem = "a comment\n" + o.certificate_pem + "\nanother\n"; },
       "text around it"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TlsOptions options = tls_options(pair());
    c.change(options);
    const auto got = make_tls_context(options);
    EXPECT_TRUE(got) << got.error().message;
  }
}

TEST(MakeTlsContext, NeverAsksForAPassphrase) {
  const crypto::EvpPkey key(EVP_EC_gen("P-256"));
  const crypto::BioPtr text(BIO_new(BIO_s_mem()));
  char passphrase[] = "secret";
  PEM_write_bio_PKCS8PrivateKey(text.get(), key.get(), EVP_aes_128_cbc(), passphrase, 6, nullptr,
                                nullptr);
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(text.get(), &data));
  TlsOptions options = tls_options(pair());
  options.private_key_pem = Secret::from_text({data, size});
  const auto got = make_tls_context(options);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("decrypt"), std::string::npos) << got.error().message;
}

}  // namespace
}  // namespace kbs::http
