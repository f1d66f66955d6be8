#pragma once
/// What a value has beside its bytes: expiry and content type, in the extended attribute `user.kbs`
/// of its file. Only values that have either carry the attribute. It is text:
///
///     kbs1 <seconds>.<nanoseconds> <size>
///     expires <microseconds since 1970>
///     type <content type>
///     end
///
/// The first line binds it to the modification time and size of the file it was written for: a
/// value that somebody puts into the file later never inherits it. Every later format keeps that
/// line.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "storage/backend.h"
#include "storage/files.h"

namespace kbs::storage::local_fs {

inline constexpr const char* kAttribute = "user.kbs";

struct Extra {
  std::string content_type;
  std::optional<SysTime> not_after;
};

/// A content type that is no plain text of at most 1,000 bytes is left out.
std::string encode(const Extra& extra, const Stat& info);
/// Nothing when the attribute belongs to another value; EBADMSG when it is damaged, or cannot be
/// understood, and may belong to this one: an expiry must not be forgotten.
Step<Extra> decode(std::string_view text, const Stat& info);

/// The attribute of `file`, which is open for reading.
Step<Extra> extra_of(FileOps& files, const OpenFile& file);
/// Gives a new file its attribute, if there is anything to say. A content type that finds no room
/// is dropped.
Step<> give_extra(FileOps& files, int fd, const Extra& extra, const Stat& info);

}  // namespace kbs::storage::local_fs
