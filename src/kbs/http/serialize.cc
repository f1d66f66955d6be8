#include "kbs/http/serialize.h"

#include <algorithm>
#include <charconv>

namespace kbs::http {
namespace {

/// Phrases are for people; clients read the number.
std::string_view reason(unsigned status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

bool is_name_char(char c) noexcept {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         marks.find(c) != std::string_view::npos;
}

bool is_value(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool is_ours(std::string_view name) noexcept {
  return same_name(name, "content-length") || same_name(name, "transfer-encoding") ||
         same_name(name, "connection");
}

void append_number(std::string& out, std::size_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool is_well_formed(const Response& response) noexcept {
  if (response.status < 200 || response.status > 999 || !is_value(response.content_type))
    return false;
  return std::all_of(response.headers.begin(), response.headers.end(), [](const auto& field) {
    return !field.first.empty() &&
           std::all_of(field.first.begin(), field.first.end(), is_name_char) &&
           is_value(field.second);
  });
}

bool may_have_body(unsigned status) noexcept {
  return status >= 200 && status != 204 && status != 304;
}

std::string serialize_head(const Response& response, const Framing& framing) {
  std::string out;
  out.reserve(256);
  out += "HTTP/1.1 ";
  append_number(out, response.status);
  out.append(" ").append(reason(response.status)).append("\r\n");
  if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  if (may_have_body(response.status)) {
    out += "Content-Length: ";
    append_number(out, response.body_text().size());
    out += "\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    if (!is_ours(name)) append_field(out, name, value);
  }
  if (framing.close) {
    out += "Connection: close\r\n";
  } else if (framing.keep_alive_header) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  return out;
}

}  // namespace kbs::http
