#include "crypto/pem.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>

#include "crypto/evp.h"

namespace kbs::crypto {
namespace {

// More than any bundle of ours; and BIO takes an int.
constexpr std::size_t kMaxPem = std::size_t{16} << 20;

using DecoderCtx = Handle<OSSL_DECODER_CTX, OSSL_DECODER_CTX_free>;

EvpPkey decode_key(const SecretBytes& der, const char* structure, const char* type, int selection) {
  EVP_PKEY* key = nullptr;
  DecoderCtx ctx(
      OSSL_DECODER_CTX_new_for_pkey(&key, "DER", structure, type, selection, nullptr, nullptr));
  require(ctx != nullptr, "OSSL_DECODER_CTX_new_for_pkey");
  const unsigned char* data = in(der);
  std::size_t left = der.size();
  const bool ok = OSSL_DECODER_from_data(ctx.get(), &data, &left) == 1 && left == 0;
  EvpPkey owned(key);
  if (!ok) owned.reset();
  return owned;
}

Result<std::optional<PemBlock>> first_key_block(PemReader& reader) {
  for (;;) {
    KBS_TRY(auto block, reader.next());
    // `openssl ecparam -genkey` writes the curve in a block of its own before the key.
    if (!block || block->label != "EC PARAMETERS") return std::move(block);
  }
}

}  // namespace

PemReader::PemReader(std::string_view text)
    : bio_(BIO_new_mem_buf(text.data(), static_cast<int>(std::min(text.size(), kMaxPem)))) {
  require(bio_ != nullptr, "BIO_new_mem_buf");
}

Result<std::optional<PemBlock>> PemReader::next() {
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio_ex(bio_.get(), &label, &header, &data, &size,
                      PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) != 1) {
    const unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
      ERR_clear_error();
      return std::nullopt;
    }
    return openssl_failure(ErrorKind::invalid_request, "damaged PEM block");
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  PemBlock block{label, header[0] != '\0', SecretBytes(bytes, bytes + size)};
  OPENSSL_secure_free(label);
  OPENSSL_secure_free(header);
  OPENSSL_secure_clear_free(data, static_cast<std::size_t>(size));
  return block;
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  PemReader reader(pem);
  KBS_TRY(auto block, reader.next());
  if (!block) return fail(ErrorKind::invalid_request, "no PEM public key found");
  EvpPkey key;
  if (block->label == "PUBLIC KEY") {
    key = decode_key(block->der, "SubjectPublicKeyInfo", nullptr, EVP_PKEY_PUBLIC_KEY);
  } else if (block->label == "RSA PUBLIC KEY") {
    key = decode_key(block->der, "type-specific", "RSA", EVP_PKEY_PUBLIC_KEY);
  } else {
    return fail(
        ErrorKind::invalid_request,
        "expected a PEM block PUBLIC KEY, found another kind (openssl pkey -pubout makes one)");
  }
  if (!key) return openssl_failure(ErrorKind::invalid_request, "malformed or unknown public key");
  return from_evp(std::move(key));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  PemReader reader(pem);
  KBS_TRY(auto block, first_key_block(reader));
  if (!block) return fail(ErrorKind::invalid_request, "no PEM private key found");
  if (block->encrypted || block->label == "ENCRYPTED PRIVATE KEY") {
    return fail(ErrorKind::invalid_request,
                "the private key is encrypted: decrypt it first (openssl pkey -in KEY -out PLAIN)");
  }
  EvpPkey key;
  if (block->label == "PRIVATE KEY") {
    key = decode_key(block->der, "PrivateKeyInfo", nullptr, EVP_PKEY_KEYPAIR);
  } else if (block->label == "RSA PRIVATE KEY") {
    key = decode_key(block->der, "type-specific", "RSA", EVP_PKEY_KEYPAIR);
  } else if (block->label == "EC PRIVATE KEY") {
    key = decode_key(block->der, "type-specific", "EC", EVP_PKEY_KEYPAIR);
  } else {
    return fail(ErrorKind::invalid_request, "expected a PEM block PRIVATE KEY, found another kind");
  }
  if (!key) return openssl_failure(ErrorKind::invalid_request, "malformed or unknown private key");
  return from_evp(std::move(key));
}

std::string PublicKey::to_pem() const {
  BioPtr out(BIO_new(BIO_s_mem()));
  require(out && PEM_write_bio_PUBKEY(out.get(), get()) == 1, "PEM_write_bio_PUBKEY");
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Secret PrivateKey::to_pkcs8_pem() const {
  // The secure memory BIO wipes what it frees and what it outgrows.
  BioPtr out(BIO_new(BIO_s_secmem()));
  require(out && PEM_write_bio_PKCS8PrivateKey(out.get(), get(), nullptr, nullptr, 0, nullptr,
                                               nullptr) == 1,
          "PEM_write_bio_PKCS8PrivateKey");
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return Secret::from_text({text, static_cast<std::size_t>(size)});
}

}  // namespace kbs::crypto
