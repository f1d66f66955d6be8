#include <string>

#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 64
#include "base/json.h"
#include "base/toml.h"
#include "kbs/config/node.h"

namespace kbs::config {
namespace {

/// `a.a.a.…` nests one table per dot, and a million of them would exhaust the stack when freed. The
/// parser bounds brackets, not dots, so we look first.
constexpr int kMaxDots = kMaxDepth;

Result<> check_dots(std::string_view text) {
  int line = 1, dots = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      dots = 0;
      quote = 0;
    } else if (quote != 0) {
      if (c == '\\' && quote == '"') ++i;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
    } else if (c == '.' && ++dots > kMaxDots) {
      return fail(ErrorKind::invalid_request,
                  "line " + std::to_string(line) + ": keys are nested too deeply");
    }
  }
  return {};
}

class Converter {
 public:
  Result<Node> convert(const toml::node& from, int depth) {
    if (depth > kMaxDepth) return fail(ErrorKind::invalid_request, "nested too deeply");
    if (++nodes_ > kMaxNodes) return fail(ErrorKind::too_large, "too many values");
    Node to;
    to.line = static_cast<int>(from.source().begin.line);
    if (const auto* table = from.as_table()) return convert_table(*table, std::move(to), depth);
    if (const auto* list = from.as_array()) return convert_list(*list, std::move(to), depth);
    if (const auto* b = from.as_boolean()) {
      to.value = b->get();
    } else if (const auto* i = from.as_integer()) {
      to.value = i->get();
      to.raw = std::to_string(i->get());
    } else if (const auto* d = from.as_floating_point()) {
      to.value = d->get();
      to.raw = shortest(d->get());
    } else if (const auto* s = from.as_string()) {
      to.value = s->get();
    } else {
      return fail(ErrorKind::invalid_request,
                  "line " + std::to_string(to.line) + ": no setting is a date or a time; quote it");
    }
    return to;
  }

 private:
  /// The fewest digits that mean the same number: 1.2 is "1.2", not "1.200000".
  static std::string shortest(double d) {
    char buffer[32];
    for (int digits = 1; digits <= 17; ++digits) {
      (void)std::snprintf(buffer, sizeof buffer, "%.*g", digits, d);
      if (std::strtod(buffer, nullptr) == d) break;
    }
    return buffer;
  }

  Result<Node> convert_table(const toml::table& from, Node to, int depth) {
    Node::Table members;
    for (const auto& [key, value] : from) {
      KBS_TRY(Node member, convert(value, depth + 1));
      member.line = static_cast<int>(key.source().begin.line);
      members.push_back({std::string(key.str()), std::move(member)});
    }
    to.value = std::move(members);
    return to;
  }

  Result<Node> convert_list(const toml::array& from, Node to, int depth) {
    Node::List items;
    for (const toml::node& value : from) {
      KBS_TRY(Node item, convert(value, depth + 1));
      items.push_back(std::move(item));
    }
    to.value = std::move(items);
    return to;
  }

  std::size_t nodes_ = 0;
};

}  // namespace

Result<Node> parse_toml(std::string_view text) {
  KBS_OK(check_dots(text));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return fail(ErrorKind::invalid_request, "line " +
                                                std::to_string(parsed.error().source().begin.line) +
                                                ": " + std::string(parsed.error().description()));
  }
  return Converter().convert(parsed.table(), 0);
}

}  // namespace kbs::config
