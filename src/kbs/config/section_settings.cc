/// The readers that backends need besides the plain ones: sizes, durations, secrets.

#include "kbs/config/quantity.h"
#include "kbs/config/section.h"

namespace kbs::config {
namespace {

/// A number, or a text; as it was written.
std::optional<std::string_view> scalar(const Node& node) {
  if (const auto* text = std::get_if<std::string>(&node.value)) return *text;
  if (!node.raw.empty()) return node.raw;
  return std::nullopt;
}

std::string shown(const Node& node) {
  if (const auto* flag = std::get_if<bool>(&node.value)) return *flag ? "true" : "false";
  if (const auto text = scalar(node)) return std::string(*text);
  std::string out;
  if (const Node::List* list = node.list()) {
    for (const Node& item : *list) out += (out.empty() ? "" : ", ") + shown(item);
  }
  return out;
}

constexpr const char* kSuffixes[] = {"", "_file", "_env"};

}  // namespace

void Section::read_size(const std::string& key, std::uint64_t& out, std::uint64_t min,
                        std::uint64_t max) {
  const Node* at = node(key);
  if (at == nullptr) return;
  const auto text = scalar(*at);
  const auto bytes = text ? parse_size(*text, 1) : std::nullopt;
  if (bytes && *bytes >= min && *bytes <= max) {
    out = *bytes;
  } else {
    problem(key, "must be a size from " + size_text(min) + " to " + size_text(max) +
                     ", such as \"2MiB\"; a number without a unit counts bytes");
  }
}

void Section::read_duration(const std::string& key, std::chrono::milliseconds& out,
                            std::chrono::milliseconds min, std::chrono::milliseconds max) {
  const Node* at = node(key);
  if (at == nullptr) return;
  const auto text = scalar(*at);
  const auto time = text ? parse_duration(*text) : std::nullopt;
  if (time && *time >= min && *time <= max) {
    out = *time;
  } else {
    problem(key, "must be a duration from " + duration_text(min) + " to " + duration_text(max) +
                     ", such as \"250ms\", \"5s\", \"10m\" or \"24h\"; a number without a unit "
                     "counts seconds");
  }
}

void Section::read_secret(const std::string& key, std::optional<storage::SecretSource>& out) {
  using Kind = storage::SecretSource::Kind;
  static constexpr Kind kKinds[] = {Kind::text, Kind::file, Kind::environment};
  secrets_.insert(key);
  std::optional<storage::SecretSource> found;
  int written = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string name = key + kSuffixes[i];
    const Node* at = node(name);
    if (at == nullptr) continue;
    ++written;
    const auto text = scalar(*at);
    if (!text) {
      problem(name, "must be a text in quotes");
    } else if (i == 0) {
      found = {Kind::text, "", std::make_shared<const Secret>(Secret::from_text(*text))};
    } else if (text->empty()) {
      problem(name, "must not be empty");
    } else if (text->find('\0') != std::string_view::npos) {
      problem(name, "must not hold a zero byte");
    } else {
      found = {kKinds[i], std::string(*text), nullptr};
    }
  }
  if (written > 1) problem(key, "write one of " + key + ", " + key + "_file and " + key + "_env");
  if (found) out = std::move(found);
}

void Section::check_secret(const std::string& key, bool required) {
  std::optional<storage::SecretSource> ignored;
  read_secret(key, ignored);
  const bool written = has(key) || has(key + "_file") || has(key + "_env");
  if (required && !written) require(key);
}

std::vector<std::pair<std::string, std::string>> Section::settings() const {
  std::vector<std::pair<std::string, std::string>> out;
  if (table_ == nullptr) return out;
  for (const auto& [name, value] : *table_) {
    if (!asked_.contains(name) || value.is_null() || value.table() != nullptr) continue;
    out.emplace_back(name, secrets_.contains(name) ? "(written here)" : shown(value));
  }
  return out;
}

}  // namespace kbs::config
