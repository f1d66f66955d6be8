#include "kbs/config/node.h"

namespace kbs::config {

Result<Node> parse_document(std::string_view text, std::string_view format) {
  if (text.size() > kMaxFileBytes) {
    return fail(ErrorKind::too_large, "a configuration file may hold at most 1 MiB");
  }
  if (format == "toml") return parse_toml(text);
  if (format == "yaml" || format == "yml") return parse_yaml(text);
  if (format == "json") return parse_json_file(text);
  return fail(ErrorKind::unsupported,
              "cannot tell the format: the name must end in .toml, .yaml, .yml or .json");
}

}  // namespace kbs::config
