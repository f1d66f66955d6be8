#include "storage/kv/json_members.h"

#include <algorithm>
#include <new>

#include <boost/json/parser.hpp>

#include "base/encoding.h"
#include "base/json.h"

namespace kbs::storage::kv {
namespace {

/// Memory for the parser that is wiped before it is given back.
class WipingMemory final : public boost::json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    return ::operator new(size, std::align_val_t(alignment));
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    wipe(memory, size);
    ::operator delete(memory, std::align_val_t(alignment));
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

void append(SecretBytes& out, std::string_view text) {
  const auto bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

bool is_base64_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_=+/").find(c) != std::string_view::npos;
}

/// What somebody wrote by hand may be no base64url; it stays as it is, and the file stays JSON.
void append_value(SecretBytes& out, std::string_view text) {
  std::string odd;
  if (std::all_of(text.begin(), text.end(), is_base64_char)) {
    append(out, "\"");
    append(out, text);
    append(out, "\"");
  } else {
    append_json_string(odd, text);
    append(out, odd);
    wipe(odd.data(), odd.size());
  }
}

std::string_view without_padding(std::string_view text) noexcept {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return text;
}

tl::unexpected<Error> damaged(std::string detail) {
  return fail(ErrorKind::internal, "the LocalJson file is not a JSON object of strings",
              std::move(detail));
}

}  // namespace

Result<Members> parse_members(std::string_view text) {
  WipingMemory memory;
  boost::json::error_code error;
  boost::json::parser parser(&memory);
  parser.reset(&memory);
  parser.write(text.data(), text.size(), error);
  if (error) return damaged(error.message());
  const boost::json::value whole = parser.release();
  if (!whole.is_object()) return damaged("not an object");
  Members members;
  for (const auto& [key, value] : whole.get_object()) {
    if (!value.is_string()) return damaged("member \"" + std::string(key) + "\" is not a string");
    const auto bytes = as_bytes(std::string_view(value.get_string()));
    members.insert_or_assign(std::string(key), SecretBytes(bytes.begin(), bytes.end()));
  }
  return members;
}

SecretBytes print_members(const Members& members) {
  std::size_t size = 2;
  for (const auto& [key, value] : members) size += 2 * key.size() + value.size() + 8;
  SecretBytes out;
  out.reserve(size);
  append(out, "{");
  for (const auto& [key, value] : members) {
    std::string name = out.size() > 1 ? "," : "";
    append_json_string(name, key);
    append(out, name + ':');
    append_value(out, as_text(value));
  }
  append(out, "}");
  return out;
}

SecretBytes encode_value(const Secret& value) {
  std::string text;
  text.reserve(value.size() / 3 * 4 + 8);  // grows nowhere, so that all of it is wiped below
  append_base64url(text, value.expose());
  while (text.size() % 4 != 0) text += '=';
  const auto bytes = as_bytes(text);
  SecretBytes out(bytes.begin(), bytes.end());
  wipe(text.data(), text.size());
  return out;
}

std::size_t value_size(std::string_view text) noexcept {
  return base64url_decoded_size(without_padding(text));
}

Result<Secret> decode_value(std::string_view text) {
  text = without_padding(text);
  SecretBytes bytes(base64url_decoded_size(text));
  KBS_OK(from_base64url_into(text, bytes));
  return Secret(std::move(bytes));
}

}  // namespace kbs::storage::kv
