#pragma once
/// The lines of the trail, as docs/audit.md describes them. Written by hand: one is made for every
/// request.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/key.h"
#include "kbs/audit/audit.h"

namespace kbs::audit {

/// Where a chain stands: the number of its next record, and the hash that record will name as
/// `prev`.
struct ChainHead {
  std::uint64_t seq = 0;
  std::string prev;
};

/// Bytes of a line that could not be written whole, which a later signed line answers for.
struct Fragment {
  std::size_t bytes = 0;
  std::string sha256;
};

/// What header and checkpoints have in common: the run's own chain of signed lines.
struct Control {
  std::string_view run;
  std::uint64_t number = 0;  ///< of this line among the run's signed lines
  std::string_view prev;     ///< hash of the signed line before, "" for the first
  SysTime time;
  const std::vector<ChainHead>& chains;
  const std::vector<Fragment>& torn;  ///< the lines just before this one that are no lines
};

/// SHA-256 of a line without its line feed, in hex.
std::string line_hash(std::string_view line);

/// Appends the record's line without its line feed.
void append_record(std::string& out, std::string_view run, unsigned worker, const ChainHead& head,
                   SysTime time, const Record& record);

/// The first line of a run (`part` 0) or of a further file of it. Chains are stated from part 1 on.
Result<std::string> header_line(const Control& control, unsigned part,
                                const crypto::PrivateKey& key);
/// `why`: "interval", "rotated", "torn" or "closed". `lost` counts the decisions that could not be
/// recorded.
Result<std::string> checkpoint_line(const Control& control, std::string_view why,
                                    std::uint64_t lost, const crypto::PrivateKey& key);

/// Whether `line` ends with `key`'s signature over the rest of it.
Result<> verify_line(std::string_view line, const crypto::PublicKey& key);

}  // namespace kbs::audit
