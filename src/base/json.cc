#include "base/json.h"

#include <charconv>
#include <cmath>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

namespace kbs {
namespace {

/// Builds the value that `json::basic_parser` reads, and refuses what Boost's own handler lets
/// pass.
class Builder {
 public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  explicit Builder(std::size_t max_members)
      : max_members_(max_members), stack_(json::storage_ptr(), buffer_, sizeof buffer_) {
    stack_.reset();
  }

  json::value release() { return stack_.release(); }
  /// Members read, of all objects: more than the value holds if a name came twice.
  std::size_t members() const { return members_; }
  const char* refusal() const { return refusal_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t n, json::error_code& ec) {
    // Boost hashes names with a function whose collisions can be computed, so that its cost may
    // grow with the square of this.
    if (n > max_members_) return refuse(ec, "too many members in one object");
    members_ += n;
    stack_.push_object(n);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t n, json::error_code&) {
    stack_.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view rest, std::size_t, json::error_code&) {
    stack_.push_key(rest);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view rest, std::size_t, json::error_code&) {
    stack_.push_string(rest);
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double rough, json::string_view text, json::error_code& ec) {
    // Boost 1.81 may be off in the last bit and makes 0e400 a NaN: read the text again, rounded
    // correctly.
    double number = 0;
    const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (err == std::errc::result_out_of_range) number = std::abs(rough) < 1 ? 0.0 : HUGE_VAL;
    if (!std::isfinite(number)) return refuse(ec, "a number is too large");
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool b, json::error_code&) {
    stack_.push_bool(b);
    return true;
  }
  bool on_null(json::error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  bool refuse(json::error_code& ec, const char* why) {
    refusal_ = why;
    ec = json::error::syntax;
    return false;
  }

  std::size_t max_members_;
  std::size_t members_ = 0;
  const char* refusal_ = nullptr;
  unsigned char buffer_[4096];  // before the stack that uses it
  json::value_stack stack_;
};

std::size_t count_members(const json::value& value) {
  std::size_t count = 0;
  if (const json::object* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += count_members(member.value());
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array) count += count_members(element);
  }
  return count;
}

std::string explain(const json::error_code& ec, const char* refusal, std::size_t at) {
  std::string text = "malformed JSON: ";
  if (refusal) return text + refusal;
  if (ec == json::error::too_deep) return text + "nested too deeply";
  if (ec == json::error::incomplete) return text + "it ends too early";
  if (ec == json::error::extra_data) return text + "more bytes after the value";
  return text + ec.message() + " at byte " + std::to_string(at);
}

/// RFC 6901 §4: "~1" is "/", "~0" is "~", any other "~" is an error.
std::optional<std::string> unescape_token(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      out += token[i];
      continue;
    }
    ++i;
    const char escaped = i < token.size() ? token[i] : '\0';
    if (escaped != '0' && escaped != '1') return std::nullopt;
    out += escaped == '0' ? '~' : '/';
  }
  return out;
}

const json::value* element_at(const json::array& array, std::string_view token) {
  if (token.empty() || (token[0] == '0' && token.size() > 1)) return nullptr;
  std::size_t index = 0;
  const auto [end, err] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (err != std::errc() || end != token.data() + token.size()) return nullptr;
  return array.if_contains(index);
}

}  // namespace

Result<json::value> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    return fail(ErrorKind::invalid_request, "malformed JSON: too long");
  json::parse_options options;
  options.max_depth = limits.max_depth;
  json::basic_parser<Builder> parser(options, limits.max_members);
  json::error_code ec;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && read < text.size()) ec = json::error::extra_data;
  if (ec) return fail(ErrorKind::invalid_request, explain(ec, parser.handler().refusal(), read));
  json::value value = parser.handler().release();
  if (count_members(value) != parser.handler().members()) {
    return fail(ErrorKind::invalid_request, "malformed JSON: a member name is repeated");
  }
  return value;
}

Result<json::object> parse_json_object(std::string_view text, const JsonLimits& limits) {
  KBS_TRY(json::value value, parse_json(text, limits));
  json::object* object = value.if_object();
  if (!object) return fail(ErrorKind::invalid_request, "malformed JSON: an object is expected");
  return std::move(*object);
}

std::optional<std::string_view> string_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value ? value->if_string() : nullptr;
  if (!text) return std::nullopt;
  return std::string_view(text->data(), text->size());
}

const json::value* find_pointer(const json::value& value, std::string_view pointer) {
  const json::value* at = &value;
  while (at && !pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    const std::optional<std::string> token = unescape_token(pointer.substr(1, end - 1));
    if (!token) return nullptr;
    if (const json::object* object = at->if_object()) {
      at = object->if_contains(*token);
    } else if (const json::array* array = at->if_array()) {
      at = element_at(*array, *token);
    } else {
      return nullptr;
    }
    pointer.remove_prefix(end);
  }
  return at;
}

}  // namespace kbs
