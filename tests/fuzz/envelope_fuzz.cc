// What an encrypted store holds, in the hands of its operator: envelopes and headers before
// anything is authenticated, and the manifest's records as if they had been.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "storage/encrypted/envelope.h"
#include "storage/encrypted/header.h"
#include "storage/encrypted/records.h"

namespace {

using namespace kbs;
using namespace kbs::storage::encrypted;

void must(bool holds) {
  if (!holds) std::abort();
}

/// What is understood is written back as the very same bytes: there is one form of each.
void envelope(std::span<const std::byte> bytes) {
  auto parsed = parse_envelope(bytes);
  if (!parsed) return must(!parsed.error().message.empty());
  must(is_envelope(bytes));
  must(parsed->value_bytes() <= bytes.size());
  const Wrapping same{parsed->key_id, std::string(as_text(parsed->wrapped))};
  const SecretBytes again = with_wrapping(*parsed, same);
  must(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
}

void header(std::span<const std::byte> bytes) {
  auto parsed = parse_header(bytes);
  if (!parsed) return must(!parsed.error().message.empty());
  must(!parsed->header.keys.empty() && parsed->header.keys.size() <= kMaxHeaderKeys);
  static const Secret key = Secret::from_text("00000000000000000000000000000000");
  const SecretBytes again = write_header(parsed->header, key);
  auto reparsed = parse_header(again);
  must(reparsed && is_genuine(*reparsed, key));
  must(reparsed->header.keys.size() == parsed->header.keys.size());
}

void record(std::span<const std::byte> bytes) {
  auto parsed = parse_record(bytes);
  if (!parsed) return must(!parsed.error().message.empty());
  JournalKeys keys{{}, Secret::from_text("0123456789abcdef0123456789abcdef"), Secret()};
  const SecretBytes sealed = seal_record(keys, 7, *parsed);
  auto opened = open_record(keys, 7, sealed);
  must(opened && opened->ops.size() == parsed->ops.size() && opened->before == parsed->before);
  must(!open_record(keys, 8, sealed));
}

void part(std::span<const std::byte> bytes) {
  auto parsed = parse_part(bytes);
  if (!parsed) return must(!parsed.error().message.empty());
  std::size_t entries = 0;
  for (const auto& content : part_contents(parsed->books, parsed->after, 256)) {
    auto again = parse_part(content);
    must(again.has_value());
    entries += again->books.current.size();
  }
  must(entries == parsed->books.current.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 4) {
    case 0:
      envelope(bytes);
      break;
    case 1:
      header(bytes);
      break;
    case 2:
      record(bytes);
      break;
    default:
      part(bytes);
  }
  return 0;
}
