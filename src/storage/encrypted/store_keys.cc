#include "storage/encrypted/store_keys.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/random.h"
#include "storage/encrypted/envelope.h"

namespace kbs::storage::encrypted {
namespace {

constexpr int kAttempts = 16;
constexpr std::chrono::seconds kScryptDeadline{120};

/// One configured source and the keys that came of it.
struct Resolved {
  KekPtr kek;                        ///< null: a passphrase that fits no salt of the header
  std::optional<ScryptSalt> scrypt;  ///< of a passphrase
};

awaitable<Result<KekPtr>> stretch(const Services& services, const Secret& passphrase,
                                  const ScryptSalt& how) {
  auto job = [secret = std::make_shared<const Secret>(passphrase.clone()), how] {
    return kek_from_passphrase(*secret, how);
  };
  co_return co_await run_on(services.blocking, std::move(job),
                            services.clock.steady_now() + kScryptDeadline);
}

/// A passphrase is tried on every salt that the header has: which one is its own, only the result
/// tells.
awaitable<Result<Resolved>> resolve_passphrase(SecretSource source, const Header& header,
                                               const Services& services) {
  KBS_CO_TRY(const Secret passphrase, source.read());
  for (const HeaderKey& key : header.keys) {
    if (!key.scrypt) continue;
    KBS_CO_TRY(KekPtr kek, co_await stretch(services, passphrase, *key.scrypt));
    if (kek->id() == key.id) co_return Resolved{std::move(kek), key.scrypt};
  }
  co_return Resolved{};
}

awaitable<Result<Resolved>> resolve(KekSource source, const Header& header,
                                    const Services& services) {
  const int count = int{source.key != nullptr} + int{!source.key_file.empty()} +
                    int{source.passphrase.has_value()};
  if (count != 1) {
    co_return fail(ErrorKind::invalid_request,
                   "encryption takes exactly one of key_file and passphrase");
  }
  if (source.key) co_return Resolved{source.key, std::nullopt};
  if (!source.key_file.empty()) {
    KBS_CO_TRY(KekPtr kek, kek_from_file(source.key_file));
    co_return Resolved{std::move(kek), std::nullopt};
  }
  co_return co_await resolve_passphrase(*source.passphrase, header, services);
}

awaitable<Result<Resolved>> salt_passphrase(SecretSource source, const Services& services) {
  KBS_CO_TRY(const Secret passphrase, source.read());
  ScryptSalt how;
  crypto::random_bytes(how.salt);
  KBS_CO_TRY(KekPtr kek, co_await stretch(services, passphrase, how));
  co_return Resolved{std::move(kek), how};
}

awaitable<Result<HeaderKey>> header_key(const Resolved& resolved, const Uuid& store,
                                        const Secret& store_key) {
  std::string context = store_key_context(store);
  KBS_CO_TRY(std::string wrapped, co_await resolved.kek->wrap(store_key, std::move(context)));
  co_return HeaderKey{resolved.kek->id(), resolved.scrypt, std::move(wrapped)};
}

std::string list_of(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : ", ") + id;
  return text;
}

tl::unexpected<Error> wrong_key(const std::string& mount, const Header& header,
                                const std::vector<KekPtr>& have) {
  std::vector<std::string> wanted;
  std::vector<std::string> given;
  wanted.reserve(header.keys.size());
  given.reserve(have.size() + 1);
  for (const HeaderKey& key : header.keys) wanted.push_back(key.id);
  for (const KekPtr& kek : have) given.push_back(kek->id());
  if (given.empty()) given.emplace_back("a passphrase that does not fit");
  return fail(ErrorKind::invalid_request,
              "mount \"" + mount + "\": the encrypted store wants the key " + list_of(wanted) +
                  ", and was given " + list_of(given) +
                  ". Configure that key; to change to a new one, keep the old one under "
                  "previous_key_files or previous_passphrase and run `kbs storage rewrap`");
}

/// A store whose header was taken away must not become a new one in silence: nothing in it could be
/// read again, and the manifest's warnings would be gone.
awaitable<Result<>> refuse_traces(Backend& inner) {
  if (!inner.capabilities().list) co_return Result<>();
  ListOptions own;
  own.prefix = std::string(kOwnRepository) + '/';
  own.limit = 1;
  KBS_CO_TRY(const Page records, co_await inner.list(std::move(own)));
  ListOptions some;
  some.limit = 16;
  KBS_CO_TRY(const Page page, co_await inner.list(std::move(some)));
  bool traces = !records.entries.empty();
  for (const Entry& entry : page.entries) {
    auto id = ResourceId::parse(entry.path);
    if (traces || !id) continue;
    auto resource = co_await inner.read(std::move(*id), ReadOptions{});
    traces = resource && is_envelope(resource->value.expose());
  }
  if (!traces) co_return Result<>();
  co_return fail(ErrorKind::internal,
                 "the store holds encrypted values, but its header (_kbs/store/header) is missing: "
                 "restore it from a backup; without it nothing there can be decrypted");
}

Result<Header> genuine(const UncheckedHeader& unchecked, const Secret& store_key) {
  if (is_genuine(unchecked, store_key)) return unchecked.header;
  return fail(ErrorKind::internal,
              "the header of the encrypted store is damaged: it does not authenticate");
}

/// Begins a store; nullopt when another process was quicker.
awaitable<Result<std::optional<StoreKeys>>> begin(BackendPtr inner, const Options& options,
                                                  const Services& services) {
  KBS_CO_OK(co_await refuse_traces(*inner));
  StoreKeys keys;
  keys.fresh = true;
  crypto::random_bytes(keys.store);
  keys.store_key = crypto::random_secret(32);
  keys.header.store = keys.store;
  if (options.manifest) {
    // At once: a header without it, kept by a thief, could be put back to have it begin anew.
    crypto::random_bytes(keys.header.manifest.emplace().id);
  }
  Resolved mine;
  if (options.key.passphrase && !options.key.key && options.key.key_file.empty()) {
    KBS_CO_TRY(mine, co_await salt_passphrase(*options.key.passphrase, services));
  } else {
    KBS_CO_TRY(mine, co_await resolve(options.key, keys.header, services));
  }
  KBS_CO_TRY(HeaderKey entry, co_await header_key(mine, keys.store, keys.store_key));
  keys.header.keys.push_back(std::move(entry));
  keys.keys.push_back(mine.kek);
  WriteOptions create;
  create.create_only = inner->capabilities().compare_and_set;
  Secret bytes(write_header(keys.header, keys.store_key));
  auto written = co_await inner->write(header_id(), std::move(bytes), std::move(create));
  if (written) co_return std::optional(std::move(keys));
  if (written.error().kind == ErrorKind::conflict) co_return std::optional<StoreKeys>();
  co_return tl::unexpected(std::move(written).error());
}

/// The keys that the options give, the current one first; a passphrase that is new here gets a salt
/// only once the store is open.
awaitable<Result<std::vector<Resolved>>> resolve_all(const Options& options, const Header& header,
                                                     const Services& services) {
  std::vector<Resolved> all;
  KBS_CO_TRY(Resolved current, co_await resolve(options.key, header, services));
  all.push_back(std::move(current));
  for (const KekSource& source : options.previous) {
    KBS_CO_TRY(Resolved previous, co_await resolve(source, header, services));
    all.push_back(std::move(previous));
  }
  co_return all;
}

/// The store's key by whichever configured key the header knows.
awaitable<Result<Secret>> unlock(const Header& header, const std::vector<KekPtr>& keys,
                                 const std::string& mount) {
  for (const KekPtr& kek : keys) {
    const HeaderKey* entry = header.find(kek->id());
    if (entry == nullptr) continue;
    std::string context = store_key_context(header.store);
    auto store_key = co_await kek->unwrap(entry->wrapped, std::move(context));
    if (!store_key && store_key.error().kind == ErrorKind::internal) {
      co_return fail(ErrorKind::internal,
                     "the header of the encrypted store is damaged: the wrapped store key does not "
                     "authenticate",
                     store_key.error().message);
    }
    co_return store_key;
  }
  co_return wrong_key(mount, header, keys);
}

/// Enters the configured key into the header before anything is wrapped under it.
awaitable<Result<>> enter_current(BackendPtr inner, const Options& options,
                                  const Services& services, StoreKeys& keys, Resolved current) {
  if (current.kek == nullptr) {
    KBS_CO_TRY(current, co_await salt_passphrase(*options.key.passphrase, services));
  }
  KBS_CO_TRY(HeaderKey entry, co_await header_key(current, keys.store, keys.store_key));
  HeaderEdit edit = [&entry](Header& header) -> Result<bool> {
    if (header.find(entry.id) != nullptr) return false;
    if (header.keys.size() == kMaxHeaderKeys) {
      return fail(ErrorKind::conflict,
                  "the encrypted store is under too many keys: run `kbs storage rewrap` first");
    }
    header.keys.push_back(entry);
    return true;
  };
  KBS_CO_TRY(keys.header, co_await edit_header(std::move(inner), keys.store_key, std::move(edit)));
  keys.keys.insert(keys.keys.begin(), current.kek);
  co_return Result<>();
}

}  // namespace

KeyEncryptionKey* StoreKeys::find(std::string_view id) const noexcept {
  for (const KekPtr& kek : keys) {
    if (kek->id() == id) return kek.get();
  }
  return nullptr;
}

Secret StoreKeys::derive(std::string_view purpose, std::span<const std::byte> context) const {
  SecretBytes info;
  Writer(info).raw(as_bytes(purpose)).raw(context);
  return crypto::hkdf_sha256(store_key, info, 32);
}

awaitable<Result<StoreKeys>> open_keys(BackendPtr inner, Options options, Services services,
                                       std::string mount) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto stored = co_await inner->read(header_id(), ReadOptions{});
    if (!stored && stored.error().kind == ErrorKind::not_found) {
      KBS_CO_TRY(auto begun, co_await begin(inner, options, services));
      if (begun) co_return std::move(*begun);
      continue;
    }
    if (!stored) co_return tl::unexpected(std::move(stored).error());
    KBS_CO_TRY(const UncheckedHeader unchecked, parse_header(stored->value.expose()));
    KBS_CO_TRY(auto resolved, co_await resolve_all(options, unchecked.header, services));
    StoreKeys keys;
    for (const Resolved& one : resolved) {
      if (one.kek) keys.keys.push_back(one.kek);
    }
    KBS_CO_TRY(keys.store_key, co_await unlock(unchecked.header, keys.keys, mount));
    KBS_CO_TRY(keys.header, genuine(unchecked, keys.store_key));
    keys.store = keys.header.store;
    const Resolved current = resolved.front();
    if (current.kek == nullptr || keys.header.find(current.kek->id()) == nullptr) {
      if (current.kek) keys.keys.erase(keys.keys.begin());
      KBS_CO_OK(co_await enter_current(inner, options, services, keys, current));
      KBS_LOG(info, "storage", "the encrypted store has a new key: run `kbs storage rewrap`",
              {{"mount", mount}, {"key", keys.current().id()}});
    }
    co_return keys;
  }
  co_return fail(ErrorKind::unavailable, "others keep changing the header of the encrypted store");
}

awaitable<Result<Header>> edit_header(BackendPtr inner, const Secret& store_key, HeaderEdit edit) {
  const Capabilities& can = inner->capabilities();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    KBS_CO_TRY(Resource stored, co_await inner->read(header_id(), ReadOptions{}));
    KBS_CO_TRY(const UncheckedHeader unchecked, parse_header(stored.value.expose()));
    KBS_CO_TRY(Header header, genuine(unchecked, store_key));
    KBS_CO_TRY(const bool changed, edit(header));
    if (!changed) co_return header;
    Secret bytes(write_header(header, store_key));
    Result<> done;
    if (can.replace) {
      done = co_await inner->replace(header_id(), stored.version, std::move(bytes));
    } else {
      WriteOptions options;
      if (can.compare_and_set) options.if_version = stored.version;
      auto written = co_await inner->write(header_id(), std::move(bytes), std::move(options));
      if (!written) done = tl::unexpected(std::move(written).error());
    }
    if (done) co_return header;
    const ErrorKind kind = done.error().kind;
    if (kind != ErrorKind::conflict && kind != ErrorKind::not_found) {
      co_return tl::unexpected(std::move(done).error());
    }
  }
  co_return fail(ErrorKind::unavailable, "others keep changing the header of the encrypted store");
}

}  // namespace kbs::storage::encrypted
