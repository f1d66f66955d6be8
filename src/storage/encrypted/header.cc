#include "storage/encrypted/header.h"

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/kdf.h"
#include "storage/encrypted/envelope.h"

namespace kbs::storage::encrypted {
namespace {

constexpr Magic kMagic = magic_of("KBSHDR");
constexpr std::uint8_t kVersion = 1;
enum : std::uint8_t { kNoManifest = 0, kManifest = 1 };
enum : std::uint8_t { kPlainKey = 0, kScryptKey = 1 };

tl::unexpected<Error> malformed(std::string what) {
  return fail(ErrorKind::internal, "the header of the encrypted store is damaged: " + what);
}

crypto::Sha256 mac_of(std::span<const std::byte> bytes, const Secret& store_key) {
  return crypto::hmac_sha256(crypto::hkdf_sha256(store_key, as_bytes("kbs header 1"), 32), bytes);
}

std::optional<ScryptSalt> read_kdf(Reader& reader, bool& known) {
  const auto kind = reader.number<std::uint8_t>();
  known = kind == kPlainKey || kind == kScryptKey;
  if (kind != kScryptKey) return std::nullopt;
  ScryptSalt how;
  how.costs.log2_n = reader.number<std::uint8_t>();
  how.costs.r = reader.number<std::uint32_t>();
  how.costs.p = reader.number<std::uint32_t>();
  how.salt = reader.array<16>();
  return how;
}

Result<HeaderKey> read_key(Reader& reader) {
  HeaderKey key;
  key.id = reader.text<std::uint8_t>();
  bool known = false;
  key.scrypt = read_kdf(reader, known);
  key.wrapped = reader.text<std::uint16_t>();
  if (!reader.ok()) return malformed("it is truncated");
  if (!is_key_id(key.id)) return malformed("a key id is malformed");
  if (!known) return malformed("it names a key derivation that is unknown");
  if (key.wrapped.empty() || key.wrapped.size() > kMaxWrapped) {
    return malformed("a wrapped key is malformed");
  }
  if (key.scrypt) {
    // Before anything can be authenticated, these cost memory and time: a bound, not a trust.
    if (auto bounded = crypto::check(key.scrypt->costs); !bounded) {
      return malformed(bounded.error().message);
    }
  }
  return key;
}

}  // namespace

const HeaderKey* Header::find(std::string_view id) const noexcept {
  const auto it =
      std::find_if(keys.begin(), keys.end(), [&](const HeaderKey& key) { return key.id == id; });
  return it == keys.end() ? nullptr : &*it;
}

Result<UncheckedHeader> parse_header(std::span<const std::byte> bytes) {
  UncheckedHeader unchecked;
  if (bytes.size() < sizeof(crypto::Sha256)) return malformed("it is truncated");
  unchecked.signed_bytes = bytes.first(bytes.size() - sizeof(crypto::Sha256));
  unchecked.mac = bytes.last(sizeof(crypto::Sha256));
  Reader reader(unchecked.signed_bytes);
  if (reader.array<8>() != kMagic) return malformed("it is not one");
  if (const auto version = reader.number<std::uint8_t>(); reader.ok() && version != kVersion) {
    return malformed("its format version " + std::to_string(version) +
                     " is unknown; a newer release may have written it");
  }
  Header& header = unchecked.header;
  header.store = reader.array<16>();
  const auto manifest = reader.number<std::uint8_t>();
  const Uuid era = reader.array<16>();
  const auto first = reader.number<std::uint64_t>();
  if (manifest > kManifest) return malformed("a flag is unknown");
  if (manifest == kManifest) header.manifest = Era{era, first};
  const auto count = reader.number<std::uint8_t>();
  if (!reader.ok()) return malformed("it is truncated");
  if (count == 0 || count > kMaxHeaderKeys) return malformed("it counts too few or many keys");
  for (unsigned i = 0; i < count; ++i) {
    KBS_TRY(HeaderKey key, read_key(reader));
    if (header.find(key.id) != nullptr) return malformed("it names one key twice");
    header.keys.push_back(std::move(key));
  }
  if (!reader.rest().empty()) return malformed("bytes follow its end");
  return unchecked;
}

bool is_genuine(const UncheckedHeader& unchecked, const Secret& store_key) {
  return crypto::equal_in_constant_time(mac_of(unchecked.signed_bytes, store_key), unchecked.mac);
}

SecretBytes write_header(const Header& header, const Secret& store_key) {
  SecretBytes out;
  const Era era = header.manifest.value_or(Era{{}, 0});
  Writer writer(out);
  writer.raw(kMagic)
      .number(kVersion)
      .raw(header.store)
      .number(header.manifest ? std::uint8_t{kManifest} : std::uint8_t{kNoManifest})
      .raw(era.id)
      .number(era.first)
      .number(static_cast<std::uint8_t>(header.keys.size()));
  for (const HeaderKey& key : header.keys) {
    writer.counted<std::uint8_t>(key.id);
    writer.number(key.scrypt ? std::uint8_t{kScryptKey} : std::uint8_t{kPlainKey});
    if (key.scrypt) {
      writer.number(key.scrypt->costs.log2_n)
          .number(key.scrypt->costs.r)
          .number(key.scrypt->costs.p)
          .raw(key.scrypt->salt);
    }
    writer.counted<std::uint16_t>(key.wrapped);
  }
  writer.raw(mac_of(out, store_key));
  return out;
}

std::string store_key_context(const Uuid& store) {
  return std::string("kbs store key 1").append(as_text(store));
}

}  // namespace kbs::storage::encrypted
