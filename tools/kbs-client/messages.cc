#include "kbs-client/messages.h"

#include <array>
#include <cstdio>

#include <boost/json/object.hpp>

#include "base/encoding.h"
#include "base/json.h"

namespace kbs::client {
namespace {

void append_control(std::string& out, unsigned code) {
  std::array<char, 16> text{};
  const int size = std::snprintf(text.data(), text.size(), "\\u{%x}", code);
  out.append(text.data(), static_cast<std::size_t>(size));
}

/// One row per kind of refusal; the first part of a hint is what the reader can do.
std::string_view unauthenticated_hint(Credential credential) {
  switch (credential) {
    case Credential::none:
      return "no admin token was sent; pass --admin-token-file FILE or --auth-private-key PEM "
             "between `config` and "
             "the subcommand";
    case Credential::signed_without_issuer:
      return "the server may demand an issuer: pass --auth-issuer with the `issuer` of its "
             "identity provider (and "
             "--auth-audience, --auth-role if they differ from KBS and admin)";
    case Credential::signed_with_issuer:
      return "the server did not accept what was signed; compare --auth-issuer, --auth-audience, "
             "--auth-role and the "
             "key with its [admin] section";
    case Credential::token:
      return "the server did not accept the token; it may have expired, or its iss, aud and role "
             "do not fit the "
             "server's [admin] section";
  }
  return {};
}

}  // namespace

std::string quoted(std::string_view text) {
  const std::string valid = to_valid_utf8(text);
  std::string out = "\"";
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto c = static_cast<unsigned char>(valid[i]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += valid[i];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == 0) {
      out += "\\0";
    } else if (c < 0x20 || c == 0x7f) {
      append_control(out, c);
    } else if (c == 0xc2 && i + 1 < valid.size() &&
               static_cast<unsigned char>(valid[i + 1]) < 0xa0) {
      append_control(
          out, static_cast<unsigned char>(valid[++i]));  // C1 controls: terminals obey them too
    } else {
      out += valid[i];
    }
  }
  return out + '"';
}

std::string error_report(const Error& error, bool backtrace) {
  std::string out = "Error: " + error.message;
  if (!error.detail.empty()) out += "\n\nCaused by:\n    " + error.detail;
  if (backtrace) {
    out += "\n\nStack backtrace:\n   0: ";
    out += error.where.function_name();
    out += "\n             at " + std::string(error.where.file_name()) + ':' +
           std::to_string(error.where.line());
  }
  return out;
}

std::string error_report_json(const Error& error, std::string_view hint) {
  json::object report;
  report["error"] = to_valid_utf8(error.message);
  report["kind"] = to_string(error.kind);
  if (!error.detail.empty()) report["cause"] = to_valid_utf8(error.detail);
  if (!hint.empty()) report["hint"] = hint;
  return to_json(report);
}

std::string admin_hint(ErrorKind kind, Credential credential) {
  switch (kind) {
    case ErrorKind::unauthenticated:
      return std::string(unauthenticated_hint(credential));
    case ErrorKind::denied:
      return "administration is off or this role may not do that: see authorization_mode and "
             "[admin.authorization.regex_acl] of the server";
    case ErrorKind::too_large:
      return "the server takes smaller bodies only: raise payload_request_size in its "
             "[http_server] section";
    case ErrorKind::unsupported:
      return "the storage behind this path does not support the operation; see the server's mounts";
    case ErrorKind::not_found:
      return "nothing is there; check the name, and that the server's release knows the endpoint";
    case ErrorKind::conflict:
      return "it is not in the state that the command wants, or somebody else changed it "
             "meanwhile; look again, then repeat the command";
    case ErrorKind::rate_limited:
      return "wait a moment, then repeat the command";
    default:
      return {};
  }
}

std::string_view admin_routes_hint() noexcept {
  return "administration is off, or the role has no rule for this route: the routes below "
         "/kbs/v0/admin/ need a rule of [admin.authorization.regex_acl] that begins with "
         "^/kbs/v0/admin, such as ^/kbs/v0/admin/.+$";
}

std::string guest_hint(ErrorKind kind, bool with_token) {
  switch (kind) {
    case ErrorKind::unauthenticated:
      if (with_token) {
        return "get a new token with `kbs-client attest --tee-key-file PEM`; if that one is "
               "refused too, the server does "
               "not trust its issuer, or its resource policy says no";
      }
      return "the server's attestation policy or resource policy does not accept this guest, or "
             "the resource does not "
             "exist; the server's log tells which. Stock policies refuse sample evidence: for "
             "tests, `kbs-client config "
             "set-resource-policy --allow-all`";
    case ErrorKind::denied:
      return "the resource policy says no. Stock policies refuse sample evidence: for tests, "
             "`kbs-client config "
             "set-resource-policy --allow-all`";
    case ErrorKind::not_found:
      return "store it first: `kbs-client config set-resource --path … --resource-file FILE`";
    default:
      return {};
  }
}

}  // namespace kbs::client
