#include "crypto/x509.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "crypto/evp.h"
#include "crypto/pem.h"

namespace kbs::crypto {
namespace {

// Chains seen in the field have two to four certificates.
constexpr std::size_t kMaxChain = 16;
// 112 bits: no SHA-1 or MD5 signatures, no RSA below 2048.
constexpr int kSecurityLevel = 2;

void free_certificates(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }
using X509Stack = Handle<STACK_OF(X509), free_certificates>;
using KeyPurposes = Handle<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;

X509Ptr parse_certificate(std::span<const std::byte> der) {
  const unsigned char* next = in(der);
  X509Ptr certificate(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  // Bytes after the certificate are nobody's: two texts would be one certificate.
  if (certificate && next != in(der) + der.size()) certificate.reset();
  return certificate;
}

auto refused(std::string why) {
  return openssl_failure(ErrorKind::unauthenticated,
                         "certificate chain refused: " + std::move(why));
}

/// Purposes under which a key signs something else than tokens, on behalf of somebody else than a
/// token issuer. anyExtendedKeyUsage, code signing, private OIDs and so on are the CA's way to say
/// yes.
bool is_foreign_purpose(int nid) {
  constexpr int kForeign[] = {NID_server_auth, NID_client_auth, NID_ns_sgc,
                              NID_ms_sgc,      NID_OCSP_sign,   NID_time_stamp};
  return std::find(std::begin(kForeign), std::end(kForeign), nid) != std::end(kForeign);
}

/// Whether extendedKeyUsage leaves room for signing tokens. Absent, it does (RFC 5280 §4.2.1.12).
bool purposes_allow_tokens(X509* certificate) {
  int critical = 0;
  const KeyPurposes purposes(static_cast<EXTENDED_KEY_USAGE*>(
      X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, nullptr)));
  if (!purposes) return critical == -1;  // -1: no such extension; else there, and damaged or twice
  for (int i = 0; i < sk_ASN1_OBJECT_num(purposes.get()); ++i) {
    if (!is_foreign_purpose(OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes.get(), i)))) return true;
  }
  return false;
}

bool is_trusted_root(STACK_OF(X509) * path) {
  return sk_X509_num(path) == 1;  // a path of one ends where it begins: in the trust store
}

Result<> check_purpose(STACK_OF(X509) * path) {
  X509* leaf = sk_X509_value(path, 0);
  // All bits are set when the extension is absent.
  if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0) {
    return refused("the key usage of the signer does not include digital signatures");
  }
  // A CA vouches for others; it signs tokens itself only where an operator put it in the trust
  // file.
  if (X509_check_ca(leaf) != 0 && !is_trusted_root(path)) {
    return refused("the signer is a certificate authority");
  }
  // Authorities that may only issue for TLS cannot make a token signer by leaving the leaf's usage
  // out. The root is excepted: it is trusted as it stands.
  for (int i = 0; i < std::max(1, sk_X509_num(path) - 1); ++i) {
    if (!purposes_allow_tokens(sk_X509_value(path, i))) {
      return refused("issued for other purposes than signing, such as TLS");
    }
  }
  return {};
}

std::optional<SysTime> time_of(const ASN1_TIME* time) {
  std::tm tm{};
  if (ASN1_TIME_to_tm(time, &tm) != 1) return std::nullopt;
  return SysTime(std::chrono::seconds(timegm(&tm)));
}

Result<SysTime> earliest_end(STACK_OF(X509) * path) {
  SysTime end = SysTime::max();
  for (int i = 0; i < sk_X509_num(path); ++i) {
    const auto time = time_of(X509_get0_notAfter(sk_X509_value(path, i)));
    if (!time) return refused("a validity date is malformed");
    end = std::min(end, *time);
  }
  return end;
}

Result<X509Stack> parse_chain(std::span<const Bytes> chain_der) {
  if (chain_der.empty() || chain_der.size() > kMaxChain) {
    return refused("it must have 1 to 16 certificates");
  }
  X509Stack stack(sk_X509_new_null());
  require(stack != nullptr, "sk_X509_new_null");
  for (const Bytes& der : chain_der) {
    const X509Ptr certificate = parse_certificate(der);
    if (!certificate) return refused("a certificate is malformed");
    require(X509_add_cert(stack.get(), certificate.get(), X509_ADD_FLAG_UP_REF) == 1,
            "X509_add_cert");
  }
  return stack;
}

/// RFC 5280 §6 through OpenSSL. The path found belongs to the context returned.
Result<X509StoreCtx> build_path(STACK_OF(X509) * chain, X509_STORE* anchors, SysTime now) {
  X509StoreCtx ctx(X509_STORE_CTX_new());
  // The whole chain, leaf included, is offered as intermediates: only those needed are used.
  require(ctx && X509_STORE_CTX_init(ctx.get(), anchors, sk_X509_value(chain, 0), chain) == 1,
          "X509_STORE_CTX_init");
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx.get());
  X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(unix_seconds(now)));
  X509_VERIFY_PARAM_set_auth_level(param, kSecurityLevel);
  X509_VERIFY_PARAM_set_depth(param, static_cast<int>(kMaxChain));
  // Not X509_V_FLAG_X509_STRICT: signers in use have certificates without any extension (the
  // reference's own test signer is one). Not X509_V_FLAG_PARTIAL_CHAIN: the path ends at a root.
  if (X509_verify_cert(ctx.get()) != 1) {
    return refused(X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx.get())));
  }
  return ctx;
}

/// The next certificate of a bundle as DER; blocks of other kinds (a key beside it) are skipped.
Result<std::optional<Bytes>> next_certificate(PemReader& reader) {
  for (;;) {
    KBS_TRY(auto block, reader.next());
    if (!block) return std::nullopt;
    if (block->label == "CERTIFICATE" || block->label == "X509 CERTIFICATE") {
      return Bytes(block->der.begin(), block->der.end());
    }
  }
}

}  // namespace

TrustStore::TrustStore() : store_(X509_STORE_new()) {
  require(store_ != nullptr, "X509_STORE_new");
}
TrustStore::TrustStore(TrustStore&&) noexcept = default;
TrustStore& TrustStore::operator=(TrustStore&&) noexcept = default;
TrustStore::~TrustStore() = default;

Result<> TrustStore::add_pem(std::string_view pem) {
  KBS_TRY(const auto certificates, certificates_from_pem(pem));
  for (const Bytes& der : certificates) {
    const X509Ptr certificate = parse_certificate(der);
    if (!certificate || X509_STORE_add_cert(store_.get(), certificate.get()) != 1) {
      return openssl_failure(ErrorKind::invalid_request, "malformed certificate in the bundle");
    }
    ++count_;
  }
  return {};
}

Result<std::vector<Bytes>> certificates_from_pem(std::string_view pem) {
  PemReader reader(pem);
  std::vector<Bytes> certificates;
  for (;;) {
    KBS_TRY(auto der, next_certificate(reader));
    if (!der) break;
    if (!parse_certificate(*der)) {
      return openssl_failure(ErrorKind::invalid_request, "malformed certificate in the bundle");
    }
    certificates.push_back(std::move(*der));
  }
  if (certificates.empty()) return fail(ErrorKind::invalid_request, "no PEM certificate found");
  return certificates;
}

Result<VerifiedChain> verify_chain(std::span<const Bytes> chain_der, const TrustStore& anchors,
                                   SysTime now) {
  KBS_TRY(const X509Stack chain, parse_chain(chain_der));
  KBS_TRY(const X509StoreCtx ctx, build_path(chain.get(), anchors.get(), now));
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(ctx.get());
  KBS_OK(check_purpose(path));
  KBS_TRY(const SysTime not_after, earliest_end(path));
  EvpPkey key(X509_get_pubkey(sk_X509_value(path, 0)));
  if (!key) return refused("the signer's key is malformed");
  auto leaf_key = PublicKey::from_evp(std::move(key));
  if (!leaf_key) return refused(leaf_key.error().message);
  return VerifiedChain{std::move(*leaf_key), not_after};
}

Result<PublicKey> certificate_key(std::span<const std::byte> der) {
  const X509Ptr certificate = parse_certificate(der);
  if (!certificate) return fail(ErrorKind::invalid_request, "not a DER certificate");
  EvpPkey key(X509_get_pubkey(certificate.get()));
  if (!key) return fail(ErrorKind::invalid_request, "the certificate's key is malformed");
  return PublicKey::from_evp(std::move(key));
}

}  // namespace kbs::crypto
