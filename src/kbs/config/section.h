#pragma once
/// Reads one table of a configuration file key by key, and afterwards knows what nobody asked for.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kbs/config/node.h"
#include "kbs/config/report.h"
#include "storage/settings.h"

namespace kbs::config {

/// One table, present or not. Every read registers its key as known, so readers run over absent
/// sections too and simply change nothing. Values are converted where that is sensible: `"4"` is 4,
/// `"yes"` is true. Backends see their keys of a mount through it as `storage::Settings`.
class Section : public storage::Settings {
 public:
  /// `path` is how messages name it: "[http_server]"; "" for the top level.
  Section(Report& report, const Node* node, std::string path, bool strict = false);

  bool present() const noexcept { return table_ != nullptr; }
  const std::string& path() const noexcept { return path_; }
  /// A better name, once more is known: `[[plugins]] "resource"`.
  void rename(std::string path);
  int line() const noexcept { return line_; }
  Report& report() const noexcept { return *report_; }
  /// Written, and not null.
  bool has(const std::string& key) const override;
  /// Written, even as null.
  bool is_written(const std::string& key) const;
  /// One of `keys` is written.
  bool has_any(std::initializer_list<std::string_view> keys) const;

  /// Each leaves `out` alone when the key is absent, and reports what cannot be converted.
  void read(const std::string& key, std::string& out) override;
  void read(const std::string& key, std::optional<std::string>& out);
  void read(const std::string& key, bool& out) override;
  void read(const std::string& key, std::int64_t& out, std::int64_t min, std::int64_t max) override;
  void read(const std::string& key, std::vector<std::string>& out) override;
  void read_size(const std::string& key, std::uint64_t& out, std::uint64_t min,
                 std::uint64_t max) override;
  void read_duration(const std::string& key, std::chrono::milliseconds& out,
                     std::chrono::milliseconds min, std::chrono::milliseconds max) override;
  void read_secret(const std::string& key, std::optional<storage::SecretSource>& out) override;

  /// One of `words`, exactly so spelt; returns its index.
  std::optional<std::size_t> read_word(const std::string& key,
                                       std::initializer_list<std::string_view> words) override;
  std::optional<std::size_t> read_listed(const std::string& key,
                                         std::span<const std::string_view> words);
  /// The same keys, checked for shape but not kept: settings of what this build cannot run yet.
  void check_text(const std::string& key);
  void check_number(const std::string& key, std::int64_t min, std::int64_t max);
  void check_flag(const std::string& key);
  void check_texts(const std::string& key);
  /// A secret may also come as `<key>_file` or `<key>_env`; the value is never kept nor shown here.
  void check_secret(const std::string& key, bool required);

  /// Reports `missing configuration field` when this section is present and the key is not.
  void require(const std::string& key) override;
  /// A key without effect today: accepted, and the warning says what happens instead.
  void dead(const std::string& key, const std::string& instead);
  /// Knows the key and whatever is below it, without looking.
  void accept(const std::string& key);

  /// `strict`: unknown keys in it and below are errors whatever `unknown_keys` says.
  Section table(const std::string& key, bool strict = false);
  std::vector<Section> tables(const std::string& key, bool strict = false);
  /// The node itself, for keys whose shape changed over time; null when absent.
  const Node* node(const std::string& key);

  void problem(const std::string& text) const;
  void problem(const std::string& key, const std::string& text) const override;
  void warn(const std::string& text) const override;

  /// What is written here under keys that somebody asked for, in the order of the file: for
  /// `explain`. Tables are left out; of a secret written out, only that it is there.
  std::vector<std::pair<std::string, std::string>> settings() const;

  /// Tells the report which keys nobody asked for. Call once, last.
  void finish() const;

 private:
  std::string child_path(const std::string& key) const;
  const Node* find(const std::string& key) const;
  std::string place(int line) const;

  Report* report_;
  const Node::Table* table_ = nullptr;
  std::string path_;
  int line_ = 0;
  bool strict_;
  std::set<std::string> asked_;
  std::set<std::string> secrets_;  ///< keys whose text must not be shown
};

}  // namespace kbs::config
