#include "kbs/config/section.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace kbs::config {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<bool> to_bool(const Node& node) {
  if (const auto* b = std::get_if<bool>(&node.value)) return *b;
  if (const auto* i = std::get_if<std::int64_t>(&node.value)) return *i != 0;
  if (const auto* s = std::get_if<std::string>(&node.value)) {
    const std::string word = lower(*s);
    for (const char* yes : {"true", "yes", "on", "1"}) {
      if (word == yes) return true;
    }
    for (const char* no : {"false", "no", "off", "0"}) {
      if (word == no) return false;
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> to_integer(const Node& node) {
  if (const auto* i = std::get_if<std::int64_t>(&node.value)) return *i;
  if (const auto* d = std::get_if<double>(&node.value)) {
    if (std::floor(*d) == *d && std::abs(*d) < 9e15) return static_cast<std::int64_t>(*d);
  }
  if (const auto* s = std::get_if<std::string>(&node.value)) {
    std::int64_t i = 0;
    const char* const end = s->data() + s->size();
    if (auto [p, e] = std::from_chars(s->data(), end, i); e == std::errc() && p == end) return i;
  }
  return std::nullopt;
}

std::optional<std::string> to_text(const Node& node) {
  if (const auto* s = std::get_if<std::string>(&node.value)) return *s;
  if (!node.raw.empty()) return node.raw;
  return std::nullopt;
}

std::string quoted_list(std::span<const std::string_view> words) {
  std::string out;
  for (std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += "\"" + std::string(word) + "\"";
  }
  return out;
}

}  // namespace

Section::Section(Report& report, const Node* node, std::string path, bool strict)
    : report_(&report), path_(std::move(path)), strict_(strict) {
  if (node == nullptr || node->is_null()) return;
  line_ = node->line;
  table_ = node->table();
  if (table_ == nullptr) problem("must be a section with keys of its own");
}

const Node* Section::find(const std::string& key) const {
  if (table_ == nullptr) return nullptr;
  for (const auto& [name, value] : *table_) {
    if (name == key) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

const Node* Section::node(const std::string& key) {
  asked_.insert(key);
  report_->known_key(path_, key);
  return find(key);
}

bool Section::has(const std::string& key) const { return find(key) != nullptr; }

bool Section::is_written(const std::string& key) const {
  return table_ != nullptr &&
         std::any_of(table_->begin(), table_->end(),
                     [&key](const auto& member) { return member.name == key; });
}

bool Section::has_any(std::initializer_list<std::string_view> keys) const {
  return std::any_of(keys.begin(), keys.end(),
                     [this](std::string_view key) { return has(std::string(key)); });
}

std::string Section::place(int line) const {
  std::string out = line > 0 ? "line " + std::to_string(line) + ": " : "";
  return path_.empty() ? out : out + path_ + " ";
}

void Section::problem(const std::string& text) const { report_->problem(place(line_) + text); }

void Section::problem(const std::string& key, const std::string& text) const {
  const Node* at = find(key);
  report_->problem(place(at == nullptr ? line_ : at->line) + key + ": " + text);
}

void Section::warn(const std::string& text) const {
  report_->warn((path_.empty() ? "" : path_ + " ") + text);
}

void Section::read(const std::string& key, std::string& out) {
  const Node* at = node(key);
  if (at == nullptr) return;
  auto text = to_text(*at);
  if (!text) return problem(key, "must be a text in quotes");
  // Most texts become file names, and the kernel would stop reading at the zero byte.
  if (text->find('\0') != std::string::npos) return problem(key, "must not hold a zero byte");
  out = std::move(*text);
}

void Section::read(const std::string& key, std::optional<std::string>& out) {
  if (node(key) == nullptr) return;
  std::string text;
  read(key, text);
  out = std::move(text);
}

void Section::read(const std::string& key, bool& out) {
  const Node* at = node(key);
  if (at == nullptr) return;
  if (auto flag = to_bool(*at)) {
    out = *flag;
  } else {
    problem(key, "must be true or false");
  }
}

void Section::read(const std::string& key, std::int64_t& out, std::int64_t min, std::int64_t max) {
  const Node* at = node(key);
  if (at == nullptr) return;
  const auto number = to_integer(*at);
  if (number && *number >= min && *number <= max) {
    out = *number;
  } else {
    problem(key,
            "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
}

void Section::read(const std::string& key, std::vector<std::string>& out) {
  const Node* at = node(key);
  if (at == nullptr) return;
  const Node::List* list = at->list();
  if (list == nullptr) return problem(key, "must be a list of texts: [\"…\"]");
  out.clear();
  for (const Node& item : *list) {
    auto text = to_text(item);
    if (!text) return problem(key, "every item of the list must be a text in quotes");
    if (text->find('\0') != std::string::npos) return problem(key, "must not hold a zero byte");
    out.push_back(std::move(*text));
  }
}

std::optional<std::size_t> Section::read_word(const std::string& key,
                                              std::initializer_list<std::string_view> words) {
  return read_listed(key, std::span(words.begin(), words.size()));
}

std::optional<std::size_t> Section::read_listed(const std::string& key,
                                                std::span<const std::string_view> words) {
  const Node* at = node(key);
  if (at == nullptr) return std::nullopt;
  const auto text = to_text(*at);
  if (text) {
    const auto found = std::find(words.begin(), words.end(), *text);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  }
  const auto near = text ? nearest(*text, {words.begin(), words.end()}) : std::nullopt;
  problem(key, (near ? "did you mean \"" + *near + "\"? It " : "it ") + "must be one of " +
                   quoted_list(words));
  return std::nullopt;
}

void Section::check_text(const std::string& key) {
  std::string ignored;
  read(key, ignored);
}
void Section::check_number(const std::string& key, std::int64_t min, std::int64_t max) {
  std::int64_t ignored = 0;
  read(key, ignored, min, max);
}
void Section::check_flag(const std::string& key) {
  bool ignored = false;
  read(key, ignored);
}
void Section::check_texts(const std::string& key) {
  std::vector<std::string> ignored;
  read(key, ignored);
}

void Section::require(const std::string& key) {
  if (present() && node(key) == nullptr) {
    report_->problem(place(line_) + "missing configuration field \"" + key + "\"");
  }
}

void Section::dead(const std::string& key, const std::string& instead) {
  if (node(key) != nullptr) warn("\"" + key + "\" has no effect: " + instead);
}

void Section::accept(const std::string& key) { (void)node(key); }

void Section::rename(std::string path) {
  path_ = std::move(path);
  for (const std::string& key : asked_) report_->known_key(path_, key);
}

std::string Section::child_path(const std::string& key) const {
  if (path_.empty()) return "[" + key + "]";
  if (path_.back() == ']') return path_.substr(0, path_.size() - 1) + "." + key + "]";
  return path_ + " " + key;
}

Section Section::table(const std::string& key, bool strict) {
  const Node* at = node(key);
  return Section(*report_, at, child_path(key), strict || strict_);
}

std::vector<Section> Section::tables(const std::string& key, bool strict) {
  std::vector<Section> out;
  const Node* at = node(key);
  if (at == nullptr) return out;
  const Node::List* list = at->list();
  if (list == nullptr) {
    problem(key, "must be a list of tables");
    return out;
  }
  for (const Node& item : *list) {
    if (item.table() == nullptr) {
      problem(key, "every item of the list must be a table");
      continue;
    }
    out.emplace_back(*report_, &item, child_path(key), strict || strict_);
  }
  return out;
}

void Section::finish() const {
  if (table_ == nullptr) return;
  for (const auto& [name, value] : *table_) {
    if (!asked_.contains(name)) report_->unknown_key(path_, name, value.line, strict_);
  }
}

}  // namespace kbs::config
