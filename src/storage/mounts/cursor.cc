#include "storage/mounts/cursor.h"

#include <charconv>

#include "base/encoding.h"

namespace kbs::storage {
namespace {

/// "3:abc": any bytes, of a length said before.
void append(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
}

bool take(std::string_view& rest, std::string& field) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (error != std::errc() || rest.empty() || rest.front() != ':') return false;
  rest.remove_prefix(1);
  if (size > rest.size()) return false;
  field = rest.substr(0, size);
  rest.remove_prefix(size);
  return true;
}

bool take(std::string_view& rest, MergedCursor::Part& part) {
  std::string done;
  if (!take(rest, part.mount) || !take(rest, done) || !take(rest, part.cursor)) return false;
  part.done = done == "done";
  return done.empty() || part.done;
}

}  // namespace

std::string to_text(const MergedCursor& cursor) {
  std::string out;
  append(out, cursor.last);
  for (const MergedCursor::Part& part : cursor.parts) {
    append(out, part.mount);
    append(out, part.done ? "done" : "");
    append(out, part.cursor);
  }
  return base64url(as_bytes(out));
}

Result<MergedCursor> parse_cursor(std::string_view text) {
  const auto not_ours = [] {
    return fail(ErrorKind::invalid_request,
                "not a cursor of this listing: take the one of the page before");
  };
  const Result<Bytes> bytes = from_base64url(text);
  if (!bytes) return not_ours();
  std::string_view rest = as_text(*bytes);
  MergedCursor cursor;
  if (!take(rest, cursor.last)) return not_ours();
  while (!rest.empty()) {
    if (!take(rest, cursor.parts.emplace_back())) return not_ours();
  }
  return cursor;
}

}  // namespace kbs::storage
