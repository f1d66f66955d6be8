#pragma once
/// One tree for three syntaxes: what a TOML, YAML or JSON file says, with the line each thing stood
/// on.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace kbs::config {

struct Member;

/// A value of a configuration file. `null` (YAML's `key:`) counts as "not written".
struct Node {
  using List = std::vector<Node>;
  using Table = std::vector<Member>;

  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Table> value;
  std::string raw;  ///< a number as it was written, so that `1.2` can still be the text "1.2"
  int line = 0;     ///< 1 is the first; 0 = unknown (JSON)

  bool is_null() const noexcept { return value.index() == 0; }
  const Table* table() const noexcept { return std::get_if<Table>(&value); }
  const List* list() const noexcept { return std::get_if<List>(&value); }
};
/// One `name = value` of a table, in the order of the file.
struct Member {
  std::string name;
  Node value;
};

/// Bounds of a configuration file, whatever its syntax.
inline constexpr std::size_t kMaxFileBytes = 1u << 20;
inline constexpr int kMaxDepth = 64;
inline constexpr std::size_t kMaxNodes = 20000;

/// Each parses one whole file into a table. Refused as `invalid_request`, with the line where the
/// library knows it: bad syntax, a name written twice, more than the bounds above.
Result<Node> parse_toml(std::string_view text);
/// YAML 1.2 scalars; aliases are copied, within `kMaxNodes`; one document.
Result<Node> parse_yaml(std::string_view text);
Result<Node> parse_json_file(std::string_view text);

/// Chooses by `format`: "toml", "yaml", "yml" or "json".
Result<Node> parse_document(std::string_view text, std::string_view format);

}  // namespace kbs::config
