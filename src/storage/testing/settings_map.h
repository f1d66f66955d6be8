#pragma once
/// A table of the configuration for the tests of `configure`.

#include <charconv>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "storage/settings.h"

namespace kbs::storage::testing {

/// Keys and their texts; sizes are plain numbers, durations milliseconds, lists comma-separated.
class SettingsMap final : public Settings {
 public:
  explicit SettingsMap(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  bool has(const std::string& key) const override { return values_.contains(key); }
  void read(const std::string& key, std::string& out) override {
    if (take(key)) out = values_[key];
  }
  void read(const std::string& key, bool& out) override {
    if (take(key)) out = values_[key] == "true";
  }
  void read(const std::string& key, std::int64_t& out, std::int64_t min,
            std::int64_t max) override {
    if (take(key)) number(key, out, min, max);
  }
  void read(const std::string& key, std::vector<std::string>& out) override {
    if (!take(key)) return;
    out.clear();
    std::string rest = values_[key];
    for (std::size_t comma; (comma = rest.find(',')) != std::string::npos;) {
      out.push_back(rest.substr(0, comma));
      rest.erase(0, comma + 1);
    }
    out.push_back(rest);
  }
  std::optional<std::size_t> read_word(const std::string& key,
                                       std::initializer_list<std::string_view> words) override {
    if (!take(key)) return std::nullopt;
    std::size_t index = 0;
    for (std::string_view word : words) {
      if (word == values_[key]) return index;
      ++index;
    }
    problem(key, "not one of its words");
    return std::nullopt;
  }
  void read_size(const std::string& key, std::uint64_t& out, std::uint64_t min,
                 std::uint64_t max) override {
    if (take(key)) number(key, out, min, max);
  }
  void read_duration(const std::string& key, std::chrono::milliseconds& out,
                     std::chrono::milliseconds min, std::chrono::milliseconds max) override {
    std::int64_t count = out.count();
    if (take(key)) number(key, count, std::int64_t{min.count()}, std::int64_t{max.count()});
    out = std::chrono::milliseconds(count);
  }
  void read_secret(const std::string& key, std::optional<SecretSource>& out) override {
    using Kind = SecretSource::Kind;
    if (take(key)) {
      out = {Kind::text, "", std::make_shared<const Secret>(Secret::from_text(values_[key]))};
    } else if (take(key + "_file")) {
      out = {Kind::file, values_[key + "_file"], nullptr};
    } else if (take(key + "_env")) {
      out = {Kind::environment, values_[key + "_env"], nullptr};
    }
  }
  void require(const std::string& key) override {
    if (!has(key)) problem(key, "is required");
  }
  void problem(const std::string& key, const std::string& text) const override {
    problems.push_back(key + ": " + text);
  }
  void warn(const std::string& text) const override { warnings.push_back(text); }

  /// Keys that nobody has read.
  std::set<std::string> unread() const {
    std::set<std::string> keys;
    for (const auto& value : values_) {
      if (!read_.contains(value.first)) keys.insert(value.first);
    }
    return keys;
  }

  mutable std::vector<std::string> problems;
  mutable std::vector<std::string> warnings;

 private:
  bool take(const std::string& key) {
    read_.insert(key);
    return has(key);
  }
  template <class T>
  void number(const std::string& key, T& out, T min, T max) {
    const std::string& text = values_[key];
    T value{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || value < min || value > max) {
      problem(key, "not a number in its bounds");
    } else {
      out = value;
    }
  }

  std::map<std::string, std::string> values_;
  std::set<std::string> read_;
};

}  // namespace kbs::storage::testing
