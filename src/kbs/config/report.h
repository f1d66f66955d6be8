#pragma once
/// Everything worth telling the author of a configuration file, and the name he meant.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kbs::config {

/// What was found wrong or worth saying, over the whole file: all problems are told at once.
class Report {
 public:
  void problem(std::string text);
  void warn(std::string text);
  /// Understood, but this build cannot run it yet.
  void not_in_this_build(std::string text);

  /// A key that no reader asked for. `strict`: an error even with `unknown_keys = "warn"`.
  void unknown_key(const std::string& section, const std::string& key, int line, bool strict);
  /// `key` is one that `section` understands.
  void known_key(const std::string& section, const std::string& key);

  /// Turns unknown keys into problems or warnings, each with the nearest known name: call once,
  /// when every section has been read.
  void judge_unknown_keys(bool only_warn);

  std::vector<std::string> problems, warnings, missing_from_build;

 private:
  struct Unknown {
    std::string section, key;
    int line;
    bool strict;
  };
  std::string hint(const Unknown& unknown) const;

  std::vector<Unknown> unknown_;
  std::map<std::string, std::set<std::string>> known_;
};

/// Edits from `a` to `b` (insert, delete, replace, swap two neighbours), counted in halves: a
/// change of letter case is half an edit.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word of `words` nearest to `text`, if it is near enough to be what was meant: a third of the
/// letters may be wrong.
std::optional<std::string> nearest(std::string_view text,
                                   const std::vector<std::string_view>& words);

}  // namespace kbs::config
