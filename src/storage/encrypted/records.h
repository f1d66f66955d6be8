#pragma once
/// The manifest as it lies in the store: journal records, and the parts of checkpoints.
/// docs/encryption-at-rest.md has both byte by byte.

#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/digest.h"
#include "storage/encrypted/ledger.h"

namespace kbs::storage::encrypted {

/// One line of the journal.
struct Op {
  enum class Kind : std::uint8_t { intent = 1, confirm = 2, withdraw = 3, set = 4 };
  Kind kind = Kind::intent;
  std::string path;
  State next;            ///< of an intent or a set
  std::uint64_t of = 0;  ///< otherwise: the number of the intent

  bool has_state() const noexcept { return kind == Kind::intent || kind == Kind::set; }
};

/// The number of the intent that is line `index` of record `record`.
constexpr std::uint64_t intent_number(std::uint64_t record, std::size_t index) noexcept {
  return (record << 12) | index;
}
inline constexpr std::size_t kMaxOps = 4096;

/// The keys of one era of one store.
struct JournalKeys {
  Uuid store{};
  Secret records;
  Secret checkpoints;
};

struct Record {
  crypto::Sha256 before{};  ///< of the whole record before it; zeros for an era's first
  std::vector<Op> ops;
};
SecretBytes seal_record(const JournalKeys& keys, std::uint64_t number, const Record& record);
/// `internal` when it is not record `number` of this journal, or malformed.
Result<Record> open_record(const JournalKeys& keys, std::uint64_t number,
                           std::span<const std::byte> bytes);

/// A run of entries of the checkpoint after record `number`.
struct Part {
  bool last = false;
  crypto::Sha256 after{};  ///< of the whole record `number`
  Books books;
};
SecretBytes seal_part(const JournalKeys& keys, std::uint64_t number, std::uint32_t part,
                      std::span<const std::byte> content);
Result<Part> open_part(const JournalKeys& keys, std::uint64_t number, std::uint32_t part,
                       std::span<const std::byte> bytes);
/// The contents of all parts, each of at most about `max_bytes`.
std::vector<SecretBytes> part_contents(const Books& books, const crypto::Sha256& after,
                                       std::size_t max_bytes);

/// The readers of what has been decrypted, by themselves: for fuzzing.
Result<Record> parse_record(std::span<const std::byte> content);
Result<Part> parse_part(std::span<const std::byte> content);

/// What sealing adds.
inline constexpr std::size_t kSealBytes = 8 + 1 + 16 + 8 + 4 + 12 + 16;

}  // namespace kbs::storage::encrypted
