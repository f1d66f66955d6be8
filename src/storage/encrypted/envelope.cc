#include "storage/encrypted/envelope.h"

#include <algorithm>
#include <limits>

namespace kbs::storage::encrypted {
namespace {

constexpr Magic kMagic = magic_of("KBSENV");
constexpr std::uint8_t kVersion = 1;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::min();

std::int64_t to_wire(const std::optional<SysTime>& not_after) {
  return not_after ? not_after->time_since_epoch().count() : kForever;
}
std::optional<SysTime> from_wire(std::int64_t micros) {
  if (micros == kForever) return std::nullopt;
  return SysTime{std::chrono::microseconds{micros}};
}

tl::unexpected<Error> damaged(std::string how, std::string detail = {}) {
  return fail(ErrorKind::internal, "the stored value is damaged: " + how, std::move(detail));
}

/// Everything that must not be moved or changed. The wrapped key and its key's id stay outside, so
/// that wrapping anew leaves ciphertext and tag alone.
SecretBytes associated_data(const Bound& bound, std::string_view path) {
  SecretBytes out;
  out.reserve(64 + bound.content_type.size() + path.size());
  Writer(out)
      .raw(kMagic)
      .number(kVersion)
      .raw(bound.store)
      .raw(bound.seq)
      .number(to_wire(bound.not_after))
      .counted<std::uint16_t>(bound.content_type)
      .counted<std::uint16_t>(path);
  return out;
}

void write_head(SecretBytes& out, const Bound& bound, const crypto::AeadNonce& nonce,
                const Wrapping& wrapping, std::uint64_t value_bytes) {
  Writer(out)
      .raw(kMagic)
      .number(kVersion)
      .raw(bound.store)
      .raw(bound.seq)
      .number(to_wire(bound.not_after))
      .raw(nonce)
      .number(static_cast<std::uint16_t>(bound.content_type.size()))
      .number(static_cast<std::uint8_t>(wrapping.key_id.size()))
      .number(static_cast<std::uint16_t>(wrapping.wrapped.size()))
      .number(value_bytes)
      .raw(as_bytes(bound.content_type))
      .raw(as_bytes(wrapping.key_id))
      .raw(as_bytes(wrapping.wrapped));
}

std::size_t size_of(const Bound& bound, const Wrapping& wrapping, std::size_t value_bytes) {
  return kEnvelopeBytes + bound.content_type.size() + wrapping.key_id.size() +
         wrapping.wrapped.size() + value_bytes;
}

}  // namespace

bool is_envelope(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), bytes.begin());
}

Result<Envelope> parse_envelope(std::span<const std::byte> bytes) {
  if (!is_envelope(bytes)) return damaged("it is not an envelope of this store's format");
  Reader reader(bytes.subspan(kMagic.size()));
  if (const auto version = reader.number<std::uint8_t>(); reader.ok() && version != kVersion) {
    return damaged("its format version " + std::to_string(version) +
                   " is unknown; a newer release may have written it");
  }
  Envelope envelope;
  envelope.bound.store = reader.array<16>();
  envelope.bound.seq = reader.array<16>();
  envelope.bound.not_after = from_wire(reader.number<std::int64_t>());
  envelope.nonce = reader.array<crypto::kAeadNonceSize>();
  const auto content_type = reader.number<std::uint16_t>();
  const auto key_id = reader.number<std::uint8_t>();
  const auto wrapped = reader.number<std::uint16_t>();
  const auto value = reader.number<std::uint64_t>();
  if (content_type > kMaxContentType || key_id == 0 || key_id > kMaxKeyId || wrapped == 0 ||
      wrapped > kMaxWrapped) {
    return reader.ok() ? damaged("a length in its head is out of bounds")
                       : damaged("it is truncated");
  }
  envelope.bound.content_type = as_text(reader.take(content_type));
  envelope.key_id = as_text(reader.take(key_id));
  envelope.wrapped = reader.take(wrapped);
  envelope.sealed = reader.rest();
  if (!reader.ok() || envelope.sealed.size() < crypto::kAeadTagSize ||
      envelope.value_bytes() < value) {
    return damaged("it is truncated");
  }
  if (envelope.value_bytes() != value) return damaged("bytes follow its end");
  return envelope;
}

SecretBytes seal(const Bound& bound, std::string_view path, const Wrapping& wrapping,
                 const Secret& data_key, const crypto::AeadNonce& nonce,
                 std::span<const std::byte> value) {
  SecretBytes out;
  out.reserve(size_of(bound, wrapping, value.size()));
  write_head(out, bound, nonce, wrapping, value.size());
  const std::size_t head = out.size();
  out.resize(head + value.size() + crypto::kAeadTagSize);
  crypto::aead_seal(data_key.expose(), nonce, associated_data(bound, path), value,
                    std::span(out).subspan(head));
  return out;
}

Result<Secret> open(const Envelope& envelope, std::string_view path, const Secret& data_key) {
  SecretBytes value(static_cast<std::size_t>(envelope.value_bytes()));
  if (!crypto::aead_open(data_key.expose(), envelope.nonce, associated_data(envelope.bound, path),
                         envelope.sealed, value)) {
    return damaged(
        "it does not authenticate; it was changed, or belongs to another resource or store");
  }
  return Secret(std::move(value));
}

SecretBytes with_wrapping(const Envelope& envelope, const Wrapping& wrapping) {
  SecretBytes out;
  const auto value_bytes = envelope.value_bytes();
  out.reserve(size_of(envelope.bound, wrapping, static_cast<std::size_t>(value_bytes)));
  write_head(out, envelope.bound, envelope.nonce, wrapping, value_bytes);
  Writer(out).raw(envelope.sealed);
  return out;
}

std::string data_key_context(const Uuid& store, const Seq& seq) {
  std::string context = "kbs data key 1";
  context.reserve(context.size() + store.size() + seq.size());
  return context.append(as_text(store)).append(as_text(seq));
}

}  // namespace kbs::storage::encrypted
