#include "kbs-client/reference_value.h"

#include <charconv>
#include <cstdint>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/encoding.h"
#include "base/json.h"

namespace kbs::client {
namespace {

Result<json::value> parse_integer(std::string_view text) {
  if (text.empty())
    return fail(ErrorKind::invalid_request, "cannot parse integer from empty string");
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  std::int32_t number = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) {
    return fail(ErrorKind::invalid_request, "invalid digit found in string");
  }
  if (error == std::errc::result_out_of_range) {
    return fail(ErrorKind::invalid_request, std::string("number too ") +
                                                (digits[0] == '-' ? "small" : "large") +
                                                " to fit in target type");
  }
  return json::value(number);
}

Result<json::value> parse_value(std::string_view text, ValueType type) {
  switch (type) {
    case ValueType::integer:
      return parse_integer(text);
    case ValueType::boolean:
      if (text == "true") return json::value(true);
      if (text == "false") return json::value(false);
      return fail(ErrorKind::invalid_request, "provided string was not `true` or `false`");
    case ValueType::text:
      break;
  }
  return json::value(text);
}

}  // namespace

std::string reference_value_message(std::string_view name, json::value value) {
  json::object payload;
  payload[name] = std::move(value);
  json::object message;
  message["version"] = "0.1.0";
  message["type"] = "sample";
  message["payload"] = base64(as_bytes(to_json(payload)));
  return to_json(message);
}

Result<std::string> sample_reference_value(std::string_view name, std::string_view value,
                                           ValueType type, bool single_value) {
  if (!is_utf8(name) || !is_utf8(value)) {
    return fail(ErrorKind::invalid_request, "name and value must be UTF-8 text");
  }
  KBS_TRY(json::value parsed, parse_value(value, type));
  if (single_value) return reference_value_message(name, std::move(parsed));
  json::array list;
  list.push_back(std::move(parsed));
  return reference_value_message(name, std::move(list));
}

}  // namespace kbs::client
