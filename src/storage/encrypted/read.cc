// Reading: what is served is genuine, of this name, and what the manifest says it should be.
#include <boost/asio/detached.hpp>

#include "base/encoding.h"
#include "base/log.h"
#include "storage/encrypted/store.h"

namespace kbs::storage::encrypted {
namespace {

/// A value that another process or a cache made doubtful is looked at again.
constexpr int kLooks = 4;

std::optional<Seq> seq_of(const std::optional<Envelope>& envelope) {
  if (!envelope) return std::nullopt;
  return envelope->bound.seq;
}

tl::unexpected<Error> alarm_of(std::string message, const std::string& path) {
  return fail(ErrorKind::internal, std::move(message), path);
}

constexpr const char* kNotFound = "no such resource";

}  // namespace

awaitable<Result<Resource>> Store::read(ResourceId id, ReadOptions options) {
  KBS_CO_OK(admit(id));
  if (journal_ && journal_->time_to_follow()) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    follow_sometimes(executor);
  }
  if (options.version.empty()) co_return co_await read_current(std::move(id));
  co_return co_await read_version(std::move(id), std::move(options.version));
}

awaitable<Result<Resource>> Store::read_current(ResourceId id) {
  const std::string path = id.path();
  for (int look = 1;; ++look) {
    const std::uint64_t since = journal_ ? journal_->ledger().mark(path) : 0;
    std::optional<Resource> stored;
    {
      Backend& from = look == 1 ? *inner_ : *uncached_;
      auto read = co_await from.read(id, ReadOptions{});
      if (read) {
        stored.emplace(std::move(*read));
      } else if (read.error().kind != ErrorKind::not_found) {
        co_return tl::unexpected(std::move(read).error());
      }
    }
    std::optional<Envelope> envelope;
    if (stored && is_envelope(stored->value.expose())) {
      auto parsed = parse_envelope(stored->value.expose());
      if (!parsed) co_return alarm_of(std::move(parsed).error().message, path);
      envelope.emplace(std::move(*parsed));
    }
    if (!plausible(path, stored, envelope, since)) {
      KBS_CO_OK(co_await journal_->catch_up());
      if (!plausible(path, stored, envelope, since)) {
        if (look < kLooks) continue;
        co_return tl::unexpected(co_await alarm(path, std::move(stored), std::move(envelope)));
      }
    }
    if (!stored) co_return fail(ErrorKind::not_found, kNotFound);
    if (!envelope) co_return plaintext(std::move(*stored));
    co_return co_await opened(path, std::move(*stored), *envelope);
  }
}

/// Whether the manifest expects what was found.
bool Store::plausible(const std::string& path, const std::optional<Resource>& stored,
                      const std::optional<Envelope>& envelope, std::uint64_t since) const {
  if (!journal_) return true;
  const Ledger& ledger = journal_->ledger();
  if (ledger.agrees(path, seq_of(envelope), since)) {
    // Nothing encrypted: an absence, or a plaintext that never was anything else.
    return envelope || !stored || ledger.current(path).kind != State::Kind::kept;
  }
  // The backend may have cleared away what has expired.
  return !stored && expired(ledger.current(path));
}

/// Says what is wrong with a value that is not the one the manifest has.
awaitable<Error> Store::alarm(std::string path, std::optional<Resource> stored,
                              std::optional<Envelope> envelope) {
  const State recorded = journal_->ledger().current(path);
  std::string message;
  if (!stored) {
    message = "the stored value is gone although this store never deleted it";
  } else if (!envelope) {
    message =
        "an unencrypted value was put in the place of an encrypted one; store it through the "
        "server, or delete it";
  } else {
    auto content = co_await opened(path, std::move(*stored), *envelope);
    if (!content && content.error().kind != ErrorKind::not_found) {
      message = content.error().message;
    } else if (recorded.kind == State::Kind::absent) {
      message =
          "the stored value is unknown to the manifest: it was put there by other hands, or "
          "brought "
          "back after it was deleted";
    } else if (recorded.kind == State::Kind::kept) {
      message = "a deleted value was brought back by other hands";
    } else {
      message =
          "the stored value is not the one this store last recorded for it: an older or foreign "
          "copy was put in its place";
    }
  }
  co_return Error{ErrorKind::internal, std::move(message), std::move(path), BOOST_CURRENT_LOCATION};
}

awaitable<Result<Secret>> Store::data_key(const Envelope& envelope) {
  if (envelope.bound.store != keys_.store) {
    co_return fail(ErrorKind::internal, "the stored value belongs to another encrypted store");
  }
  KeyEncryptionKey* kek = keys_.find(envelope.key_id);
  if (kek == nullptr) {
    co_return fail(ErrorKind::internal,
                   "the stored value is under the key " + to_valid_utf8(envelope.key_id) +
                       ", which is not configured: add it under previous_key_files or "
                       "previous_passphrase");
  }
  std::string wrapped(as_text(envelope.wrapped));
  std::string context = data_key_context(envelope.bound.store, envelope.bound.seq);
  co_return co_await kek->unwrap(std::move(wrapped), std::move(context));
}

/// Authenticates and decrypts. An expired value is `not_found`, but only once it is known to be
/// genuine: nobody can make a secret vanish by touching its date.
awaitable<Result<Resource>> Store::opened(const std::string& path, Resource stored,
                                          const Envelope& envelope) {
  auto key = co_await data_key(envelope);
  if (!key) {
    Error error = std::move(key).error();
    if (error.detail.empty()) error.detail = path;
    co_return tl::unexpected(std::move(error));
  }
  auto value = open(envelope, path, *key);
  if (!value) co_return alarm_of(std::move(value).error().message, path);
  const auto& not_after = envelope.bound.not_after;
  if (not_after && services_.clock.now() > *not_after) {
    co_return fail(ErrorKind::not_found, kNotFound);
  }
  Resource resource;
  resource.version = write_version(envelope.bound.seq, stored.version);
  resource.metadata.content_type = envelope.bound.content_type;
  resource.metadata.size = value->size();
  resource.metadata.updated = stored.metadata.updated;
  resource.metadata.not_after = not_after;
  resource.value = std::move(*value);
  co_return resource;
}

Result<Resource> Store::plaintext(Resource stored) const {
  if (!accept_plaintext_) {
    return fail(
        ErrorKind::internal,
        "the value lies in the encrypted store unencrypted: store it through the server, or "
        "set accept_plaintext and run `kbs storage rewrap`");
  }
  stored.version = write_version(std::nullopt, stored.version);
  return stored;
}

awaitable<Result<Resource>> Store::read_version(ResourceId id, VersionId version) {
  constexpr const char* kNoVersion = "no such version of the resource";
  const auto own = parse_version(version);
  if (!own) {
    // No version of ours; but a store that cannot be asked knows of no absence.
    auto probe = co_await inner_->read(std::move(id), ReadOptions{});
    if (!probe && probe.error().kind != ErrorKind::not_found) {
      co_return tl::unexpected(std::move(probe).error());
    }
    co_return fail(ErrorKind::not_found, kNoVersion);
  }
  const std::string path = id.path();
  auto stored = co_await inner_->read(id, ReadOptions{own->inner});
  State now;
  if (journal_) {
    now = journal_->ledger().current(path);
    if (now.kind != State::Kind::live) {
      KBS_CO_OK(co_await journal_->catch_up());
      now = journal_->ledger().current(path);
    }
  }
  if (!stored) {
    if (stored.error().kind != ErrorKind::not_found) {
      co_return tl::unexpected(std::move(stored).error());
    }
    // The current one, under the id it had before its key was wrapped anew.
    if (now.kind == State::Kind::live && own->seq == now.seq) {
      co_return co_await read_current(std::move(id));
    }
    co_return fail(ErrorKind::not_found, kNoVersion);
  }
  const bool sealed = is_envelope(stored->value.expose());
  if (journal_ && now.kind == State::Kind::kept) co_return fail(ErrorKind::not_found, kNoVersion);
  if (journal_ && sealed && now.kind == State::Kind::absent &&
      journal_->ledger().view(path).intents.empty()) {
    co_return alarm_of(
        "the stored version is unknown to the manifest: its resource was deleted, or "
        "never stored through this server",
        path);
  }
  if (!sealed) {
    if (own->seq || now.kind == State::Kind::live) {
      co_return alarm_of(
          "an unencrypted value lies in the place of an encrypted version; `kbs "
          "storage rewrap` with accept_plaintext encrypts what was there before "
          "encryption",
          path);
    }
    co_return plaintext(std::move(*stored));
  }
  auto envelope = parse_envelope(stored->value.expose());
  if (!envelope) co_return alarm_of(std::move(envelope).error().message, path);
  if (own->seq != envelope->bound.seq) {
    co_return alarm_of(
        "the stored version is not the one that its id names: versions were "
        "exchanged",
        path);
  }
  const Envelope believed = std::move(*envelope);
  co_return co_await opened(path, std::move(*stored), believed);
}

awaitable<Result<std::optional<State>>> Store::authentic(ResourceId id) {
  auto stored = co_await uncached_->read(id, ReadOptions{});
  if (!stored && stored.error().kind == ErrorKind::not_found) co_return std::optional<State>();
  if (!stored) co_return tl::unexpected(std::move(stored).error());
  if (!is_envelope(stored->value.expose())) co_return std::optional<State>();
  KBS_CO_TRY(const Envelope envelope, parse_envelope(stored->value.expose()));
  KBS_CO_TRY(const Secret key, co_await data_key(envelope));
  KBS_CO_OK(open(envelope, id.path(), key));
  co_return std::optional(state_of(envelope));
}

void Store::follow_sometimes(const asio::any_io_executor& executor) {
  asio::co_spawn(executor, follow_now(shared_from_this()), asio::detached);
}

/// Upkeep beside the reads: what fails here shows there.
awaitable<void> Store::follow_now(Self self) {
  auto done = co_await journal_->catch_up();
  if (done) done = co_await settle_all();
  if (!done) {
    log_error(LogLevel::warn, "storage", "cannot follow the manifest", done.error(),
              {{"mount", mount_}});
  }
}

}  // namespace kbs::storage::encrypted
