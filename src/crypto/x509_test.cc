#include "crypto/x509.h"

#include <gtest/gtest.h>

#include "crypto/testing/test_ca.h"
#include "crypto/testing/vectors.h"

namespace kbs::crypto {
namespace {

using testing::issue;
using testing::Issued;
using testing::kTestDay;
using testing::make_intermediate;
using testing::make_root;

using Extensions = std::vector<std::pair<std::string, std::string>>;

TrustStore trust(std::initializer_list<const Issued*> certificates) {
  TrustStore store;
  for (const Issued* c : certificates) {
    if (auto added = store.add_pem(c->pem); !added)
      throw std::runtime_error(describe(added.error()));
  }
  return store;
}

Result<VerifiedChain> verify(std::initializer_list<const Issued*> chain, const TrustStore& store,
                             SysTime now = kTestDay) {
  std::vector<Bytes> der;
  for (const Issued* c : chain) der.push_back(c->der);
  return verify_chain(der, store, now);
}

const Extensions kSigner = {{"basicConstraints", "critical,CA:FALSE"},
                            {"keyUsage", "critical,digitalSignature"}};

struct Scenario {
  std::string file;
  bool endorsed;
  const char* why;
};

/// What a token verifier does with a header key: chain, then key equality.
bool endorsed(const json::object& jwk, const TrustStore& store) {
  const auto* x5c = jwk.if_contains("x5c");
  if (x5c == nullptr) return false;
  std::vector<Bytes> chain;
  for (const json::value& entry : x5c->as_array()) {
    chain.push_back(from_base64_lenient(entry.as_string()).value());
  }
  const auto verified = verify_chain(chain, store, kTestDay);
  return verified && verified->leaf_key == PublicKey::from_jwk(jwk).value();
}

TEST(X509, SharedScenarios) {
  const auto dir = testing::shared_vectors() / "jwk";
  if (!std::filesystem::exists(dir)) {
    GTEST_SKIP() << "no shared vectors beside the repository (set VOUCHSAFE_VECTORS)";
  }
  const Scenario scenarios[] = {
      {"scenario01", true, "leaf under a trusted root"},
      {"scenario02", false, "the certificate is of another key"},
      {"scenario03", false, "no x5c"},
      {"scenario05", true, "leaf and intermediate"},
  };
  for (const Scenario& s : scenarios) {
    SCOPED_TRACE(s.why);
    TrustStore store;
    ASSERT_TRUE(store.add_pem(testing::slurp(dir / (s.file + "-trust.pem"))));
    const auto jwk = parse_json_object(testing::slurp(dir / (s.file + "-jwk.json"))).value();
    EXPECT_EQ(endorsed(jwk, store), s.endorsed);
    EXPECT_FALSE(endorsed(jwk, TrustStore())) << "nothing is trusted";
    TrustStore other;
    ASSERT_TRUE(other.add_pem(make_root().pem));
    EXPECT_FALSE(endorsed(jwk, other)) << "another root is trusted";
  }
  // The reference's own signer: self-signed, no extension at all, put into the trust file as it is.
  TrustStore store;
  const std::string pem = testing::slurp(dir / "as-cert-chain.pem");
  ASSERT_TRUE(store.add_pem(pem));
  const auto chain = certificates_from_pem(pem).value();
  const auto verified = verify_chain(chain, store, kTestDay);
  ASSERT_TRUE(verified) << describe(verified.error());
  const auto key = PrivateKey::from_pem(testing::slurp(dir / "as-signing-key.pem"));
  ASSERT_TRUE(key) << describe(key.error());
  EXPECT_EQ(verified->leaf_key, key->public_key());
}

TEST(X509, BuildsThePath) {
  const Issued root = make_root();
  const Issued one = make_intermediate(root, "one");
  const Issued two = make_intermediate(one, "two");
  const Issued leaf = issue({.extensions = kSigner}, &two);
  const Issued stranger = make_root("stranger");
  const TrustStore only_root = trust({&root});
  EXPECT_TRUE(verify({&leaf, &two, &one}, only_root));
  EXPECT_TRUE(verify({&leaf, &one, &two}, only_root)) << "shuffled";
  EXPECT_TRUE(verify({&leaf, &one, &two, &root, &stranger}, only_root)) << "with extra ones";
  EXPECT_TRUE(verify({&leaf, &two}, trust({&root, &one}))) << "some only in the trust file";
  EXPECT_TRUE(verify({&leaf}, trust({&root, &one, &two}))) << "all in the trust file";
  EXPECT_FALSE(verify({&leaf, &one}, only_root)) << "one is missing";
  EXPECT_FALSE(verify({&leaf, &two, &one}, trust({&one, &two})))
      << "a path must end at a self-signed root";
  EXPECT_FALSE(verify({&leaf, &two, &one}, trust({&stranger}))) << "another root";
  EXPECT_FALSE(verify({&leaf, &two, &one}, TrustStore())) << "no trust at all";
  EXPECT_FALSE(verify({&leaf, &two, &one, &root}, TrustStore()))
      << "a root does not vouch for itself";
  EXPECT_FALSE(verify({}, only_root)) << "an empty chain";
  EXPECT_EQ(verify({&leaf, &two, &one}, only_root)->leaf_key, leaf.key.public_key());
}

// A mistake of the reference: any leaf of a trusted CA, a TLS server's too, could sign tokens.
TEST(X509, LeafMustBeFitToSignTokens) {
  const Issued root = make_root();
  const TrustStore store = trust({&root});
  struct Case {
    Extensions extensions;
    bool accepted;
    const char* why;
  };
  const Case cases[] = {
      {{}, true, "no extensions: unrestricted (RFC 5280)"},
      {{{"keyUsage", "digitalSignature"}}, true, "may sign"},
      {{{"keyUsage", "digitalSignature,keyEncipherment"}}, true, "may sign and more"},
      {{{"keyUsage", "keyEncipherment"}}, false, "may not sign"},
      {{{"keyUsage", "nonRepudiation"}}, false, "contracts, not tokens"},
      {{{"keyUsage", "keyCertSign"}}, false, "a CA's usage"},
      {{{"extendedKeyUsage", "serverAuth"}}, false, "a TLS server's"},
      {{{"extendedKeyUsage", "clientAuth"}}, false, "a TLS client's"},
      {{{"extendedKeyUsage", "serverAuth,clientAuth"}}, false, "TLS, both ways"},
      {{{"keyUsage", "digitalSignature"}, {"extendedKeyUsage", "serverAuth"}},
       false,
       "what a web CA issues"},
      {{{"extendedKeyUsage", "OCSPSigning"}}, false, "signs revocation answers"},
      {{{"extendedKeyUsage", "critical,timeStamping"}}, false, "signs time stamps"},
      {{{"extendedKeyUsage", "msSGC,nsSGC"}}, false, "TLS under its old names"},
      {{{"extendedKeyUsage", "codeSigning"}}, true, "a signing purpose"},
      {{{"extendedKeyUsage", "emailProtection"}}, true, "a signing purpose"},
      {{{"extendedKeyUsage", "1.3.6.1.4.1.99999.1"}}, true, "the CA's own purpose"},
      {{{"extendedKeyUsage", "serverAuth,1.3.6.1.4.1.99999.1"}}, true, "more than TLS"},
      {{{"extendedKeyUsage", "anyExtendedKeyUsage"}}, true, "said to be for anything"},
      {{{"basicConstraints", "critical,CA:TRUE"}}, false, "a CA is no signer"},
      {{{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "digitalSignature,keyCertSign"}},
       false,
       "a CA is no signer, whatever its usage"},
      {{{"1.3.6.1.4.1.99999.2", "critical,ASN1:NULL"}}, false, "an unknown critical extension"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    const Issued leaf = issue({.extensions = c.extensions}, &root);
    const auto got = verify({&leaf}, store);
    EXPECT_EQ(got.has_value(), c.accepted) << (got ? "accepted" : describe(got.error()));
    if (!got) EXPECT_EQ(got.error().kind, ErrorKind::unauthenticated);
  }
}

TEST(X509, TlsAuthoritiesCannotMakeSigners) {
  const Issued root = make_root();
  const TrustStore store = trust({&root});
  const Issued tls = make_intermediate(root, "tls ca", "serverAuth,clientAuth");
  const Issued signing = make_intermediate(root, "signing ca", "codeSigning");
  const Issued bad = issue({.extensions = kSigner}, &tls);
  EXPECT_FALSE(verify({&bad, &tls}, store));
  const Issued leaf = issue({.extensions = kSigner}, &signing);
  EXPECT_TRUE(verify({&leaf, &signing}, store));
}

TEST(X509, OnlyAuthoritiesIssue) {
  const Issued root = make_root();
  const TrustStore store = trust({&root});
  // The leaf of a trusted CA plays CA itself.
  const Issued impostor = issue({.name = "impostor", .extensions = kSigner}, &root);
  const Issued victim = issue({.extensions = kSigner}, &impostor);
  EXPECT_FALSE(verify({&victim, &impostor}, store));
  const Issued silent = issue({.name = "silent"}, &root);
  const Issued victim2 = issue({.extensions = kSigner}, &silent);
  EXPECT_FALSE(verify({&victim2, &silent}, store));
  const Issued no_sign = issue(
      {.name = "no keyCertSign",
       .extensions = {{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,cRLSign"}}},
      &root);
  const Issued victim3 = issue({.extensions = kSigner}, &no_sign);
  EXPECT_FALSE(verify({&victim3, &no_sign}, store));
  const Issued short_path =
      issue({.name = "pathlen 0",
             .extensions = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"},
                            {"keyUsage", "critical,keyCertSign"}}},
            &root);
  const Issued below = make_intermediate(short_path, "below");
  const Issued victim4 = issue({.extensions = kSigner}, &below);
  EXPECT_FALSE(verify({&victim4, &below, &short_path}, store));
}

TEST(X509, SelfSignedSignersCountWhenTrusted) {
  const Issued plain = issue({.name = "signer"});
  EXPECT_TRUE(verify({&plain}, trust({&plain})));
  EXPECT_FALSE(verify({&plain}, trust({}))) << "by itself it proves nothing";
  const Issued as_ca =
      issue({.name = "signer", .extensions = {{"basicConstraints", "critical,CA:TRUE"}}});
  EXPECT_TRUE(verify({&as_ca}, trust({&as_ca}))) << "what `openssl req -x509` makes";
  const Issued root = make_root();
  EXPECT_FALSE(verify({&root}, trust({&root}))) << "its keyUsage says certificates only";
  const Issued server =
      issue({.name = "server", .extensions = {{"extendedKeyUsage", "serverAuth"}}});
  EXPECT_FALSE(verify({&server}, trust({&server}))) << "a TLS server's";
}

TEST(X509, DatesAreThoseOfTheGivenTime) {
  using std::chrono::hours;
  const Issued root = make_root();
  const Issued intermediate = issue({.name = "short-lived intermediate",
                                     .extensions = {{"basicConstraints", "critical,CA:TRUE"}},
                                     .not_after = kTestDay + hours{2}},
                                    &root);
  const Issued leaf = issue({.extensions = kSigner}, &intermediate);
  const TrustStore store = trust({&root});
  const auto now = verify({&leaf, &intermediate}, store);
  ASSERT_TRUE(now) << describe(now.error());
  EXPECT_EQ(now->not_after, kTestDay + hours{2}) << "the earliest end counts";
  EXPECT_TRUE(verify({&leaf, &intermediate}, store, kTestDay + hours{1}));
  EXPECT_FALSE(verify({&leaf, &intermediate}, store, kTestDay + hours{3})) << "expired above";
  EXPECT_FALSE(verify({&leaf, &intermediate}, store, kTestDay + hours{25})) << "expired";
  EXPECT_FALSE(verify({&leaf, &intermediate}, store, kTestDay - hours{25})) << "not yet valid";
}

TEST(X509, WeakSignaturesAreRefused) {
  const Issued root = make_root();
  const Issued leaf = issue({.extensions = kSigner, .digest = "SHA1"}, &root);
  EXPECT_FALSE(verify({&leaf}, trust({&root})));
}

TEST(X509, LeafKeysOfEveryKindAreHandedBack) {
  const Issued root = make_root();
  for (KeyType type : {KeyType::rsa, KeyType::ec_p256, KeyType::ec_p384, KeyType::ed25519}) {
    const Issued leaf = issue({.extensions = kSigner, .key_type = type}, &root);
    const auto got = verify({&leaf}, trust({&root}));
    ASSERT_TRUE(got) << describe(got.error());
    EXPECT_EQ(got->leaf_key.type(), type);
  }
}

TEST(X509, DamagedCertificatesAreRefused) {
  const Issued root = make_root();
  const Issued leaf = issue({.extensions = kSigner}, &root);
  const TrustStore store = trust({&root});
  ASSERT_TRUE(verify({&leaf}, store));
  for (std::size_t i = 0; i < leaf.der.size(); i += 7) {
    Bytes bad = leaf.der;
    bad[i] ^= static_cast<std::byte>(1u << (i % 8));
    EXPECT_FALSE(verify_chain(std::vector<Bytes>{bad}, store, kTestDay)) << "byte " << i;
  }
  Bytes longer = leaf.der;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(verify_chain(std::vector<Bytes>{longer}, store, kTestDay)) << "trailing byte";
  Bytes shorter = leaf.der;
  shorter.pop_back();
  EXPECT_FALSE(verify_chain(std::vector<Bytes>{shorter}, store, kTestDay)) << "cut";
  EXPECT_FALSE(verify_chain(std::vector<Bytes>{Bytes{}}, store, kTestDay)) << "empty";
  EXPECT_FALSE(verify_chain(std::vector<Bytes>{leaf.der, Bytes{std::byte{1}}}, store, kTestDay))
      << "a damaged companion";
  EXPECT_FALSE(verify_chain(std::vector<Bytes>(17, leaf.der), store, kTestDay)) << "too many";
}

TEST(X509, BundlesAreReadWhole) {
  const Issued one = make_root("one");
  const Issued two = make_root("two");
  TrustStore store;
  ASSERT_TRUE(store.add_pem("# our roots\n" + one.pem + "\n" + two.pem));
  EXPECT_EQ(store.size(), 2u);
  const auto der =
      certificates_from_pem(std::string(one.key.to_pkcs8_pem().expose_text()) + one.pem + two.pem);
  ASSERT_TRUE(der) << describe(der.error());
  EXPECT_EQ(*der, (std::vector<Bytes>{one.der, two.der})) << "in order, other blocks skipped";
  const std::string cut = one.pem + two.pem.substr(0, two.pem.size() / 2);
  const std::string garbled =
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + one.pem;
  for (const std::string& bad : {std::string(), std::string("text"), cut, garbled,
                                 std::string(one.key.to_pkcs8_pem().expose_text())}) {
    TrustStore fresh;
    const auto added = fresh.add_pem(bad);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().kind, ErrorKind::invalid_request);
    EXPECT_FALSE(certificates_from_pem(bad));
  }
}

}  // namespace
}  // namespace kbs::crypto
