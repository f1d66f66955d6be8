#include "kbs/config/report.h"

#include <algorithm>
#include <utility>

namespace kbs::config {
namespace {

bool same_letter(char x, char y) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return lower(x) == lower(y);
}

/// Distances are in halves; what is this far or farther is another word.
std::size_t too_far(std::string_view text) {
  return 2 * std::max<std::size_t>(1, text.size() / 3) + 1;
}

/// A key is outside text: an escape sequence in it must not reach a terminal.
std::string printable(std::string_view key) {
  std::string out;
  for (char c : key.substr(0, 80)) out += (c >= ' ' && c != 127) ? c : '?';
  return out;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Names are short; a hostile one must not cost a matrix.
  if (a.size() > 128 || b.size() > 128) return 1000;
  std::vector<std::size_t> before, above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = 2 * j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = 2 * i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const char x = a[i - 1], y = b[j - 1];
      const std::size_t replace = x == y ? 0 : same_letter(x, y) ? 1 : 2;
      row[j] = std::min({above[j - 1] + replace, above[j] + 2, row[j - 1] + 2});
      if (i > 1 && j > 1 && x == b[j - 2] && a[i - 2] == y) {
        row[j] = std::min(row[j], before[j - 2] + 2);
      }
    }
  }
  return row[b.size()];
}

std::optional<std::string> nearest(std::string_view text,
                                   const std::vector<std::string_view>& words) {
  std::optional<std::string> best;
  std::size_t limit = too_far(text);
  for (std::string_view word : words) {
    if (const std::size_t distance = edit_distance(text, word); distance < limit) {
      limit = distance;
      best = std::string(word);
    }
  }
  return best;
}

void Report::problem(std::string text) { problems.push_back(std::move(text)); }
void Report::warn(std::string text) { warnings.push_back(std::move(text)); }
void Report::not_in_this_build(std::string text) { missing_from_build.push_back(std::move(text)); }

void Report::unknown_key(const std::string& section, const std::string& key, int line,
                         bool strict) {
  unknown_.push_back({section, key, line, strict});
}

void Report::known_key(const std::string& section, const std::string& key) {
  known_[section].insert(key);
}

std::string Report::hint(const Unknown& unknown) const {
  const auto near_in = [&unknown](const std::set<std::string>& keys) {
    return nearest(unknown.key, {keys.begin(), keys.end()});
  };
  if (const auto own = known_.find(unknown.section); own != known_.end()) {
    if (auto near = near_in(own->second)) return "; did you mean \"" + *near + "\"?";
  }
  // In TOML a key below a header belongs to that section: the commonest slip with top-level keys.
  for (const auto& [section, keys] : known_) {
    if (!keys.contains(unknown.key)) continue;
    return section.empty() ? "; it belongs at the top of the file, before the first section"
                           : "; it belongs in " + section;
  }
  std::string best, where;
  for (const auto& [section, keys] : known_) {
    const auto near = near_in(keys);
    if (!near ||
        (!best.empty() && edit_distance(unknown.key, *near) >= edit_distance(unknown.key, best)))
      continue;
    best = *near;
    where = section.empty() ? "at the top of the file" : "in " + section;
  }
  return best.empty() ? "" : "; did you mean \"" + best + "\" " + where + "?";
}

void Report::judge_unknown_keys(bool only_warn) {
  // They come first: a misspelt key is often why another one is missing.
  std::vector<std::string> first;
  for (const Unknown& unknown : unknown_) {
    std::string text = unknown.section.empty() ? "" : unknown.section + " ";
    if (unknown.line > 0) text = "line " + std::to_string(unknown.line) + ": " + text;
    text += "unknown key \"" + printable(unknown.key) + "\"";
    constexpr std::size_t kHints = 50;  // each costs a look at every name we know
    if (first.size() + warnings.size() < kHints) text += hint(unknown);
    if (only_warn && !unknown.strict) {
      warn(text + " (ignored)");
    } else {
      first.push_back(std::move(text));
    }
  }
  problems.insert(problems.begin(), first.begin(), first.end());
  unknown_.clear();
}

}  // namespace kbs::config
