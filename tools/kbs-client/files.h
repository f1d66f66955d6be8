#pragma once
/// Files of the person at the terminal: read bounded, written for the owner only.

#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/secret.h"

namespace kbs::client {

/// Reads `path` whole into memory that is wiped; "-" is standard input when `dash_is_stdin`. Unlike
/// a server we follow pipes, so that `<(vault read …)` works. Errors name the path. `limit` is in
/// bytes.
Result<Secret> read_secret_file(const std::string& path, bool dash_is_stdin = false,
                                std::size_t limit = 64u << 20);

/// Reads the regular file `path`, for what a file of instructions names: a relative name is looked
/// up beneath `folder`, which neither `..` nor a link may leave; an absolute one is followed
/// wherever it leads. Errors name the path and the remedy.
Result<Secret> read_file_beneath(const std::string& folder, const std::string& path,
                                 std::size_t limit);

/// The text of a token file: white space around it trimmed; line breaks or other control characters
/// inside, or nothing at all, are `invalid_request`.
Result<Secret> read_token_file(const std::string& path);

/// Makes a new file with exactly `mode`, whatever the umask; `conflict` when the name is taken:
/// nothing is ever overwritten. A file that could not be written whole is removed.
Result<> create_file(const std::string& path, std::span<const std::byte> bytes, unsigned mode);

/// Replaces or makes the regular file `path`, mode 0600, at one stroke: a reader sees the old or
/// the new whole. Devices, pipes and directories are refused.
Result<> replace_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace kbs::client
