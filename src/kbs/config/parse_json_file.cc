#include "base/json.h"
#include "kbs/config/node.h"

namespace kbs::config {
namespace {

class Converter {
 public:
  Result<Node> convert(const json::value& from) {
    // Depth is bounded by the parser.
    if (++nodes_ > kMaxNodes) return fail(ErrorKind::too_large, "too many values");
    Node to;
    if (from.is_bool()) {
      to.value = from.get_bool();
    } else if (from.is_string()) {
      to.value = std::string(from.get_string());
    } else if (from.is_int64()) {
      to.value = from.get_int64();
      to.raw = to_json(from);
    } else if (from.is_uint64() || from.is_double()) {
      to.value = from.is_double() ? from.get_double() : static_cast<double>(from.get_uint64());
      to.raw = to_json(from);
    } else if (from.is_array()) {
      Node::List items;
      for (const json::value& value : from.get_array()) {
        KBS_TRY(Node item, convert(value));
        items.push_back(std::move(item));
      }
      to.value = std::move(items);
    } else if (from.is_object()) {
      Node::Table members;
      for (const auto& [key, value] : from.get_object()) {
        KBS_TRY(Node member, convert(value));
        members.push_back({std::string(key), std::move(member)});
      }
      to.value = std::move(members);
    }
    return to;
  }

 private:
  std::size_t nodes_ = 0;
};

}  // namespace

Result<Node> parse_json_file(std::string_view text) {
  JsonLimits limits;
  limits.max_bytes = kMaxFileBytes;
  limits.max_depth = kMaxDepth;
  KBS_TRY(json::value value, parse_json(text, limits));
  if (!value.is_object()) {
    return fail(ErrorKind::invalid_request, "a configuration file is one JSON object");
  }
  return Converter().convert(value);
}

}  // namespace kbs::config
