#pragma once
/// Values that tell by their bytes whose they are: a torn one, or another's, cannot pass.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kbs::crash {

/// The number of a write; no two writes share one. 0 is none.
using Seq = std::uint64_t;

/// The value of write `seq` to `path`: a header line with path, number and length, then bytes that
/// follow from them. `length` counts all of it; at least the header is there.
std::string value_of(std::string_view path, Seq seq, std::size_t length);

/// The number in a value that is whole and belongs to `path`; nullopt for all else.
std::optional<Seq> seq_of(std::string_view path, std::string_view value);

}  // namespace kbs::crash
