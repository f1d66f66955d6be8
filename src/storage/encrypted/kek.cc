#include "storage/encrypted/kek.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/encoding.h"
#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "storage/encrypted/bytes.h"
#include "storage/encrypted/envelope.h"

namespace kbs::storage::encrypted {
namespace {

constexpr std::size_t kKeyBytes = crypto::kAeadKeySize;
constexpr std::size_t kWrappedBytes = crypto::kAeadNonceSize + kKeyBytes + crypto::kAeadTagSize;

std::string id_of(std::string_view kind, const Secret& key) {
  const crypto::Sha256 mac = crypto::hmac_sha256(key, as_bytes("kbs key id 1"));
  return std::string(kind) + ':' + hex(std::span(mac).first(8));
}

class LocalKek final : public KeyEncryptionKey {
 public:
  LocalKek(std::string_view kind, Secret key) : key_(std::move(key)), id_(id_of(kind, key_)) {}

  const std::string& id() const noexcept override { return id_; }

  awaitable<Result<std::string>> wrap(const Secret& data_key, std::string associated) override {
    if (data_key.size() != kKeyBytes) {
      co_return fail(ErrorKind::internal, "a data key has 32 bytes");
    }
    crypto::AeadNonce nonce;
    crypto::random_bytes(nonce);
    std::string wrapped(kWrappedBytes, '\0');
    const auto out = std::as_writable_bytes(std::span(wrapped));
    std::copy(nonce.begin(), nonce.end(), out.begin());
    crypto::aead_seal(key_.expose(), nonce, as_bytes(associated), data_key.expose(),
                      out.subspan(nonce.size()));
    co_return wrapped;
  }

  awaitable<Result<Secret>> unwrap(std::string wrapped, std::string associated) override {
    SecretBytes data_key(kKeyBytes);
    Reader reader(as_bytes(wrapped));
    const auto nonce = reader.array<crypto::kAeadNonceSize>();
    if (wrapped.size() != kWrappedBytes ||
        !crypto::aead_open(key_.expose(), nonce, as_bytes(associated), reader.rest(), data_key)) {
      co_return fail(ErrorKind::internal,
                     "the stored value is damaged: its wrapped key does not authenticate");
    }
    co_return Secret(std::move(data_key));
  }

 private:
  const Secret key_;
  const std::string id_;
};

tl::unexpected<Error> unusable(const std::string& path, const std::string& why) {
  return fail(ErrorKind::invalid_request, "the key file " + path + ' ' + why);
}

/// Kubernetes and CSI drivers lay a Secret out as links through `..data`, whose files everybody in
/// the container may read: there the volume is the fence.
bool is_of_mounted_secret(const std::string& path) {
  std::array<char, 8> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size >= 7 && std::string_view(target.data(), 7) == "..data/";
}

/// A bounded read into memory that is wiped: one byte more than any valid file has.
Result<SecretBytes> read_key_file(const std::string& path) {
  FileOps& files = system_files();
  // O_NONBLOCK: a FIFO must not hold the start up.
  auto fd = files.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return tl::unexpected(error_from_errno(fd.error(), "cannot open the key file " + path));
  auto info = files.fstat(fd->get());
  if (!info) return tl::unexpected(error_from_errno(info.error(), "cannot read " + path));
  if (!S_ISREG(info->st_mode)) return unusable(path, "is not a regular file");
  if ((info->st_mode & 077) != 0 && !is_of_mounted_secret(path)) {
    return unusable(path, "may be read by others: chmod 600 it");
  }
  SecretBytes bytes(128);
  std::size_t size = 0;
  while (size < bytes.size()) {
    auto got = files.pread(fd->get(), std::span(bytes).subspan(size), static_cast<off_t>(size));
    if (!got) return tl::unexpected(error_from_errno(got.error(), "cannot read " + path));
    if (*got == 0) break;
    size += *got;
  }
  bytes.resize(size);
  return bytes;
}

/// The key in any of its three forms; empty when it is none of them.
Secret key_in(const SecretBytes& bytes) {
  if (bytes.size() == kKeyBytes) return Secret(std::span<const std::byte>(bytes));
  std::string_view text = as_text(bytes);
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  auto decoded = text.size() == 2 * kKeyBytes ? from_hex(text) : from_base64(text);
  if (!decoded) return {};
  Secret key(std::span<const std::byte>(*decoded).first(std::min(decoded->size(), kKeyBytes)));
  const bool fits = decoded->size() == kKeyBytes;
  if (!decoded->empty()) wipe(decoded->data(), decoded->size());
  return fits ? std::move(key) : Secret();
}

}  // namespace

KekPtr local_kek(std::string_view kind, Secret key) {
  return std::make_shared<LocalKek>(kind, std::move(key));
}

Result<KekPtr> kek_from_file(const std::string& path) {
  KBS_TRY(const SecretBytes bytes, read_key_file(path));
  Secret key = key_in(bytes);
  if (key.empty()) {
    return unusable(path,
                    "does not hold a key: want exactly 32 raw bytes, 64 hex digits, or base64 of "
                    "32 bytes (head -c 32 /dev/urandom > FILE)");
  }
  if (key == Secret(SecretBytes(kKeyBytes))) {
    return unusable(path, "holds only zeros: it was made but never filled");
  }
  return local_kek("file", std::move(key));
}

Result<KekPtr> kek_from_passphrase(const Secret& passphrase, const ScryptSalt& how) {
  if (passphrase.empty()) {
    return fail(ErrorKind::invalid_request, "the encryption passphrase is empty");
  }
  KBS_TRY(Secret key, crypto::scrypt(passphrase, how.salt, how.costs, kKeyBytes));
  return local_kek("passphrase", std::move(key));
}

bool is_key_id(std::string_view text) noexcept {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
  return !text.empty() && text.size() <= kMaxKeyId &&
         text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

}  // namespace kbs::storage::encrypted
