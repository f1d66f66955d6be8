// The TLS side of the listener: spec/config.md §3.1.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/asio/ssl/context.hpp>

#include "base/log.h"
#include "crypto/openssl_ptr.h"
#include "kbs/http/server.h"

namespace kbs::http {
namespace {

using Context = std::shared_ptr<asio::ssl::context>;

constexpr char kSuites12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";
constexpr char kSuites13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr std::string_view kClassicGroups = "X25519:secp256r1:secp384r1";
/// Hybrids with ML-KEM, which OpenSSL has from 3.5 on; the first that it accepts leads the list.
constexpr std::array<std::string_view, 4> kPostQuantumGroups = {
    "X25519MLKEM768", "SecP256r1MLKEM768", "X448MLKEM1024", "SecP384r1MLKEM1024"};

tl::unexpected<Error> refuse(std::string message) {
  char text[256] = "";
  if (const unsigned long code = ERR_peek_last_error(); code != 0)
    ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(ErrorKind::invalid_request, "http_server." + std::move(message), text);
}

struct Versions {
  int min = TLS1_2_VERSION;
  int max = TLS1_3_VERSION;
};

Result<int> to_version(std::string_view option, std::string_view text) {
  if (text == "1.2") return TLS1_2_VERSION;
  if (text == "1.3") return TLS1_3_VERSION;
  return refuse(std::string(option) + " = \"" + std::string(text) + "\": write \"1.2\" or \"1.3\"");
}

Result<Versions> choose_versions(const TlsOptions& options) {
  constexpr std::array<std::string_view, 4> profiles = {"old", "intermediate", "modern", "custom"};
  if (std::find(profiles.begin(), profiles.end(), options.profile) == profiles.end()) {
    return refuse("tls_profile = \"" + options.profile +
                  "\": write one of old, intermediate, modern, custom");
  }
  Versions versions;
  if (options.profile == "modern") versions.min = TLS1_3_VERSION;
  if (!options.min_version.empty()) {
    KBS_TRY(versions.min, to_version("tls_min_version", options.min_version));
  }
  if (!options.max_version.empty()) {
    KBS_TRY(versions.max, to_version("tls_max_version", options.max_version));
  }
  if (versions.min > versions.max) {
    const std::string low =
        options.min_version.empty() ? "1.3 (from tls_profile = \"modern\")" : "\"1.3\"";
    return refuse("tls_min_version = " + low + " is above http_server.tls_max_version = \"" +
                  options.max_version + "\": lower the one or raise the other");
  }
  return versions;
}

/// OpenSSL skips names it does not know, and is content if none is left; we are not.
bool knows_suite(SSL_CTX* context, std::string_view list) {
  const auto* suites = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    const std::string_view name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, i));
    if (name.starts_with("TLS_") && list.find(name) != std::string_view::npos) return true;
  }
  return false;
}

Result<> set_ciphers(SSL_CTX* context, const TlsOptions& options) {
  const std::string& wanted = options.ciphers;
  const bool replace12 =
      !wanted.empty() && options.min_version != "1.3" && options.profile != "modern";
  const bool replace13 = !wanted.empty() && options.max_version != "1.2";
  const char* list12 = replace12 ? wanted.c_str() : kSuites12;
  const char* list13 = replace13 ? wanted.c_str() : kSuites13;
  if (SSL_CTX_set_ciphersuites(context, list13) != 1 || !knows_suite(context, list13)) {
    return refuse(
        "tls_ciphers names no TLS 1.3 suite that is known here: add one, such as "
        "TLS_AES_256_GCM_SHA384, or set tls_max_version = \"1.2\"");
  }
  if (SSL_CTX_set_cipher_list(context, list12) != 1) {
    return refuse(
        "tls_ciphers names no TLS 1.2 suite that is known here: add one, such as "
        "ECDHE-ECDSA-AES256-GCM-SHA384, or set tls_min_version = \"1.3\"");
  }
  return {};
}

Result<> set_groups(SSL_CTX* context, const TlsOptions& options) {
  if (!options.groups.empty()) {
    if (SSL_CTX_set1_groups_list(context, options.groups.c_str()) == 1) return {};
    return refuse("tls_groups = \"" + options.groups +
                  "\" has a name that is not known here: write a list such as X25519:secp256r1");
  }
  const std::string classic(kClassicGroups);
  for (const std::string_view hybrid : kPostQuantumGroups) {
    const std::string list = std::string(hybrid) + ":" + classic;
    if (SSL_CTX_set1_groups_list(context, list.c_str()) == 1) return {};
  }
  ERR_clear_error();
  if (SSL_CTX_set1_groups_list(context, classic.c_str()) != 1)
    return refuse("tls_groups: none can be used");
  return {};
}

/// For the DHE suites of TLS 1.2: the group of RFC 7919 that every client takes.
Result<> set_dh(SSL_CTX* context) {
  const crypto::EvpPkeyCtx maker(EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
  EVP_PKEY* group = nullptr;
  if (!maker || EVP_PKEY_paramgen_init(maker.get()) != 1 ||
      EVP_PKEY_CTX_set_group_name(maker.get(), "ffdhe2048") != 1 ||
      EVP_PKEY_paramgen(maker.get(), &group) != 1) {
    return refuse("tls_profile: the DH group ffdhe2048 cannot be made");
  }
  if (SSL_CTX_set0_tmp_dh_pkey(context, group) != 1) {
    EVP_PKEY_free(group);
    return refuse("tls_profile: the DH group ffdhe2048 cannot be used");
  }
  return {};
}

/// Never asks at the terminal, which is what OpenSSL does without a callback.
int no_passphrase(char*, int, int, void*) { return -1; }

crypto::BioPtr reader(std::string_view text) {
  return crypto::BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<> set_certificate(SSL_CTX* context, const TlsOptions& options) {
  const crypto::BioPtr chain = reader(options.certificate_pem);
  const crypto::X509Ptr leaf(PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr));
  if (!leaf)
    return refuse("certificate holds no PEM certificate (BEGIN CERTIFICATE), or a damaged one");
  if (SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return refuse("certificate cannot be used: its key is of an unknown type or too weak");
  }
  while (X509* issuer = PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, issuer) == 1) continue;
    X509_free(issuer);
    return refuse("certificate: one of the chain cannot be used");
  }
  // The reader ends with "no start line" when the file is through; anything else is damage.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return refuse("certificate: one of the chain is damaged");
  }
  ERR_clear_error();
  return {};
}

Result<> set_key(SSL_CTX* context, const TlsOptions& options) {
  const std::string_view pem = options.private_key_pem.expose_text();
  const crypto::BioPtr text = reader(pem);
  const crypto::EvpPkey key(PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    if (pem.find("ENCRYPTED") != std::string_view::npos) {
      return refuse("private_key is encrypted: decrypt it first (openssl pkey -in KEY -out PLAIN)");
    }
    return refuse("private_key holds no PEM private key (BEGIN PRIVATE KEY), or a damaged one");
  }
  const X509* leaf = SSL_CTX_get0_certificate(context);
  if (X509_check_private_key(leaf, key.get()) != 1) {
    return refuse(
        "private_key does not belong to the first certificate of http_server.certificate: "
        "check that both files are of one pair, the server's own certificate first");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) return refuse("private_key cannot be used");
  return {};
}

/// HTTP/1.1 is what we speak. A client that offers only other protocols is told so (RFC 7301 §3.2).
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const int rc =
      SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11, offered, offered_size);
  *out = chosen;
  return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void set_behaviour(SSL_CTX* context) {
  // CLEANSE_PLAINTEXT: requests carry secrets, which must not stay in OpenSSL's buffers.
  SSL_CTX_set_options(context,
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_clear_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  // Tickets resume sessions without our keeping any; a cache would only grow.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
}

void warn_of_overrides(const TlsOptions& options) {
  const bool overridden = !options.min_version.empty() || !options.max_version.empty() ||
                          !options.ciphers.empty() || !options.groups.empty();
  if (options.profile == "custom" || !overridden) return;
  log_line(LogLevel::warn, "http",
           "tls_min_version, tls_max_version, tls_ciphers or tls_groups override the profile",
           {{"tls_profile", options.profile}});
}

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const TlsOptions& options) {
  KBS_TRY(const Versions versions, choose_versions(options));
  ERR_clear_error();
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  if (SSL_CTX_set_min_proto_version(native, versions.min) != 1 ||
      SSL_CTX_set_max_proto_version(native, versions.max) != 1) {
    return refuse("tls_min_version, tls_max_version: this OpenSSL cannot do them");
  }
  KBS_OK(set_ciphers(native, options));
  KBS_OK(set_groups(native, options));
  KBS_OK(set_dh(native));
  KBS_OK(set_certificate(native, options));
  KBS_OK(set_key(native, options));
  set_behaviour(native);
  warn_of_overrides(options);
  return context;
}

}  // namespace kbs::http
