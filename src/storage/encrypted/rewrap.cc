// Changing the key: every data key wrapped anew, ciphertexts left as they are. Each step is whole
// by itself and finds what earlier runs have done, so that a run may end anywhere.
#include <set>

#include "base/log.h"
#include "crypto/random.h"
#include "storage/encrypted/store.h"

namespace kbs::storage::encrypted {
namespace {

void add(RewrapReport& sum, const RewrapReport& part) {
  sum.seen += part.seen;
  sum.rewrapped += part.rewrapped;
  sum.plaintext += part.plaintext;
}

/// It went away while we came: somebody deleted it, or history moved on.
bool is_gone(const Error& error) { return error.kind == ErrorKind::not_found; }

}  // namespace

awaitable<Result<RewrapReport>> Store::rewrap() {
  if (!can_.list) {
    co_return fail(ErrorKind::unsupported,
                   "this storage backend cannot list what is to be wrapped anew");
  }
  std::set<std::string> paths;
  auto note = [&paths](ResourceId id) -> awaitable<Result<>> {
    paths.insert(id.path());
    co_return Result<>();
  };
  KBS_CO_OK(co_await for_each_resource(*uncached_, note));
  if (journal_) {
    KBS_CO_OK(co_await journal_->catch_up());
    for (std::string& path : journal_->ledger().all(State::Kind::kept)) {
      paths.insert(std::move(path));
    }
  }
  RewrapReport report;
  std::optional<Error> first;
  std::size_t failures = 0;
  for (const std::string& path : paths) {
    auto id = ResourceId::parse(path);
    if (!id) continue;
    KBS_CO_TRY(Held held, co_await gate(path).enter());
    auto done =
        co_await to_the_end(rewrap_resource(shared_from_this(), std::move(held), std::move(*id)));
    if (done) {
      add(report, *done);
      continue;
    }
    if (done.error().kind != ErrorKind::internal) co_return tl::unexpected(std::move(done).error());
    log_error(LogLevel::error, "storage", "cannot wrap a stored value's key anew", done.error(),
              {{"mount", mount_}, {"path", path}});
    if (++failures == 1) first = std::move(done).error();
  }
  if (first) {
    co_return fail(ErrorKind::internal,
                   std::to_string(failures) +
                       " of the stored resources cannot be wrapped anew, so the old key is still "
                       "needed; the first: " +
                       first->message,
                   first->detail);
  }
  KBS_CO_OK(co_await drop_old_keys());
  co_return report;
}

awaitable<Result<RewrapReport>> Store::rewrap_resource(Self self, Held held, ResourceId id) {
  if (journal_ && journal_->ledger().current(id.path()).kind == State::Kind::kept) {
    co_return co_await rewrap_kept(std::move(id));
  }
  co_return co_await rewrap_versions(id);
}

/// What is kept for undelete is not served by any backend: it comes back for a moment. The manifest
/// goes on calling it deleted, so that nobody is served it meanwhile, nor after a crash; the next
/// run puts it away again.
awaitable<Result<RewrapReport>> Store::rewrap_kept(ResourceId id) {
  const State kept = journal_->ledger().current(id.path());
  auto back = co_await inner_->undelete(id);
  if (!back && is_gone(back.error())) {
    co_return fail(ErrorKind::internal, "what was kept for undelete is gone", id.path());
  }
  if (!back && back.error().kind != ErrorKind::conflict) {
    co_return tl::unexpected(std::move(back).error());
  }
  KBS_CO_TRY(const Actual actual, co_await look(id));
  const bool genuine = actual.state && (kept.seq == kAnySeq || actual.state->seq == kept.seq);
  Result<RewrapReport> done =
      fail(ErrorKind::internal, "a deleted value was brought back by other hands", id.path());
  if (genuine) done = co_await rewrap_versions(id);
  RemoveOptions again;
  again.keep_for_undelete = true;
  if (genuine) KBS_CO_OK(co_await inner_->remove(id, std::move(again)));
  co_return done;
}

awaitable<Result<std::vector<Entry>>> Store::all_versions(const ResourceId& id) {
  std::vector<Entry> all;
  if (!can_.versions) {
    KBS_CO_TRY(const Actual actual, co_await look(id));
    if (actual.found) all.push_back(Entry{id.path(), actual.inner, {}, true});
    co_return all;
  }
  ListOptions options;
  do {
    ListOptions page_options = options;
    auto page = co_await uncached_->versions(id, std::move(page_options));
    if (!page && is_gone(page.error())) break;
    if (!page) co_return tl::unexpected(std::move(page).error());
    for (Entry& entry : page->entries) all.push_back(std::move(entry));
    options.cursor = std::move(page->next);
  } while (!options.cursor.empty());
  co_return all;
}

/// Oldest first: the current one's turn may change its id.
awaitable<Result<RewrapReport>> Store::rewrap_versions(const ResourceId& id) {
  RewrapReport report;
  KBS_CO_TRY(const std::vector<Entry> all, co_await all_versions(id));
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    KBS_CO_OK(co_await rewrap_version(id, *entry, report));
  }
  co_return report;
}

awaitable<Result<>> Store::rewrap_version(const ResourceId& id, const Entry& entry,
                                          RewrapReport& report) {
  auto stored = co_await uncached_->read(id, ReadOptions{entry.version});
  if (!stored && is_gone(stored.error())) co_return Result<>();
  if (!stored) co_return tl::unexpected(std::move(stored).error());
  ++report.seen;
  if (!is_envelope(stored->value.expose())) {
    if (!accept_plaintext_) co_return Result<>();
    KBS_CO_TRY(const bool done, co_await encrypt_version(id, entry, *stored));
    report.plaintext += done ? 1 : 0;
    co_return Result<>();
  }
  auto envelope = parse_envelope(stored->value.expose());
  if (!envelope) {
    co_return fail(ErrorKind::internal, std::move(envelope).error().message, id.path());
  }
  if (envelope->key_id == keys_.current().id()) co_return Result<>();
  KBS_CO_TRY(const bool done, co_await rewrap_envelope(id, entry, *envelope));
  report.rewrapped += done ? 1 : 0;
  co_return Result<>();
}

/// False when somebody was quicker.
awaitable<Result<bool>> Store::rewrap_envelope(const ResourceId& id, const Entry& entry,
                                               const Envelope& envelope) {
  KBS_CO_TRY(const Secret key, co_await data_key(envelope));
  // Nothing is wrapped anew that could not be opened: a forgery would come out looking like ours.
  auto value = open(envelope, id.path(), key);
  if (!value) co_return fail(ErrorKind::internal, std::move(value).error().message, id.path());
  KBS_CO_TRY(const Wrapping wrapping, co_await wrap(key, envelope.bound.seq));
  auto done = co_await put_in_place(id, entry, Secret(with_wrapping(envelope, wrapping)));
  if (!done && (is_gone(done.error()) || done.error().kind == ErrorKind::conflict)) co_return false;
  if (!done) co_return tl::unexpected(std::move(done).error());
  co_return true;
}

/// Encrypts what lay there before there was encryption; nothing unencrypted stays behind.
awaitable<Result<bool>> Store::encrypt_version(const ResourceId& id, const Entry& entry,
                                               const Resource& stored) {
  const std::string path = id.path();
  Bound bound{keys_.store, {}, stored.metadata.content_type, stored.metadata.not_after};
  if (bound.content_type.size() > kMaxContentType) bound.content_type.clear();
  crypto::random_bytes(bound.seq);
  KBS_CO_TRY(Secret bytes, co_await sealed(id, bound, stored.value));
  const auto& expiry = bound.not_after;
  const State next{bound.seq, stored.value.size(),
                   expiry ? expiry->time_since_epoch().count() : State::kForever,
                   State::Kind::live};
  std::uint64_t intent = 0;
  if (entry.current && journal_) {
    KBS_CO_TRY(Ground ground, co_await this->ground(id));
    // A plaintext in the place of an encrypted value is an attack, not an inheritance.
    if (!ground.trusted || !ground.actual.plain) co_return false;
    KBS_CO_TRY(intent, co_await announce(path, ground, next));
  }
  auto done = co_await put_in_place(id, entry, std::move(bytes));
  if (!done && entry.current) co_await give_up(id, intent, next, done.error().kind);
  if (!done && (is_gone(done.error()) || done.error().kind == ErrorKind::conflict)) co_return false;
  if (!done) co_return tl::unexpected(std::move(done).error());
  if (entry.current) KBS_CO_OK(co_await confirm(path, intent));
  co_return true;
}

awaitable<Result<>> Store::put_in_place(const ResourceId& id, const Entry& entry, Secret bytes) {
  const Capabilities& can = inner_->capabilities();
  if (can.replace) co_return co_await inner_->replace(id, entry.version, std::move(bytes));
  if (can.versions) {
    co_return fail(ErrorKind::unsupported,
                   "this storage backend keeps earlier versions and cannot exchange the bytes of "
                   "one in its place: its values cannot be wrapped anew");
  }
  WriteOptions options;
  if (can.compare_and_set) options.if_version = entry.version;
  KBS_CO_OK(co_await inner_->write(id, std::move(bytes), std::move(options)));
  co_return Result<>();
}

/// The last step: from here on no other key opens the store.
awaitable<Result<>> Store::drop_old_keys() {
  if (!journal_ && can_.undelete) {
    KBS_LOG(warn, "storage",
            "without a manifest, what is kept for undelete cannot be found and stays under its old "
            "key: keep that key, or delete such resources for good",
            {{"mount", mount_}});
    co_return Result<>();
  }
  HeaderEdit edit = [id = keys_.current().id()](Header& header) -> Result<bool> {
    if (header.find(id) == nullptr) {
      return fail(ErrorKind::conflict,
                  "the header of the encrypted store has lost the current key");
    }
    return std::erase_if(header.keys, [&](const HeaderKey& key) { return key.id != id; }) != 0;
  };
  KBS_CO_OK(co_await edit_header(uncached_, keys_.store_key, std::move(edit)));
  co_return Result<>();
}

}  // namespace kbs::storage::encrypted
