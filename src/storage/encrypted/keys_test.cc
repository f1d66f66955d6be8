// Keys: which files are one, what opens a store, and how it moves from one key to the next.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/encoding.h"
#include "storage/encrypted/test_store.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::encrypted {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempDir;

SecretSource passphrase(const char* text) {
  return {SecretSource::Kind::text, "", std::make_shared<const Secret>(Secret::from_text(text))};
}
KekSource of_passphrase(const char* text) { return {{}, passphrase(text), nullptr}; }

TEST(KeyFile, IsThirtyTwoBytesInOneOfThreeForms) {
  const std::string raw = "0123456789abcdefghijklmnopqrstu\n";
  const std::string as_hex = hex(as_bytes(raw));
  const std::string as_base64 = base64(as_bytes(raw));
  struct Case {
    std::string text;
    bool good;
    const char* why;
  };
  const Case cases[] = {
      {raw, true, "32 raw bytes, the last of which happens to be a line feed"},
      {as_hex, true, "64 hex digits"},
      {as_hex + "\n", true, "as an editor leaves it"},
      {as_hex + "\r\n", true, "as another editor leaves it"},
      {as_base64 + "\n", true, "base64"},
      {"", false, "empty"},
      {raw.substr(1), false, "a byte too few"},
      {raw + "x", false, "a byte too many"},
      {as_hex.substr(2), false, "hex of 31 bytes"},
      {"g" + as_hex.substr(1), false, "not hex"},
      {base64(as_bytes(raw + "x")), false, "base64 of 33 bytes"},
      {std::string(32, '\0'), false, "made but never filled"},
      {std::string(5000, 'a'), false, "far too long"},
  };
  std::optional<std::string> id;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    TempDir dir;
    dir.put("key", c.text);
    ASSERT_EQ(::chmod(dir.at("key").c_str(), 0600), 0);
    auto kek = kek_from_file(dir.at("key"));
    EXPECT_EQ(kind_of(kek), c.good ? "ok" : "invalid_request");
    if (!kek) EXPECT_THAT(message_of(kek), HasSubstr(dir.at("key")));
    if (!kek) continue;
    if (!id) id = (*kek)->id();
    EXPECT_EQ((*kek)->id(), *id) << "the form is no part of the key";
  }
}

TEST(KeyFile, MustNotBeReadableByOthers) {
  struct Case {
    unsigned mode;
    bool good;
  };
  for (const Case& c :
       {Case{0600, true}, {0400, true}, {0640, false}, {0604, false}, {0660, false}}) {
    TempDir dir;
    dir.put("key", std::string(32, 'k'));
    ASSERT_EQ(::chmod(dir.at("key").c_str(), c.mode), 0);
    auto kek = kek_from_file(dir.at("key"));
    EXPECT_EQ(kind_of(kek), c.good ? "ok" : "invalid_request") << std::oct << c.mode;
    if (!kek) EXPECT_THAT(message_of(kek), HasSubstr("chmod 600"));
  }
}

TEST(KeyFile, OfAMountedSecretMay) {
  TempDir dir;
  dir.put("..v1/key", std::string(32, 'k'));
  ASSERT_EQ(::chmod(dir.at("..v1/key").c_str(), 0644), 0);
  std::filesystem::create_symlink("..v1", dir.path() / "..data");
  std::filesystem::create_symlink("..data/key", dir.path() / "key");
  std::filesystem::create_symlink("..v1/key", dir.path() / "other");
  EXPECT_TRUE(kek_from_file(dir.at("key")));
  EXPECT_FALSE(kek_from_file(dir.at("other"))) << "some other link";
}

TEST(KeyFile, IsARegularFileThatIsThere) {
  TempDir dir;
  ASSERT_EQ(::mkfifo(dir.at("fifo").c_str(), 0600), 0);
  for (const char* name : {"absent", "fifo", "."}) {
    auto kek = kek_from_file(dir.at(name));
    ASSERT_FALSE(kek) << name;
    EXPECT_THAT(message_of(kek) + kek.error().detail, HasSubstr(dir.at(name)));
  }
}

TEST(Keys, TheWrongKeyIsToldWhichKeyTheStoreWants) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "v"));
  s.options.key = source_of(test_kek('w'));
  const auto before = s.everything();
  auto opened = s.another();
  EXPECT_EQ(kind_of(opened), "invalid_request");
  EXPECT_THAT(message_of(opened),
              AllOf(HasSubstr(test_kek('k')->id()), HasSubstr(test_kek('w')->id()),
                    HasSubstr("previous_key_files"), HasSubstr("\"test\"")));
  EXPECT_EQ(s.everything(), before) << "and nothing was touched";
  s.options.key = of_passphrase("guess");
  EXPECT_EQ(kind_of(s.another()), "invalid_request");
  EXPECT_EQ(s.everything(), before);
}

TEST(Keys, ExactlyOneSource) {
  TestStore s;
  s.options.key = {};
  EXPECT_EQ(kind_of(s.another()), "invalid_request");
  s.options.key = {"/some/file", passphrase("x"), nullptr};
  EXPECT_EQ(kind_of(s.another()), "invalid_request");
  EXPECT_TRUE(s.everything().empty());
}

TEST(Keys, APassphraseOpensWhatItClosed) {
  TestStore s;
  s.options.key = of_passphrase("correct horse");
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "v"));
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "v");
  for (const auto& [name, bytes] : s.everything()) EXPECT_THAT(bytes, Not(HasSubstr("horse")));
  s.options.key = of_passphrase("wrong horse");
  auto opened = s.another();
  EXPECT_EQ(kind_of(opened), "invalid_request");
  EXPECT_THAT(message_of(opened), Not(HasSubstr("horse")));
  s.options.key = of_passphrase("");
  EXPECT_EQ(kind_of(s.another()), "invalid_request");
}

TEST(Keys, FromAKeyToAPassphraseAndBack) {
  TestStore s;
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(s.write(kId, "v"));
  s.options.key = of_passphrase("correct horse");
  s.options.previous = {source_of(test_kek('k'))};
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(run(s.store->rewrap()));
  s.options.previous.clear();
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "v");
  s.options.key = source_of(test_kek('n'));
  s.options.previous = {of_passphrase("correct horse")};
  ASSERT_TRUE(s.open());
  ASSERT_TRUE(run(s.store->rewrap()));
  s.options.previous.clear();
  ASSERT_TRUE(s.open());
  EXPECT_EQ(s.read(kId), "v");
}

TEST(Keys, APassphrasesCostsInAForgedHeaderAreBounded) {
  TestStore s;
  s.options.key = of_passphrase("correct horse");
  ASSERT_TRUE(s.open());
  std::string forged = s.raw(header_id());
  // magic 8, version 1, store 16, flag 1, era 16, first 8, count 1, id 1 + n, kind 1, then log2 n
  const std::size_t id_size = static_cast<unsigned char>(forged[51]);
  forged[53 + id_size] = 60;
  s.put_raw(header_id(), forged);
  EXPECT_EQ(kind_of(s.another()), "internal");
}

}  // namespace
}  // namespace kbs::storage::encrypted
