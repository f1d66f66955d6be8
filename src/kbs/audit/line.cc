#include "kbs/audit/line.h"

#include <array>
#include <charconv>

#include "base/encoding.h"
#include "base/json.h"
#include "base/time_text.h"
#include "crypto/digest.h"
#include "crypto/jws.h"

namespace kbs::audit {
namespace {

constexpr std::string_view kSignature = R"(,"sig":")";

void append_number(std::string& out, std::integral auto number) {
  std::array<char, 24> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

/// `name` comes with its comma, quotes and colon.
void append_if_set(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += name;
  append_json_string(out, value);
}

void append_chains(std::string& out, const std::vector<ChainHead>& chains) {
  out += R"(,"chains":[)";
  for (const ChainHead& chain : chains) {
    if (&chain != &chains.front()) out += ',';
    out += R"({"seq":)";
    append_number(out, chain.seq);
    ((out += R"(,"prev":")") += chain.prev) += R"("})";
  }
  out += ']';
}

void append_torn(std::string& out, const std::vector<Fragment>& torn) {
  if (torn.empty()) return;
  out += R"(,"torn":[)";
  for (const Fragment& fragment : torn) {
    if (&fragment != &torn.front()) out += ',';
    out += R"({"bytes":)";
    append_number(out, fragment.bytes);
    ((out += R"(,"sha256":")") += fragment.sha256) += R"("})";
  }
  out += ']';
}

std::string begin_control(std::string_view type, const Control& control) {
  std::string line = R"({"type":")";
  ((line += type) += R"(","run":")") += control.run;
  line += R"(","number":)";
  append_number(line, control.number);
  ((line += R"(,"prev":")") += control.prev) += R"(","ts":")";
  append_rfc3339_micros(line, control.time);
  line += '"';
  return line;
}

/// Closes `line` with a signature over the text it would have without one: a JWS whose payload is
/// detached (RFC 7515, appendix F), so that the line stays readable.
Result<std::string> sign(std::string line, const crypto::PrivateKey& key) {
  line += '}';
  KBS_TRY(const std::string jws,
          crypto::sign_jws(R"({"alg":"EdDSA"})", line, key, crypto::JwsAlgorithm::eddsa));
  line.pop_back();
  line += kSignature;
  line.append(jws, 0, jws.find('.') + 1);
  line.append(jws, jws.rfind('.'), std::string::npos);
  line += R"("})";
  return line;
}

}  // namespace

std::string line_hash(std::string_view line) { return hex(crypto::sha256(as_bytes(line))); }

void append_record(std::string& out, std::string_view run, unsigned worker, const ChainHead& head,
                   SysTime time, const Record& record) {
  ((out += R"({"type":"record","run":")") += run) += R"(","worker":)";
  append_number(out, worker);
  out += R"(,"seq":)";
  append_number(out, head.seq);
  ((out += R"(,"prev":")") += head.prev) += R"(","ts":")";
  append_rfc3339_micros(out, time);
  out += R"(","event":)";
  append_json_string(out, record.event);
  append_if_set(out, R"(,"request":)", record.request_id);
  append_if_set(out, R"(,"token_sha256":)", record.token_sha256);
  append_if_set(out, R"(,"tee":)", record.tee);
  append_if_set(out, R"(,"init_data":)", record.init_data);
  append_if_set(out, R"(,"admin":)", record.admin_subject);
  append_if_set(out, R"(,"action":)", record.action);
  append_if_set(out, R"(,"object":)", record.object);
  out += record.allowed ? R"(,"allowed":true)" : R"(,"allowed":false)";
  append_if_set(out, R"(,"reason":)", record.reason);
  append_if_set(out, R"(,"version":)", record.version);
  out += R"(,"latency_us":)";
  append_number(out, record.latency.count());
  append_if_set(out, R"(,"peer":)", record.peer);
  out += '}';
}

Result<std::string> header_line(const Control& control, unsigned part,
                                const crypto::PrivateKey& key) {
  std::string line = begin_control("header", control);
  line += R"(,"part":)";
  append_number(line, part);
  line += R"(,"workers":)";
  append_number(line, control.chains.size());
  (line += R"(,"key":)") += to_json(key.public_key().to_jwk());
  if (part > 0) append_chains(line, control.chains);
  append_torn(line, control.torn);
  return sign(std::move(line), key);
}

Result<std::string> checkpoint_line(const Control& control, std::string_view why,
                                    std::uint64_t lost, const crypto::PrivateKey& key) {
  std::string line = begin_control("checkpoint", control);
  ((line += R"(,"why":")") += why) += R"(","lost":)";
  append_number(line, lost);
  append_chains(line, control.chains);
  append_torn(line, control.torn);
  return sign(std::move(line), key);
}

Result<> verify_line(std::string_view line, const crypto::PublicKey& key) {
  const std::size_t at = line.rfind(kSignature);
  const std::string_view end = R"("})";
  if (at == std::string_view::npos || !line.ends_with(end)) {
    return fail(ErrorKind::unauthenticated, "no signature");
  }
  const std::string text = std::string(line.substr(0, at)) + "}";
  std::string_view detached = line.substr(at + kSignature.size());
  detached.remove_suffix(end.size());
  const std::size_t dots = detached.find("..");
  if (dots == std::string_view::npos)
    return fail(ErrorKind::unauthenticated, "no detached signature");
  std::string jws(detached.substr(0, dots + 1));
  append_base64url(jws, as_bytes(text));
  jws += detached.substr(dots + 1);
  KBS_TRY(const crypto::ParsedJws parsed, crypto::parse_jws(jws));
  return crypto::verify_jws(parsed, key, crypto::JwsAlgorithm::eddsa);
}

}  // namespace kbs::audit
