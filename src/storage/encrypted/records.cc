#include "storage/encrypted/records.h"

#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/random.h"

namespace kbs::storage::encrypted {
namespace {

constexpr Magic kRecordMagic = magic_of("KBSJNL");
constexpr Magic kPartMagic = magic_of("KBSCKP");
constexpr std::uint8_t kVersion = 1;
enum : std::uint8_t { kEntry = 1, kIntentEntry = 2 };

tl::unexpected<Error> bad_record(std::uint64_t number, std::string why) {
  return fail(ErrorKind::internal, "the manifest is damaged: record " + std::to_string(number) +
                                       " of its journal " + std::move(why));
}

tl::unexpected<Error> malformed(const char* what) {
  return fail(ErrorKind::internal, std::string("the manifest is damaged: ") + what +
                                       " is malformed; a newer release may have written it");
}

/// Where it belongs: sealed with it, and part of the key, so that no number of records wears a key
/// out and two processes may write one number.
struct Place {
  const Magic& magic;
  std::uint64_t number;
  std::uint32_t part;
};

SecretBytes head_of(const JournalKeys& keys, const Place& place) {
  SecretBytes head;
  head.reserve(kSealBytes);
  Writer(head)
      .raw(place.magic)
      .number(kVersion)
      .raw(keys.store)
      .number(place.number)
      .number(place.part);
  return head;
}

SecretBytes seal_at(const JournalKeys& keys, const Secret& key, const Place& place,
                    std::span<const std::byte> content) {
  SecretBytes out = head_of(keys, place);
  const Secret own = crypto::hkdf_sha256(key, out, crypto::kAeadKeySize);
  const SecretBytes associated = out;
  crypto::AeadNonce nonce;
  crypto::random_bytes(nonce);
  Writer(out).raw(nonce);
  const std::size_t head = out.size();
  out.resize(head + content.size() + crypto::kAeadTagSize);
  crypto::aead_seal(own.expose(), nonce, associated, content, std::span(out).subspan(head));
  return out;
}

/// The content; false when the bytes were not sealed for this place.
bool open_at(const JournalKeys& keys, const Secret& key, const Place& place,
             std::span<const std::byte> bytes, SecretBytes& content) {
  const SecretBytes head = head_of(keys, place);
  Reader reader(bytes);
  const auto found = reader.take(head.size());
  const auto nonce = reader.array<crypto::kAeadNonceSize>();
  if (!reader.ok() || !std::equal(found.begin(), found.end(), head.begin(), head.end()) ||
      reader.rest().size() < crypto::kAeadTagSize) {
    return false;
  }
  content.resize(reader.rest().size() - crypto::kAeadTagSize);
  const Secret own = crypto::hkdf_sha256(key, head, crypto::kAeadKeySize);
  return crypto::aead_open(own.expose(), nonce, head, reader.rest(), content);
}

void write_state(Writer& writer, const State& state) {
  writer.number(static_cast<std::uint8_t>(state.kind));
  if (state.kind == State::Kind::absent) return;
  writer.raw(state.seq).number(state.size).number(state.not_after);
}

/// False for a kind that is none.
bool read_state(Reader& reader, State& state) {
  const auto kind = reader.number<std::uint8_t>();
  if (kind > static_cast<std::uint8_t>(State::Kind::kept)) return false;
  state.kind = static_cast<State::Kind>(kind);
  if (state.kind == State::Kind::absent) return true;
  state.seq = reader.array<16>();
  state.size = reader.number<std::uint64_t>();
  state.not_after = reader.number<std::int64_t>();
  return true;
}

bool read_op(Reader& reader, Op& op) {
  const auto kind = reader.number<std::uint8_t>();
  if (kind < 1 || kind > 4) return false;
  op.kind = static_cast<Op::Kind>(kind);
  op.path = reader.text<std::uint16_t>();
  if (op.has_state()) return read_state(reader, op.next);
  op.of = reader.number<std::uint64_t>();
  return true;
}

bool read_entry(Reader& reader, Books& books) {
  const auto kind = reader.number<std::uint8_t>();
  std::string path(reader.text<std::uint16_t>());
  if (kind == kEntry) {
    State state;
    if (!read_state(reader, state)) return false;
    books.current.insert_or_assign(std::move(path), state);
    return true;
  }
  if (kind != kIntentEntry) return false;
  Intent intent;
  intent.number = reader.number<std::uint64_t>();
  if (!read_state(reader, intent.next)) return false;
  books.intents[std::move(path)].push_back(intent);
  return true;
}

/// Fills one content after the other.
class Parts {
 public:
  Parts(const crypto::Sha256& after, std::size_t max_bytes) : after_(after), max_(max_bytes) {}

  SecretBytes& room_for(std::size_t bytes) {
    if (all_.empty() || all_.back().size() + bytes > max_) {
      all_.emplace_back().reserve(std::min(max_, std::size_t{1} << 20));
      Writer(all_.back()).number(std::uint8_t{0}).raw(after_);
    }
    return all_.back();
  }
  std::vector<SecretBytes> take() {
    room_for(0)[0] = std::byte{1};
    return std::move(all_);
  }

 private:
  const crypto::Sha256& after_;
  std::size_t max_;
  std::vector<SecretBytes> all_;
};

constexpr std::size_t kEntryBytes = 64;  // beside its path, at most

}  // namespace

SecretBytes seal_record(const JournalKeys& keys, std::uint64_t number, const Record& record) {
  SecretBytes content;
  Writer writer(content);
  writer.raw(record.before).number(static_cast<std::uint16_t>(record.ops.size()));
  for (const Op& op : record.ops) {
    writer.number(static_cast<std::uint8_t>(op.kind)).counted<std::uint16_t>(op.path);
    if (op.has_state()) {
      write_state(writer, op.next);
    } else {
      writer.number(op.of);
    }
  }
  return seal_at(keys, keys.records, {kRecordMagic, number, 0}, content);
}

Result<Record> parse_record(std::span<const std::byte> content) {
  Reader reader(content);
  Record record;
  record.before = reader.array<32>();
  const auto count = reader.number<std::uint16_t>();
  if (count > kMaxOps) return malformed("a record of its journal");
  for (unsigned i = 0; i < count && reader.ok(); ++i) {
    Op op;
    if (!read_op(reader, op)) return malformed("a record of its journal");
    record.ops.push_back(std::move(op));
  }
  if (!reader.ok() || !reader.rest().empty()) return malformed("a record of its journal");
  return record;
}

Result<Record> open_record(const JournalKeys& keys, std::uint64_t number,
                           std::span<const std::byte> bytes) {
  SecretBytes content;
  if (!open_at(keys, keys.records, {kRecordMagic, number, 0}, bytes, content)) {
    return bad_record(number, "does not authenticate");
  }
  return parse_record(content);
}

SecretBytes seal_part(const JournalKeys& keys, std::uint64_t number, std::uint32_t part,
                      std::span<const std::byte> content) {
  return seal_at(keys, keys.checkpoints, {kPartMagic, number, part}, content);
}

Result<Part> parse_part(std::span<const std::byte> content) {
  Reader reader(content);
  Part part;
  const auto last = reader.number<std::uint8_t>();
  part.last = last == 1;
  part.after = reader.array<32>();
  if (last > 1) return malformed("a checkpoint");
  while (reader.ok() && !reader.rest().empty()) {
    if (!read_entry(reader, part.books)) return malformed("a checkpoint");
  }
  if (!reader.ok()) return malformed("a checkpoint");
  return part;
}

Result<Part> open_part(const JournalKeys& keys, std::uint64_t number, std::uint32_t part,
                       std::span<const std::byte> bytes) {
  SecretBytes content;
  if (!open_at(keys, keys.checkpoints, {kPartMagic, number, part}, bytes, content)) {
    return fail(ErrorKind::internal, "the manifest is damaged: part " + std::to_string(part) +
                                         " of its checkpoint " + std::to_string(number) +
                                         " does not authenticate");
  }
  return parse_part(content);
}

std::vector<SecretBytes> part_contents(const Books& books, const crypto::Sha256& after,
                                       std::size_t max_bytes) {
  Parts parts(after, max_bytes);
  for (const auto& [path, state] : books.current) {
    Writer writer(parts.room_for(path.size() + kEntryBytes));
    writer.number(std::uint8_t{kEntry}).counted<std::uint16_t>(path);
    write_state(writer, state);
  }
  for (const auto& [path, intents] : books.intents) {
    for (const Intent& intent : intents) {
      Writer writer(parts.room_for(path.size() + kEntryBytes));
      writer.number(std::uint8_t{kIntentEntry}).counted<std::uint16_t>(path).number(intent.number);
      write_state(writer, intent.next);
    }
  }
  return parts.take();
}

}  // namespace kbs::storage::encrypted
