#pragma once
/// Reads a configuration file: TOML, YAML or JSON by extension, every dialect, strict on typos.

#include <string>
#include <string_view>

#include "base/result.h"
#include "kbs/config/config.h"

namespace kbs::config {

/// The default root of the resource tree, unless KBS_REPOSITORY_DIR names another.
inline constexpr const char* kDefaultRepositoryDir = "/opt/confidential-containers/kbs/repository";

/// Errors name the file, the key and the remedy, all problems at once, one a line; an unknown key
/// names the nearest known one (unless the file says `unknown_keys = "warn"`). Files that the
/// configuration names are not opened here. A name without an extension is tried with .toml, .json,
/// .yaml and .yml in turn. Reads the environment variable KBS_REPOSITORY_DIR. What is not in this
/// build yet is `unsupported`; all else that is wrong with the text is `invalid_request`.
Result<Config> load_file(const std::string& path);
/// The same from text; `format` is "toml", "yaml" or "json".
Result<Config> load_text(const std::string& text, const std::string& format,
                         const std::string& name);

/// For `kbs config check`: the same, but what this build cannot run yet is no error; it is listed
/// in `Config::missing_from_build`, and `explain` tells of it.
Result<Config> understand_file(const std::string& path);
Result<Config> understand_text(const std::string& text, const std::string& format,
                               const std::string& name);

/// Whether an ACL pattern is anchored: every alternative of it begins with `^/kbs` and ends with an
/// unescaped `$` (spec/admin.md §1). It need not be a valid expression; that is for the regex
/// compiler.
Result<> check_acl_pattern(std::string_view pattern);

/// What `kbs --dev` runs with.
Config dev_config();
/// What was understood, for `kbs config check`: one aligned text, no secret in it.
std::string explain(const Config& config);

}  // namespace kbs::config
