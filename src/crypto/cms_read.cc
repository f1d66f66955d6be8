#include <openssl/cms.h>

#include <algorithm>

#include "crypto/cms.h"
#include "crypto/cms_layout.h"
#include "crypto/evp.h"
#include "crypto/openssl_ptr.h"

namespace kbs::crypto {
namespace {

using CmsPtr = Handle<CMS_ContentInfo, CMS_ContentInfo_free>;
using BioMethod = Handle<BIO_METHOD, BIO_meth_free>;

/// What BIO_read gives at once is an int.
constexpr std::size_t kMaxPiece = 1u << 20;

auto not_a_recipient(const char* what) {
  return openssl_failure(ErrorKind::denied, std::string("the message was not encrypted for this ") +
                                                what + ", or its head is damaged");
}

/// Whether `key` unwraps the content key of one recipient. Keys of the wrong type fail.
bool unwrap(CMS_ContentInfo* cms, CMS_RecipientInfo* info, EVP_PKEY* key) {
  if (CMS_RecipientInfo_type(info) == CMS_RECIPINFO_TRANS) {
    require(EVP_PKEY_up_ref(key) == 1, "EVP_PKEY_up_ref");
    if (CMS_RecipientInfo_set0_pkey(info, key) != 1) {
      EVP_PKEY_free(key);
      return false;
    }
    const bool done = CMS_RecipientInfo_decrypt(cms, info) > 0;
    (void)CMS_RecipientInfo_set0_pkey(info, nullptr);
    return done;
  }
  if (CMS_RecipientInfo_type(info) != CMS_RECIPINFO_AGREE) return false;
  STACK_OF(CMS_RecipientEncryptedKey)* keys = CMS_RecipientInfo_kari_get0_reks(info);
  for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); ++i) {
    if (CMS_RecipientInfo_kari_set0_pkey(info, key) != 1) return false;
    CMS_RecipientEncryptedKey* wrapped = sk_CMS_RecipientEncryptedKey_value(keys, i);
    const bool done = CMS_RecipientInfo_kari_decrypt(cms, info, wrapped) > 0;
    (void)CMS_RecipientInfo_kari_set0_pkey(info, nullptr);
    if (done) return true;
  }
  return false;
}

/// Not CMS_decrypt_set1_pkey: without the certificate it makes up a key when none fits, and a wrong
/// key would look like a damaged message. The wraps we write have no padding oracle to hide.
Result<> unwrap_any(CMS_ContentInfo* cms, EVP_PKEY* key) {
  STACK_OF(CMS_RecipientInfo)* all = CMS_get0_RecipientInfos(cms);
  for (int i = 0; i < sk_CMS_RecipientInfo_num(all); ++i) {
    if (unwrap(cms, sk_CMS_RecipientInfo_value(all, i), key)) {
      (void)take_openssl_errors();
      return {};
    }
  }
  return not_a_recipient("key");
}

Result<> set_key(CMS_ContentInfo* cms, const CmsKey& key) {
  if (key.key) return unwrap_any(cms, key.key->get());
  if (!key.password || key.password->empty()) {
    return fail(ErrorKind::invalid_request, "opening it takes a private key or a password");
  }
  SecretBytes password(key.password->expose().begin(), key.password->expose().end());
  if (CMS_decrypt_set1_password(cms, out(password), static_cast<ossl_ssize_t>(password.size())) !=
      1) {
    return not_a_recipient("password");
  }
  return {};
}

/// What the BIO at the end of the chain reads from.
struct Inlet {
  Inlet(CmsSource source_, std::uint64_t begin)
      : source(std::move(source_)), content(source, begin) {}
  CmsSource source;
  CmsContent content;
  Result<> failure;
};

int get(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  auto* inlet = static_cast<Inlet*>(BIO_get_data(bio));
  if (!inlet->failure) return -1;
  auto got =
      inlet->content.read(std::as_writable_bytes(std::span(into, static_cast<std::size_t>(size))));
  if (got) return static_cast<int>(*got);
  inlet->failure = tl::unexpected(std::move(got).error());
  return -1;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BioPtr make_bio(Inlet* inlet) {
  static const BioMethod method = [] {
    BioMethod made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kbs source"));
    require(made && BIO_meth_set_read(made.get(), get) == 1 &&
                BIO_meth_set_ctrl(made.get(), control) == 1,
            "BIO_meth_new");
    return made;
  }();
  BioPtr bio(BIO_new(method.get()));
  require(bio != nullptr, "BIO_new");
  BIO_set_data(bio.get(), inlet);
  BIO_set_init(bio.get(), 1);
  return bio;
}

Result<CmsPtr> parse_frame(const Bytes& frame) {
  const unsigned char* next = in(frame);
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &next, static_cast<long>(frame.size())));
  if (cms && next == in(frame) + frame.size()) return cms;
  return openssl_failure(ErrorKind::invalid_request, "the head of the message is damaged");
}

}  // namespace

struct CmsReader::State {
  State(CmsSource source, std::uint64_t begin) : inlet(std::move(source), begin) {}
  Inlet inlet;
  CmsPtr cms;
  BioPtr chain;  ///< points to both above, so it goes first
  bool ended = false;
};

CmsReader::CmsReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CmsReader::CmsReader(CmsReader&&) noexcept = default;
CmsReader& CmsReader::operator=(CmsReader&&) noexcept = default;
CmsReader::~CmsReader() = default;

Result<CmsReader> CmsReader::open(const CmsKey& key, CmsSource source) {
  KBS_TRY(const CmsLayout layout, find_cms_layout(source));
  auto state = std::make_unique<State>(std::move(source), layout.content);
  KBS_TRY(state->cms, parse_frame(layout.frame));
  KBS_OK(set_key(state->cms.get(), key));
  BIO* end = make_bio(&state->inlet).release();
  state->chain.reset(CMS_dataInit(state->cms.get(), end));  // takes it
  if (!state->chain) {
    BIO_free(end);
    return openssl_failure(ErrorKind::invalid_request, "the head of the message is damaged");
  }
  return CmsReader(std::move(state));
}

Result<std::size_t> CmsReader::read(std::span<std::byte> into) {
  if (state_->ended || into.empty()) return std::size_t{0};
  const int size = static_cast<int>(std::min(into.size(), kMaxPiece));
  const int got = BIO_read(state_->chain.get(), into.data(), size);
  if (got > 0) return static_cast<std::size_t>(got);
  if (!state_->inlet.failure) {
    (void)take_openssl_errors();
    return tl::unexpected(state_->inlet.failure.error());
  }
  // The tag is compared when the content ends.
  if (got < 0 || BIO_get_cipher_status(state_->chain.get()) <= 0) {
    return openssl_failure(ErrorKind::invalid_request,
                           "the message is not as it was written: it was damaged or tampered with");
  }
  state_->ended = true;
  return std::size_t{0};
}

}  // namespace kbs::crypto
