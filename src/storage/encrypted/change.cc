// Changing: announced in the journal, done in the store under a condition, confirmed in the
// journal. Whatever is broken off in between leaves the old value or the new one, and the manifest
// knows both.
#include "base/log.h"
#include "crypto/random.h"
#include "storage/encrypted/store.h"

namespace kbs::storage::encrypted {
namespace {

/// How often a change that lost a race against another process begins anew.
constexpr int kAttempts = 64;
/// How often a doubtful value is looked at.
constexpr int kLooks = 3;

std::int64_t micros(const std::optional<SysTime>& time) {
  return time ? time->time_since_epoch().count() : State::kForever;
}

/// Whether the backend has certainly not done what it answers so.
bool is_refusal(ErrorKind kind) noexcept {
  return kind != ErrorKind::unavailable && kind != ErrorKind::internal;
}

tl::unexpected<Error> disagreement(const std::string& path) {
  return fail(ErrorKind::internal,
              "what is stored is not what this store last recorded for it; write it without a "
              "condition, or delete it, to settle the matter",
              path);
}

tl::unexpected<Error> raced() {
  return fail(ErrorKind::conflict, "others keep changing the resource");
}
tl::unexpected<Error> wrong_version() {
  return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
}

}  // namespace

awaitable<Result<Actual>> Store::look(ResourceId id) {
  Actual actual;
  auto stored = co_await uncached_->read(std::move(id), ReadOptions{});
  if (!stored && stored.error().kind == ErrorKind::not_found) co_return actual;
  if (!stored) co_return tl::unexpected(std::move(stored).error());
  actual.found = true;
  actual.inner = std::move(stored->version);
  actual.plain = !is_envelope(stored->value.expose());
  if (actual.plain) co_return actual;
  if (auto envelope = parse_envelope(stored->value.expose())) actual.state = state_of(*envelope);
  co_return actual;
}

/// Whether the backend has something to undelete, where nothing is current.
awaitable<Result<bool>> Store::is_kept(ResourceId id) {
  if (!uncached_->capabilities().versions) co_return false;
  ListOptions one;
  one.limit = 1;
  auto page = co_await uncached_->versions(std::move(id), std::move(one));
  if (!page && page.error().kind == ErrorKind::not_found) co_return false;
  if (!page) co_return tl::unexpected(std::move(page).error());
  co_return !page->entries.empty();
}

/// Matches what lies there with what the manifest has or awaits; true when something fits.
awaitable<Result<bool>> Store::settle_with(const ResourceId& id, const View& view, Ground& ground) {
  const Actual& actual = ground.actual;
  ground.settle.clear();
  ground.now = view.current;
  const auto fits = [&](const State& state) {
    if (actual.plain) return state.kind == State::Kind::absent;
    if (!actual.found) return state.kind != State::Kind::live;
    return state.kind == State::Kind::live && actual.state &&
           (actual.state->seq == state.seq || state.seq == kAnySeq);
  };
  bool also_other = false;
  for (const Intent& intent : view.intents) also_other |= fits(intent.next);
  if (fits(view.current) && !also_other) co_return true;
  // Deleted for good or for undelete look the same until one asks for versions.
  State::Kind gone = State::Kind::absent;
  if (!actual.found && also_other) {
    KBS_CO_TRY(const bool kept, co_await is_kept(id));
    if (kept) gone = State::Kind::kept;
  }
  const auto is_it = [&](const State& state) {
    return fits(state) && (actual.found || state.kind == gone);
  };
  if (is_it(view.current)) co_return true;
  for (const Intent& intent : view.intents) {
    if (!is_it(intent.next)) continue;
    ground.now = intent.next;
    ground.settle.push_back(Op{Op::Kind::confirm, id.path(), {}, intent.number});
    if (actual.state && intent.next.seq == kAnySeq) {
      ground.now = *actual.state;
      ground.settle.back() = Op{Op::Kind::set, id.path(), ground.now, 0};
    }
    co_return true;
  }
  co_return fits(view.current);
}

awaitable<Result<Ground>> Store::ground(ResourceId id) {
  Ground ground;
  for (int look_number = 1; look_number <= kLooks; ++look_number) {
    KBS_CO_TRY(ground.actual, co_await look(id));
    if (!journal_) {
      if (ground.actual.state) ground.now = *ground.actual.state;
      ground.trusted = ground.actual.state || ground.actual.plain || !ground.actual.found;
      co_return ground;
    }
    const View view = journal_->ledger().view(id.path());
    KBS_CO_TRY(ground.trusted, co_await settle_with(id, view, ground));
    if (!ground.trusted && !ground.actual.found && expired(ground.now)) ground.trusted = true;
    if (ground.trusted) break;
    KBS_CO_OK(co_await journal_->catch_up());
  }
  co_return ground;
}

bool Store::exists(const Ground& ground) const {
  if (ground.actual.plain) return true;
  return ground.now.kind == State::Kind::live && !expired(ground.now);
}

Result<> Store::check_conditions(const std::optional<VersionId>& if_version,
                                 const Ground& ground) const {
  if (!if_version) return {};
  const auto own = parse_version(*if_version);
  if (!own || !exists(ground)) return wrong_version();
  // The seq names the value; the id below it may change when a key is wrapped anew.
  const bool same = ground.actual.plain ? !own->seq && own->inner == ground.actual.inner
                                        : own->seq == ground.now.seq;
  if (!same) return wrong_version();
  return {};
}

awaitable<Result<Wrapping>> Store::wrap(const Secret& data_key, const Seq& seq) {
  KeyEncryptionKey& kek = keys_.current();
  std::string context = data_key_context(keys_.store, seq);
  KBS_CO_TRY(std::string wrapped, co_await kek.wrap(data_key, std::move(context)));
  if (wrapped.empty() || wrapped.size() > kMaxWrapped) {
    co_return fail(ErrorKind::internal, "the key " + kek.id() + " wrapped a data key into " +
                                            std::to_string(wrapped.size()) + " bytes");
  }
  co_return Wrapping{kek.id(), std::move(wrapped)};
}

awaitable<Result<Secret>> Store::sealed(const ResourceId& id, const Bound& bound,
                                        const Secret& value) {
  const Secret data_key = crypto::random_secret(crypto::kAeadKeySize);
  crypto::AeadNonce nonce;
  crypto::random_bytes(nonce);
  KBS_CO_TRY(const Wrapping wrapping, co_await wrap(data_key, bound.seq));
  co_return Secret(seal(bound, id.path(), wrapping, data_key, nonce, value.expose()));
}

/// The intent's number, with what `ground` settled written before it.
awaitable<Result<std::uint64_t>> Store::announce(const std::string& path, Ground& ground,
                                                 State next) {
  if (!journal_) co_return std::uint64_t{0};
  if (!ground.trusted) {
    KBS_LOG(warn, "storage", "a change replaces a value that the manifest does not know",
            {{"mount", mount_}, {"path", path}});
  }
  std::vector<Op> ops = std::move(ground.settle);
  const std::size_t before = ops.size();
  ops.push_back(Op{Op::Kind::intent, path, next, 0});
  KBS_CO_TRY(const std::uint64_t first, co_await journal_->append(std::move(ops)));
  co_return first + before;
}

awaitable<Result<>> Store::confirm(const std::string& path, std::uint64_t intent) {
  if (!journal_) co_return Result<>();
  std::vector<Op> ops{Op{Op::Kind::confirm, path, {}, intent}};
  KBS_CO_OK(co_await journal_->append(std::move(ops)));
  co_return Result<>();
}

/// After a change that the backend did not acknowledge. What it refused is withdrawn. What it may
/// have done is confirmed if it shows, and otherwise left open: it may still arrive.
awaitable<void> Store::give_up(const ResourceId& id, std::uint64_t intent, const State& next,
                               ErrorKind kind) {
  if (!journal_) co_return;
  Op::Kind verdict = Op::Kind::withdraw;
  if (!is_refusal(kind)) {
    const auto actual = co_await look(id);
    const bool shows =
        actual && next.kind == State::Kind::live && actual->state && actual->state->seq == next.seq;
    if (!shows) co_return;
    verdict = Op::Kind::confirm;
  }
  std::vector<Op> ops{Op{verdict, id.path(), {}, intent}};
  auto written = co_await journal_->append(std::move(ops));
  if (!written) {
    log_error(LogLevel::warn, "storage", "the outcome of a change stays open in the manifest",
              written.error(), {{"mount", mount_}, {"path", id.path()}});
  }
}

awaitable<Result<VersionId>> Store::write(ResourceId id, Secret value, WriteOptions options) {
  KBS_CO_OK(admit(id));
  KBS_CO_OK(check(id, can_));
  KBS_CO_OK(check(options, value.size(), can_));
  if (options.content_type.size() > kMaxContentType) {
    co_return fail(ErrorKind::invalid_request, "the content type is longer than 255 bytes");
  }
  KBS_CO_TRY(Held held, co_await gate(id.path()).enter());
  co_return co_await to_the_end(write_held(shared_from_this(), std::move(held), std::move(id),
                                           std::move(value), std::move(options)));
}

awaitable<Result<VersionId>> Store::write_held(Self self, Held held, ResourceId id, Secret value,
                                               WriteOptions options) {
  const std::string path = id.path();
  const bool conditional = options.create_only || options.if_version.has_value();
  Bound bound{keys_.store, {}, options.content_type, options.not_after};
  crypto::random_bytes(bound.seq);
  const State next{bound.seq, value.size(), micros(options.not_after), State::Kind::live};
  KBS_CO_TRY(const Secret envelope, co_await sealed(id, bound, value));
  value = Secret();
  std::optional<Actual> before;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    WriteOptions inner_options;
    Ground ground;
    if (journal_ || conditional) {
      KBS_CO_TRY(ground, co_await this->ground(id));
      if (conditional && !ground.trusted) co_return disagreement(path);
      if (options.create_only && exists(ground)) {
        co_return fail(ErrorKind::conflict, "the resource exists already");
      }
      KBS_CO_OK(check_conditions(options.if_version, ground));
      // Whoever was quicker must not be overwritten unseen: the manifest follows one line.
      inner_options.create_only = !ground.actual.found;
      if (ground.actual.found) inner_options.if_version = ground.actual.inner;
    }
    KBS_CO_TRY(const std::uint64_t intent, co_await announce(path, ground, next));
    auto written = co_await inner_->write(id, envelope.clone(), std::move(inner_options));
    if (written) {
      KBS_CO_OK(co_await confirm(path, intent));
      co_return write_version(bound.seq, *written);
    }
    const ErrorKind kind = written.error().kind;
    co_await give_up(id, intent, next, kind);
    // Nobody was quicker when all is as it was: something else is in the way.
    const bool same =
        before && before->found == ground.actual.found && before->inner == ground.actual.inner;
    if (kind != ErrorKind::conflict || !(journal_ || conditional) || same) {
      co_return tl::unexpected(std::move(written).error());
    }
    before = std::move(ground.actual);
  }
  co_return raced();
}

awaitable<Result<>> Store::remove(ResourceId id, RemoveOptions options) {
  KBS_CO_OK(admit(id));
  KBS_CO_OK(check(options, can_));
  KBS_CO_TRY(Held held, co_await gate(id.path()).enter());
  co_return co_await to_the_end(
      remove_held(shared_from_this(), std::move(held), std::move(id), std::move(options)));
}

awaitable<Result<>> Store::remove_held(Self self, Held held, ResourceId id, RemoveOptions options) {
  const std::string path = id.path();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    KBS_CO_TRY(Ground ground, co_await this->ground(id));
    if (options.if_version && !ground.trusted) co_return disagreement(path);
    // Deleting for good reaches what has expired, what was deleted for undelete, and what is not
    // genuine; all else only what is there.
    const bool plain = !options.if_version && !options.keep_for_undelete;
    if (!plain && ground.trusted && !exists(ground)) {
      co_return fail(ErrorKind::not_found, "no such resource");
    }
    KBS_CO_OK(check_conditions(options.if_version, ground));
    State next;
    if (options.keep_for_undelete && ground.actual.found) {
      next = ground.actual.state.value_or(ground.now);
      next.kind = State::Kind::kept;
    }
    RemoveOptions inner_options{std::nullopt, options.keep_for_undelete};
    if (ground.actual.found && can_.compare_and_set) inner_options.if_version = ground.actual.inner;
    // What was never there needs no announcement.
    const bool silent = ground.trusted && ground.settle.empty() && !ground.actual.found &&
                        ground.now.kind == State::Kind::absent;
    std::uint64_t intent = 0;
    if (!silent) {
      KBS_CO_TRY(intent, co_await announce(path, ground, next));
    }
    auto removed = co_await inner_->remove(id, std::move(inner_options));
    const ErrorKind kind = removed ? ErrorKind::internal : removed.error().kind;
    // Gone already, whoever did it: the manifest should say so, too.
    const bool gone = removed || (kind == ErrorKind::not_found && !silent && !ground.actual.found);
    if (gone) {
      if (!silent) KBS_CO_OK(co_await confirm(path, intent));
      co_return Result<>();
    }
    if (!silent) co_await give_up(id, intent, next, kind);
    if ((kind != ErrorKind::conflict && kind != ErrorKind::not_found) || !ground.actual.found) {
      co_return removed;
    }
  }
  co_return raced();
}

}  // namespace kbs::storage::encrypted
