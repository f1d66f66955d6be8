// What parse_json accepts means one thing: its text reads back to the same text.
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "base/json.h"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kbs;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  std::string quoted;
  append_json_string(quoted, text);
  require(parse_json(quoted).value().get_string() == to_valid_utf8(text));

  const Result<json::value> value = parse_json(text);
  if (!value) return 0;
  require(is_utf8(text));
  const std::string compact = to_json(*value);
  require(to_json(parse_json(compact).value()) == compact);  // 1.0 comes back as the integer 1
  const std::string canonical = canonical_json(*value);
  require(canonical_json(parse_json(canonical).value()) == canonical);
  require(find_pointer(*value, "") == &*value);
  (void)find_pointer(*value, text);
  (void)find_pointer(*value, "/0/a");
  return 0;
}
