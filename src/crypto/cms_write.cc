#include <openssl/cms.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/cms.h"
#include "crypto/evp.h"
#include "crypto/openssl_ptr.h"
#include "crypto/x509.h"

namespace kbs::crypto {
namespace {

using CmsPtr = Handle<CMS_ContentInfo, CMS_ContentInfo_free>;
using BioMethod = Handle<BIO_METHOD, BIO_meth_free>;

/// NIST SP 800-38D: 2^39 - 256 bits under one key and nonce.
constexpr std::uint64_t kMaxContent = (std::uint64_t{1} << 36) - 32;
/// What BIO_write takes at once is an int.
constexpr std::size_t kMaxPiece = 1u << 20;

auto refused(std::size_t index, const std::string& why) {
  return openssl_failure(ErrorKind::invalid_request,
                         "recipient " + std::to_string(index + 1) + ": " + why);
}

Result<X509Ptr> recipient_certificate(const std::string& pem, std::size_t index, SysTime now) {
  auto all = certificates_from_pem(pem);
  if (!all) return refused(index, "give a certificate in PEM");
  const Bytes& der = all->front();
  const auto key = certificate_key(der);
  if (!key || key->type() == KeyType::ed25519) {
    return refused(index, "the certificate's key must be RSA (2048 bits or more) or EC");
  }
  const unsigned char* next = in(der);
  X509Ptr certificate(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  if (!certificate) return refused(index, "the certificate is malformed");
  // All bits are set when the extension is absent.
  const std::uint32_t needed = key->type() == KeyType::rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;
  if ((X509_get_key_usage(certificate.get()) & needed) == 0) {
    return refused(index, "the certificate's key usage does not allow encryption to it");
  }
  std::time_t at = unix_seconds(now);
  if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &at) < 0 ||
      X509_cmp_time(X509_get0_notBefore(certificate.get()), &at) > 0) {
    return refused(index, "the certificate has expired or is not valid yet");
  }
  return certificate;
}

Result<> add_certificate(CMS_ContentInfo* cms, const std::string& pem, std::size_t index,
                         SysTime now) {
  KBS_TRY(const X509Ptr certificate, recipient_certificate(pem, index, now));
  CMS_RecipientInfo* info = CMS_add1_recipient_cert(cms, certificate.get(), CMS_KEY_PARAM);
  EVP_PKEY_CTX* ctx = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : nullptr;
  if (!ctx) return refused(index, "the certificate's key cannot be used");
  // The defaults are PKCS#1 v1.5 padding and SHA-1.
  const bool set = CMS_RecipientInfo_type(info) == CMS_RECIPINFO_TRANS
                       ? EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
                             EVP_PKEY_CTX_set_rsa_oaep_md(ctx, evp_md(HashAlgorithm::sha256)) > 0
                       : EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, evp_md(HashAlgorithm::sha256)) > 0;
  if (!set) return refused(index, "the certificate's key cannot be used");
  return {};
}

Result<> add_password(CMS_ContentInfo* cms, const Secret& password, int iterations) {
  if (password.empty()) return fail(ErrorKind::invalid_request, "the password is empty");
  // OpenSSL takes the copy and wipes it when the message is freed.
  auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(in(password.expose()), password.size()));
  require(copy != nullptr, "OPENSSL_memdup");
  // The wrap of RFC 3211 needs a block cipher; the default would be the content's GCM.
  require(CMS_add0_recipient_password(cms, iterations, NID_id_alg_PWRI_KEK, -1, copy,
                                      static_cast<ossl_ssize_t>(password.size()),
                                      EVP_aes_256_cbc()) != nullptr,
          "CMS_add0_recipient_password");
  return {};
}

/// What the BIO at the end of the chain writes to.
struct Outlet {
  CmsSink sink;
  Result<> failure;
};

int put(BIO* bio, const char* data, int size) {
  auto* outlet = static_cast<Outlet*>(BIO_get_data(bio));
  if (outlet->failure) {
    outlet->failure = outlet->sink(as_bytes({data, static_cast<std::size_t>(size)}));
  }
  return outlet->failure ? size : -1;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BioPtr make_bio(Outlet* outlet) {
  static const BioMethod method = [] {
    BioMethod made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kbs sink"));
    require(made && BIO_meth_set_write(made.get(), put) == 1 &&
                BIO_meth_set_ctrl(made.get(), control) == 1,
            "BIO_meth_new");
    return made;
  }();
  BioPtr bio(BIO_new(method.get()));
  require(bio != nullptr, "BIO_new");
  BIO_set_data(bio.get(), outlet);
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace

struct CmsWriter::State {
  Outlet outlet;
  CmsPtr cms;
  BioPtr chain;  ///< points to both above, so it goes first
  std::uint64_t written = 0;

  /// What stopped the chain: the sink, or OpenSSL.
  Result<> failed() {
    if (!outlet.failure) {
      (void)take_openssl_errors();
      return outlet.failure;
    }
    return openssl_failure(ErrorKind::internal, "cannot encrypt the message");
  }
};

CmsWriter::CmsWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
CmsWriter::CmsWriter(CmsWriter&&) noexcept = default;
CmsWriter& CmsWriter::operator=(CmsWriter&&) noexcept = default;
CmsWriter::~CmsWriter() = default;

Result<CmsWriter> CmsWriter::begin(const CmsRecipients& recipients, SysTime now, CmsSink sink) {
  if (recipients.certificates.empty() && !recipients.password) {
    return fail(ErrorKind::invalid_request,
                "nobody could open the message: give a recipient's certificate or a password");
  }
  auto state = std::make_unique<State>();
  state->outlet.sink = std::move(sink);
  state->cms.reset(
      CMS_encrypt(nullptr, nullptr, evp_aes_256_gcm(), CMS_STREAM | CMS_BINARY | CMS_PARTIAL));
  require(state->cms != nullptr, "CMS_encrypt");
  for (std::size_t i = 0; i < recipients.certificates.size(); ++i) {
    KBS_OK(add_certificate(state->cms.get(), recipients.certificates[i], i, now));
  }
  if (recipients.password) {
    KBS_OK(add_password(state->cms.get(), *recipients.password, recipients.iterations));
  }
  BIO* end = make_bio(&state->outlet).release();
  state->chain.reset(BIO_new_CMS(end, state->cms.get()));  // takes it
  if (!state->chain) {
    BIO_free(end);
    return tl::unexpected(state->failed().error());
  }
  return CmsWriter(std::move(state));
}

Result<> CmsWriter::write(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxContent - state_->written) {
    return fail(ErrorKind::too_large,
                "more than 64 GiB cannot go into one message: make several smaller ones");
  }
  state_->written += bytes.size();
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kMaxPiece));
    const int taken = BIO_write(state_->chain.get(), piece.data(), static_cast<int>(piece.size()));
    if (taken <= 0) return state_->failed();
    bytes = bytes.subspan(static_cast<std::size_t>(taken));
  }
  return {};
}

Result<> CmsWriter::finish() {
  // OpenSSL's encoder begins with the first byte of content, and cannot end before.
  if (state_->written == 0) return fail(ErrorKind::invalid_request, "the message is empty");
  if (BIO_flush(state_->chain.get()) != 1) return state_->failed();
  return {};
}

}  // namespace kbs::crypto
