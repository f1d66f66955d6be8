#include "crypto/testing/test_ca.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "crypto/evp.h"
#include "crypto/random.h"

namespace kbs::crypto::testing {
namespace {

X509Ptr parse(const Bytes& der) {
  const unsigned char* next = in(der);
  return X509Ptr(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
}

void set_time(ASN1_TIME* field, SysTime time) {
  require(ASN1_TIME_set(field, static_cast<std::time_t>(unix_seconds(time))) != nullptr,
          "ASN1_TIME_set");
}

void add_extension(X509* cert, X509* issuer, const std::string& name, const std::string& value) {
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, issuer, cert, nullptr, nullptr, 0);
  const Handle<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_nconf(nullptr, &ctx, name.c_str(), value.c_str()));
  require(extension && X509_add_ext(cert, extension.get(), -1) == 1, "X509_add_ext " + name);
}

void fill_names(X509* cert, X509* issuer, const std::string& name) {
  X509_NAME* subject = X509_get_subject_name(cert);
  require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, in(as_bytes(name)),
                                     static_cast<int>(name.size()), -1, 0) == 1,
          "X509_NAME_add_entry_by_txt");
  X509_set_issuer_name(cert, X509_get_subject_name(issuer));
  std::uint32_t serial = 0;
  random_bytes(std::as_writable_bytes(std::span(&serial, 1)));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial);
}

Bytes to_der(X509* cert) {
  Bytes der(static_cast<std::size_t>(i2d_X509(cert, nullptr)));
  unsigned char* next = out(der);
  i2d_X509(cert, &next);
  return der;
}

std::string to_pem(X509* cert) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_X509(bio.get(), cert) == 1, "PEM_write_bio_X509");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

Issued issue(const CertificateOptions& options, const Issued* issuer) {
  PrivateKey key = PrivateKey::generate(options.key_type).value();
  const X509Ptr cert(X509_new());
  require(cert != nullptr, "X509_new");
  const X509Ptr issuer_cert = issuer != nullptr ? parse(issuer->der) : nullptr;
  X509* signer = issuer_cert ? issuer_cert.get() : cert.get();
  X509_set_version(cert.get(), X509_VERSION_3);
  fill_names(cert.get(), signer, options.name);
  set_time(X509_getm_notBefore(cert.get()), options.not_before);
  set_time(X509_getm_notAfter(cert.get()), options.not_after);
  X509_set_pubkey(cert.get(), key.get());
  for (const auto& [name, value] : options.extensions) {
    add_extension(cert.get(), signer, name, value);
  }
  const PrivateKey& signing_key = issuer != nullptr ? issuer->key : key;
  require(
      X509_sign(cert.get(), signing_key.get(), EVP_get_digestbyname(options.digest.c_str())) > 0,
      "X509_sign");
  return Issued{key, to_der(cert.get()), to_pem(cert.get())};
}

Issued make_root(const std::string& name) {
  return issue({.name = name,
                .extensions = {{"basicConstraints", "critical,CA:TRUE"},
                               {"keyUsage", "critical,keyCertSign,cRLSign"},
                               {"subjectKeyIdentifier", "hash"}}});
}

Issued make_intermediate(const Issued& issuer, const std::string& name,
                         const std::string& extended_key_usage) {
  CertificateOptions options{.name = name,
                             .extensions = {{"basicConstraints", "critical,CA:TRUE"},
                                            {"keyUsage", "critical,keyCertSign,cRLSign"},
                                            {"subjectKeyIdentifier", "hash"}}};
  if (!extended_key_usage.empty()) {
    options.extensions.emplace_back("extendedKeyUsage", extended_key_usage);
  }
  return issue(options, &issuer);
}

}  // namespace kbs::crypto::testing
