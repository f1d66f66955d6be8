#include "bench/tls_load.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>

#include "crypto/key.h"
#include "crypto/openssl_ptr.h"

namespace kbs::bench {
namespace {

using crypto::Handle;
using crypto::X509Ptr;
using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{20};
using Ssl = Handle<SSL, SSL_free>;
using SslCtx = Handle<SSL_CTX, SSL_CTX_free>;
using Bio = crypto::BioPtr;
using Extension = Handle<X509_EXTENSION, X509_EXTENSION_free>;

auto tls_failed(std::string what) {
  return fail(ErrorKind::unavailable, "TLS: " + std::move(what));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

X509Ptr certificate_of(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

void add_extension(X509* certificate, int nid, const char* value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  X509_add_ext(certificate, extension.get(), -1);
}

/// Looks for the answer again and again rather than sleep: see `wait_for_answers` in http_load.cc.
class TlsClient final : public LoadClient {
 public:
  TlsClient(Fd socket, SslCtx context, Ssl ssl)
      : socket_(std::move(socket)), context_(std::move(context)), ssl_(std::move(ssl)) {}
  std::size_t connections() const noexcept override { return 1; }
  Result<Load> run(const Streams& streams) override;

 private:
  Result<> exchange(std::string_view request);
  Result<std::size_t> read_some(std::span<char> into);

  Fd socket_;
  SslCtx context_;
  Ssl ssl_;
  AnswerReader reader_;
};

Result<std::size_t> TlsClient::read_some(std::span<char> into) {
  const auto deadline = SteadyClock::now() + kPatience;
  while (SteadyClock::now() < deadline) {
    std::size_t got = 0;
    if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &got) == 1) return got;
    if (SSL_get_error(ssl_.get(), 0) != SSL_ERROR_WANT_READ) return tls_failed("read");
  }
  return tls_failed("the server does not answer");
}

Result<> TlsClient::exchange(std::string_view request) {
  if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0)
    return tls_failed("write");
  reader_.clear();
  for (bool whole = false; !whole;) {
    const std::span<char> into = reader_.space();
    KBS_TRY(std::size_t got, read_some(into));
    KBS_TRY(whole, reader_.received(got));
  }
  return {};
}

Result<Load> TlsClient::run(const Streams& streams) {
  Stream& stream = *streams.at(0);
  Load load;
  const auto start = SteadyClock::now();
  auto begun = start;
  bool in_unit = false;
  for (std::string request; stream.next(request); request.clear()) {
    if (!in_unit) begun = SteadyClock::now();
    KBS_OK(exchange(request));
    KBS_TRY(bool unit, stream.answered(reader_.answer()));
    in_unit = !unit;
    if (!unit) continue;
    load.latencies_ms.push_back(
        std::chrono::duration<double, std::milli>(SteadyClock::now() - begun).count());
    ++load.units;
  }
  load.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  return load;
}

}  // namespace

Result<ServerCertificate> ServerCertificate::make() {
  KBS_TRY(crypto::PrivateKey key, crypto::PrivateKey::generate(crypto::KeyType::ec_p256));
  const X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const std::string common = "kbs bench";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  add_extension(certificate.get(), NID_subject_alt_name, "IP:127.0.0.1");
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0)
    return tls_failed("cannot sign a certificate");
  const Bio pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(pem.get(), certificate.get());
  return ServerCertificate{text_of(pem.get()), std::string(key.to_pkcs8_pem().expose_text())};
}

Result<LoadClientPtr> connect_tls(std::uint16_t port, const std::string& certificate_pem,
                                  std::string& negotiated) {
  KBS_TRY(Fd socket, connect_to(port));
  SslCtx context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const X509Ptr certificate = certificate_of(certificate_pem);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), certificate.get());
  Ssl ssl(SSL_new(context.get()));
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), "127.0.0.1");
  SSL_set_fd(ssl.get(), socket.get());
  if (SSL_connect(ssl.get()) != 1) return tls_failed("the handshake failed");
  if (fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return tls_failed("O_NONBLOCK");
  negotiated = std::string(SSL_get_version(ssl.get())) + ", " + SSL_get_cipher(ssl.get());
  return std::make_unique<TlsClient>(std::move(socket), std::move(context), std::move(ssl));
}

}  // namespace kbs::bench
