// Bytes that were written once and must be readable for ever: tests/vectors/encryption/.
#include "crypto/testing/vectors.h"

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "base/json.h"
#include "storage/encrypted/test_store.h"

namespace kbs::storage::encrypted {
namespace {

std::string text(const json::object& row, const char* name) {
  return std::string(row.at(name).as_string());
}
Bytes bytes(const json::object& row, const char* name) { return *from_hex(text(row, name)); }

TEST(Vectors, EnvelopesHoldWhatTheySay) {
  const json::array rows = crypto::testing::vectors("encryption/envelopes.json");
  ASSERT_GE(rows.size(), 5u);
  for (const json::value& value : rows) {
    const json::object& row = value.as_object();
    SCOPED_TRACE(text(row, "why"));
    const Bytes stored = bytes(row, "envelope");
    auto envelope = parse_envelope(stored);
    ASSERT_TRUE(envelope) << describe(envelope.error());
    EXPECT_EQ(hex(envelope->bound.store), text(row, "store"));
    EXPECT_EQ(hex(envelope->bound.seq), text(row, "seq"));
    EXPECT_EQ(envelope->key_id, text(row, "key_id"));
    EXPECT_EQ(envelope->bound.content_type, text(row, "content_type"));
    std::optional<SysTime> not_after;
    if (!row.at("not_after").is_null()) {
      not_after = SysTime{std::chrono::microseconds(row.at("not_after").as_int64())};
    }
    EXPECT_EQ(envelope->bound.not_after, not_after);

    const KekPtr kek = local_kek("file", Secret(bytes(row, "key")));
    EXPECT_EQ(kek->id(), text(row, "key_id"));
    auto data_key = run(kek->unwrap(std::string(as_text(envelope->wrapped)),
                                    data_key_context(envelope->bound.store, envelope->bound.seq)));
    ASSERT_TRUE(data_key) << describe(data_key.error());
    auto opened = open(*envelope, text(row, "path"), *data_key);
    ASSERT_TRUE(opened) << describe(opened.error());
    EXPECT_EQ(hex(opened->expose()), text(row, "value"));
    EXPECT_FALSE(open(*envelope, text(row, "path") + "x", *data_key)) << "of this name only";

    const Wrapping wrapping{envelope->key_id, std::string(as_text(envelope->wrapped))};
    const SecretBytes again = seal(envelope->bound, text(row, "path"), wrapping, *data_key,
                                   envelope->nonce, opened->expose());
    EXPECT_EQ(hex(again), text(row, "envelope")) << "and we would write the same bytes";
  }
}

TEST(Vectors, AWholeStoreOpensByKeyAndByPassphrase) {
  const json::array rows = crypto::testing::vectors("encryption/store.json");
  const json::object& row = rows.at(0).as_object();
  const KekSource sources[] = {
      source_of(local_kek("file", Secret(bytes(row, "key")))),
      {{},
       SecretSource{SecretSource::Kind::text, "",
                    std::make_shared<const Secret>(Secret::from_text(text(row, "passphrase")))},
       nullptr}};
  for (const KekSource& source : sources) {
    TestStore s;
    s.options.key = source;
    for (const auto& resource : row.at("resources").as_object()) {
      s.put_raw(*ResourceId::parse(resource.key()),
                as_text(*from_hex(resource.value().as_string())));
    }
    auto opened = s.open();
    // The key file's values are under the key file; the passphrase alone opens the store.
    ASSERT_TRUE(opened) << describe(opened.error());
    if (source.key == nullptr) continue;
    for (const auto& value : row.at("values").as_object()) {
      EXPECT_EQ(s.read(*ResourceId::parse(value.key())), value.value().as_string());
    }
    EXPECT_THAT(s.verify(), ::testing::IsEmpty());
    s.remove_raw(kId);
    EXPECT_EQ(s.read(kId), "<internal>") << "the manifest was understood, too";
  }
}

}  // namespace
}  // namespace kbs::storage::encrypted
