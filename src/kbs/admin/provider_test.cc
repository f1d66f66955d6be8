/// Keys of administrators: where they come from, and which token they believe.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "kbs/admin/testing/tokens.h"

namespace kbs::admin::testing {
namespace {

using crypto::JwsAlgorithm;
using crypto::KeyType;
using crypto::PrivateKey;
using ::testing::HasSubstr;

constexpr const char* kRefused =
    "unauthenticated: Admin access denied: Cannot verify token with any of the issuers";

class Keys : public AdminTest {
 protected:
  std::string ask(const config::IdentityProvider& provider, const std::string& token) const {
    const auto g = gate(authenticated(provider));
    return g ? outcome(g->authorize("Bearer " + token, "POST", "/kbs/v0/resource/a/b/c"))
             : "no gate";
  }
  static std::string jwk(const PrivateKey& key, const std::string& members) {
    std::string text = to_json(key.public_key().to_jwk());
    return text.insert(text.size() - 1, members);
  }
  std::string write_set(const std::string& keys) const {
    return write("set.json", "{\"keys\":[" + keys + "]}");
  }
};

TEST_F(Keys, EveryKindOfPemKeyWithEveryAlgorithmThatFitsIt) {  // D-25
  struct Case {
    KeyType type;
    std::vector<JwsAlgorithm> good;
  };
  const Case cases[] = {
      {KeyType::ed25519, {JwsAlgorithm::eddsa}},
      {KeyType::ec_p256, {JwsAlgorithm::es256}},
      {KeyType::ec_p384, {JwsAlgorithm::es384}},
      {KeyType::rsa,
       {JwsAlgorithm::rs256, JwsAlgorithm::rs384, JwsAlgorithm::rs512, JwsAlgorithm::ps256,
        JwsAlgorithm::ps384, JwsAlgorithm::ps512}},
  };
  for (const Case& c : cases) {
    const PrivateKey key = PrivateKey::generate(c.type).value();
    const auto provider = pem_provider(write("key.pem", key.public_key().to_pem()));
    for (JwsAlgorithm algorithm : c.good) {
      EXPECT_EQ(ask(provider, sign(key, claims("admin"), algorithm)), "granted as admin")
          << to_string(algorithm);
    }
    const PrivateKey other = PrivateKey::generate(c.type).value();
    EXPECT_EQ(ask(provider, sign(other, claims("admin"), c.good[0])), kRefused)
        << "D-08: another key";
  }
}

TEST_F(Keys, TheAlgorithmMustFitTheConfiguredKey) {  // D-23 and its relatives
  const PrivateKey ed = PrivateKey::generate(KeyType::ed25519).value();
  const PrivateKey rsa = PrivateKey::generate(KeyType::rsa).value();
  const PrivateKey ec = PrivateKey::generate(KeyType::ec_p256).value();
  const auto provider = pem_provider(write("ed.pem", ed.public_key().to_pem()));
  EXPECT_EQ(ask(provider, sign(rsa, claims("admin"), JwsAlgorithm::rs256)), kRefused);
  EXPECT_EQ(ask(provider, sign(ec, claims("admin"), JwsAlgorithm::es256)), kRefused);

  // The good signature under a header that says something else.
  const std::string good = sign(ed, claims("admin"));
  const std::string rest = good.substr(good.find('.'));
  for (const char* const header : {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS256"})",
                                   R"({"alg":"ES256"})", R"({"alg":"ES512"})", R"({"alg":"eddsa"})",
                                   R"({"alg":""})", R"({"alg":["EdDSA"]})", R"({})", R"([])"}) {
    EXPECT_EQ(ask(provider, base64url(as_bytes(header)) + rest), kRefused) << header;
  }
  // Unsigned, and a MAC whose key is the public key: the classics.
  const std::string payload = base64url(as_bytes(claims("admin")));
  EXPECT_EQ(ask(provider, base64url(as_bytes(R"({"alg":"none"})")) + "." + payload + "."),
            kRefused);
  EXPECT_EQ(ask(provider, base64url(as_bytes(R"({"alg":"EdDSA"})")) + "." + payload + "."),
            kRefused);
}

TEST_F(Keys, AKeyInTheHeaderIsNeverBelieved) {
  const PrivateKey ours = PrivateKey::generate(KeyType::ed25519).value();
  const PrivateKey stranger = PrivateKey::generate(KeyType::ed25519).value();
  const auto provider = pem_provider(write("ed.pem", ours.public_key().to_pem()));
  const std::string header = ",\"jwk\":" + jwk(stranger, ",\"alg\":\"EdDSA\"");
  EXPECT_EQ(ask(provider, sign(stranger, claims("admin"), JwsAlgorithm::eddsa, header)), kRefused);
  EXPECT_EQ(ask(provider, sign(ours, claims("admin"), JwsAlgorithm::eddsa, header)),
            "granted as admin")
      << "and does no harm either";
}

TEST_F(Keys, AJwkSetIsAskedByKid) {  // D-26
  const PrivateKey ed = PrivateKey::generate(KeyType::ed25519).value();
  const PrivateKey rsa = PrivateKey::generate(KeyType::rsa).value();
  config::IdentityProvider provider;
  provider.jwk_set_uri = "file://" + write_set(jwk(ed, R"(,"kid":"e","alg":"EdDSA")") + "," +
                                               jwk(rsa, R"(,"kid":"r","alg":"PS256","use":"sig")"));
  const auto kid = [](const char* name) { return std::string(",\"kid\":\"") + name + "\""; };
  struct Case {
    std::string token;
    const char* want;
    const char* why;
  };
  const Case cases[] = {
      {sign(ed, claims("admin"), JwsAlgorithm::eddsa, kid("e")), "granted as admin", "its key"},
      {sign(rsa, claims("admin"), JwsAlgorithm::ps256, kid("r")), "granted as admin", "its key"},
      {sign(rsa, claims("admin"), JwsAlgorithm::rs256, kid("r")), kRefused, "the set says PS256"},
      {sign(ed, claims("admin"), JwsAlgorithm::eddsa, kid("r")), kRefused,
       "signed with another of the set"},
      {sign(ed, claims("admin"), JwsAlgorithm::eddsa, kid("x")), kRefused, "unknown kid"},
      {sign(ed, claims("admin")), kRefused, "no kid"},
      {sign(ed, claims("admin"), JwsAlgorithm::eddsa, kid("e") + ",\"jwk\":" + jwk(ed, "")),
       kRefused, "a jwk beside the kid"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(ask(provider, c.token), c.want);
  }
}

TEST_F(Keys, APemBesideTheSetTakesWhatTheSetDoesNotName) {
  const PrivateKey in_set = PrivateKey::generate(KeyType::ed25519).value();
  const PrivateKey pem = PrivateKey::generate(KeyType::ec_p256).value();
  config::IdentityProvider provider = pem_provider(write("p.pem", pem.public_key().to_pem()));
  provider.jwk_set_uri = write_set(jwk(in_set, R"(,"kid":"e","alg":"EdDSA")"));
  EXPECT_EQ(ask(provider, sign(pem, claims("admin"), JwsAlgorithm::es256)), "granted as admin");
  EXPECT_EQ(ask(provider, sign(pem, claims("admin"), JwsAlgorithm::es256, ",\"kid\":\"other\"")),
            "granted as admin");
  EXPECT_EQ(ask(provider, sign(pem, claims("admin"), JwsAlgorithm::es256, ",\"kid\":\"e\"")),
            kRefused)
      << "a kid of the set means that key and no other";
}

TEST_F(Keys, UnusableSourcesAreRefusedAtStartAndNamed) {
  const PrivateKey ed = PrivateKey::generate(KeyType::ed25519).value();
  const std::string directory = dir_ + "/directory";
  ASSERT_EQ(mkdir(directory.c_str(), 0700), 0);
  struct Case {
    std::string source;
    const char* why;
  };
  const Case pems[] = {
      {dir_ + "/absent.pem", "no file"},
      {directory, "a directory"},
      {write("empty.pem", ""), "an empty file"},
      {write("junk.pem", "hello"), "no PEM"},
      {write("p521.pem", PrivateKey::generate(KeyType::ec_p521).value().public_key().to_pem()),
       "ES512 is refused"},
      {"https://sso.example/key.pem", "not in this build"},
      {"http://sso.example/key.pem", "clear text"},
  };
  for (const Case& c : pems) {
    SCOPED_TRACE(c.why);
    EXPECT_THAT(why_not(authenticated(pem_provider(c.source))), HasSubstr(c.source));
  }
  const Case sets[] = {
      {write("a.json", "[]"), "no object"},
      {write("b.json", "{\"keys\":{}}"), "no list"},
      {write("c.json", "{\"keys\":[]}"), "no key"},
      {write("d.json", "{\"keys\":[" + jwk(ed, R"(,"kid":"e")") + "]}"), "K-36: no alg"},
      {write("e.json", "{\"keys\":[" + jwk(ed, R"(,"alg":"EdDSA")") + "]}"), "no kid"},
      {write("f.json", "{\"keys\":[" + jwk(ed, R"(,"kid":"e","alg":"ES256")") + "]}"),
       "alg of another family"},
      {write("g.json", "{\"keys\":[" + jwk(ed, R"(,"kid":"e","alg":"EdDSA","use":"enc")") + "]}"),
       "to encrypt"},
      {write("h.json", R"({"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"e","alg":"HS256"}]})"),
       "a shared secret"},
      {"https://sso.example/realms/kbs", "not in this build"},
  };
  for (const Case& c : sets) {
    SCOPED_TRACE(c.why);
    config::IdentityProvider provider;
    provider.jwk_set_uri = c.source;
    EXPECT_THAT(why_not(authenticated(provider)), HasSubstr(c.source));
  }
  EXPECT_THAT(why_not(authenticated(config::IdentityProvider{})), HasSubstr("public_key_uri"))
      << "D-38";
}

TEST_F(Keys, OlderFormsTakeEd25519Only) {
  config::IdentityProvider provider = pem_provider(
      write("ec.pem", PrivateKey::generate(KeyType::ec_p256).value().public_key().to_pem()));
  provider.fixed_role = "admin";
  EXPECT_THAT(why_not(authenticated(provider)), HasSubstr("Ed25519"));
}

}  // namespace
}  // namespace kbs::admin::testing
