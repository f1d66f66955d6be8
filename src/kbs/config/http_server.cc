#include <arpa/inet.h>

#include <charconv>
#include <limits>

#include "kbs/config/interpret.h"
#include "kbs/config/quantity.h"

namespace kbs::config {
namespace {

void read_size(Section& section, HttpServer& out) {
  std::string text;
  section.read("payload_request_size", text);
  if (text.empty()) return;
  // `2` is MiB, as the reference has it; `"512KiB"` says its unit.
  constexpr std::uint64_t kMost = std::uint64_t{std::numeric_limits<std::uint32_t>::max()} << 20;
  if (const auto bytes = parse_size(text, 1u << 20); bytes && *bytes > 0 && *bytes <= kMost) {
    out.payload_request_bytes = *bytes;
  } else {
    section.problem("payload_request_size",
                    "must be a number of MiB from 1, or a size such as \"512KiB\"");
  }
}

void read_tls(Section& section, HttpServer& out) {
  static constexpr const char* kProfiles[] = {"old", "intermediate", "modern", "custom"};
  static constexpr const char* kVersions[] = {"1.2", "1.3"};
  if (const auto i =
          section.read_word("tls_profile", {"old", "intermediate", "modern", "custom"})) {
    out.tls_profile = kProfiles[*i];
  }
  if (const auto i = section.read_word("tls_min_version", {"1.2", "1.3"})) {
    out.tls_min_version = kVersions[*i];
  }
  if (const auto i = section.read_word("tls_max_version", {"1.2", "1.3"})) {
    out.tls_max_version = kVersions[*i];
  }
  section.read("tls_ciphers", out.tls_ciphers);
  section.read("tls_groups", out.tls_groups);

  const bool modern = out.tls_profile == "modern" && out.tls_min_version.empty();
  if (out.tls_max_version == "1.2" && (modern || out.tls_min_version == "1.3")) {
    section.problem(std::string("tls_min_version (1.3") +
                    (modern ? " by tls_profile \"modern\"" : "") +
                    ") is above tls_max_version (1.2)");
  }
  const bool overridden =
      section.has_any({"tls_min_version", "tls_max_version", "tls_ciphers", "tls_groups"});
  if (overridden && out.tls_profile != "custom") {
    section.warn("tls_profile \"" + out.tls_profile +
                 "\" is changed by the tls_* keys beside it; \"custom\" would say so");
  }
}

}  // namespace

std::optional<bool> is_loopback(const std::string& socket) {
  const std::size_t colon = socket.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::uint16_t port = 0;
  const char* const end = socket.data() + socket.size();
  const auto [rest, error] = std::from_chars(socket.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end) return std::nullopt;
  const std::string host = socket.substr(0, colon);
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (host.size() < 3 || host.front() != '[' || host.back() != ']') return std::nullopt;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6) != 1) return std::nullopt;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

void read_http_server(Section section, HttpServer& out) {
  section.read("sockets", out.sockets);
  if (out.sockets.empty()) section.problem("sockets", "must name at least one \"ip:port\"");
  for (const std::string& socket : out.sockets) {
    if (!is_loopback(socket)) {
      section.problem("sockets",
                      "every item must be an IP address and a port, as \"0.0.0.0:8080\" or "
                      "\"[::1]:8080\"; a host name is not looked up");
    }
  }
  section.read("insecure_http", out.insecure_http);
  section.read("private_key", out.private_key);
  section.read("certificate", out.certificate);
  if (section.present() && !out.insecure_http) {
    const char* const remedy = " (PEM file), or set insecure_http = true for clear HTTP";
    if (out.private_key.empty()) {
      section.problem(std::string("Missing private key: set private_key") + remedy);
    }
    if (out.certificate.empty()) {
      section.problem(std::string("Missing certificate: set certificate") + remedy);
    }
  } else if (!out.private_key.empty() || !out.certificate.empty()) {
    section.warn(
        "insecure_http = true: private_key and certificate are not used, the server speaks clear "
        "HTTP");
  }
  read_size(section, out);
  std::int64_t workers = out.worker_count;
  section.read("worker_count", workers, 1, 4096);
  out.worker_count = static_cast<unsigned>(workers);
  read_tls(section, out);
  if (const auto i = section.read_word("error_mode", {"precise", "trustee"})) {
    out.trustee_errors = *i == 1;
  }
  section.finish();
}

}  // namespace kbs::config
