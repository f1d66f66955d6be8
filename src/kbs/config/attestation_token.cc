#include "kbs/config/interpret.h"

namespace kbs::config {

void check_key_source(Section& section, const std::string& key, const std::string& source) {
  if (source.empty()) return section.problem(key, "must name a file");
  if (source.starts_with("https://")) {
    return section.report().not_in_this_build(
        section.path() + " " + key +
        ": keys from https:// addresses; save them in a file and name "
        "the file");
  }
  if (source.starts_with("http://")) {
    return section.problem(
        key,
        "http:// is refused: whoever sits on the way could put in keys of his own; use a file");
  }
  if (source.find("://") != std::string::npos && !source.starts_with("file://")) {
    section.problem(key, "must be a path or file://…");
  }
}

void read_attestation_token(Section section, AttestationToken& out) {
  section.read("trusted_certs_paths", out.trusted_certs_paths);
  for (const std::string& path : out.trusted_certs_paths) {
    if (path.empty()) section.problem("trusted_certs_paths", "every item must name a file");
  }
  section.read("trusted_jwk_sets", out.trusted_jwk_sets);
  for (const std::string& source : out.trusted_jwk_sets) {
    check_key_source(section, "trusted_jwk_sets", source);
  }
  section.read("extra_teekey_paths", out.extra_teekey_paths);
  for (const std::string& pointer : out.extra_teekey_paths) {
    if (!pointer.starts_with('/')) {
      section.problem("extra_teekey_paths",
                      "every item must be a JSON pointer, which begins with \"/\"");
    }
  }
  section.read("insecure_header_jwk", out.insecure_header_jwk);
  bool insecure_key = false;
  section.read("insecure_key", insecure_key);
  if (section.has("insecure_key")) {
    if (section.has("insecure_header_jwk")) {
      section.warn("\"insecure_key\" has no effect: insecure_header_jwk beside it counts");
    } else {
      out.insecure_header_jwk = insecure_key;
      section.warn("\"insecure_key\" is read as insecure_header_jwk, its name since v0.21");
    }
  }
  if (out.insecure_header_jwk) {
    section.warn(
        "insecure_header_jwk = true: anybody can sign a token that is believed; for tests only");
  }
  section.dead("attestation_token_type", "tokens are recognised by themselves");

  if (out.trusted_certs_paths.empty() && out.trusted_jwk_sets.empty() && !out.insecure_header_jwk) {
    section.report().problem(
        "[attestation_token] names nobody whose tokens are believed: set trusted_certs_paths to "
        "the CA of "
        "the attestation service, or trusted_jwk_sets to a file of its keys; insecure_header_jwk = "
        "true is "
        "for tests only");
  }
  section.finish();
}

}  // namespace kbs::config
