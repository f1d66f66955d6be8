#include "resource/resource_uri.h"

namespace kbs {
namespace {

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out += '%';
  out += kDigits[c >> 4];
  out += kDigits[c & 15];
}

/// What RFC 3986 lets stand in a path or query stays, '%' too: the caller may have encoded already.
/// The rest is encoded, line ends above all, which would begin a header of the caller's choice.
void append_encoded(std::string& out, std::string_view text, std::string_view also_encode) {
  constexpr std::string_view kNever = "\"#<>\\^`{|}";
  for (char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    const bool unsafe = c <= 0x20 || c >= 0x7f || kNever.find(ch) != std::string_view::npos ||
                        also_encode.find(ch) != std::string_view::npos;
    if (unsafe) {
      append_escape(out, c);
    } else {
      out += ch;
    }
  }
}

bool is_plugin_name(std::string_view name) {
  if (name.empty()) return false;
  for (char c : name) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alnum && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

/// Takes `kbs[+plugin]://authority/` off `text`, if it is there.
Result<> strip_scheme(std::string_view& text, std::string& plugin) {
  const std::size_t colon = text.find("://");
  // "://" behind the first slash belongs to a query, not to a scheme.
  if (colon == std::string_view::npos || text.find('/') < colon) return {};
  std::string_view scheme = text.substr(0, colon);
  if (scheme.starts_with("kbs+")) {
    plugin = scheme.substr(4);
    if (!is_plugin_name(plugin)) {
      return fail(ErrorKind::invalid_request,
                  "the URI names no plugin behind kbs+" + std::string(kResourceForms));
    }
  } else if (scheme != "kbs") {
    return fail(ErrorKind::invalid_request, "the scheme of a resource URI is kbs, not " +
                                                std::string(scheme) + std::string(kResourceForms));
  }
  text.remove_prefix(colon + 3);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return fail(ErrorKind::invalid_request,
                "the resource URI has no path" + std::string(kResourceForms));
  }
  text.remove_prefix(slash + 1);
  return {};
}

}  // namespace

Result<ResourceUri> ResourceUri::parse(std::string_view text) {
  ResourceUri uri;
  KBS_OK(strip_scheme(text, uri.plugin));
  if (const std::size_t mark = text.find('?'); mark != std::string_view::npos) {
    uri.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  uri.path = text;
  return uri;
}

std::string ResourceUri::target() const {
  std::string out = "/kbs/v0/" + plugin + '/';
  append_encoded(out, path, "?");
  if (!query.empty()) {
    out += '?';
    append_encoded(out, query, "");
  }
  return out;
}

std::string encode_query_value(std::string_view text) {
  std::string out;
  for (char ch : text) {
    const bool unreserved = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                            (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.' ||
                            ch == '~';
    if (unreserved) {
      out += ch;
    } else {
      append_escape(out, static_cast<unsigned char>(ch));
    }
  }
  return out;
}

}  // namespace kbs
