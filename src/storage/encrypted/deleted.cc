// What was deleted: bringing it back, destroying earlier versions, and settling what a crash left.
#include "base/log.h"
#include "storage/encrypted/store.h"

namespace kbs::storage::encrypted {
namespace {

tl::unexpected<Error> nothing_kept() {
  return fail(ErrorKind::not_found, "no deleted version of the resource is kept");
}

}  // namespace

awaitable<Result<>> Store::undelete(ResourceId id) {
  KBS_CO_OK(admit(id));
  if (!can_.undelete) co_return co_await Backend::undelete(std::move(id));
  KBS_CO_TRY(Held held, co_await gate(id.path()).enter());
  co_return co_await to_the_end(undelete_held(shared_from_this(), std::move(held), std::move(id)));
}

awaitable<Result<>> Store::undelete_held(Self self, Held held, ResourceId id) {
  if (!journal_) co_return co_await inner_->undelete(std::move(id));
  const std::string path = id.path();
  KBS_CO_TRY(Ground ground, co_await this->ground(id));
  if (ground.actual.found) co_return fail(ErrorKind::conflict, "the resource exists already");
  if (ground.now.kind != State::Kind::kept) co_return nothing_kept();
  const bool any = ground.now.seq == kAnySeq;
  State next = ground.now;
  next.kind = State::Kind::live;
  KBS_CO_TRY(const std::uint64_t intent, co_await announce(path, ground, next));
  auto done = co_await inner_->undelete(id);
  if (!done) {
    co_await give_up(id, intent, next, done.error().kind);
    if (done.error().kind != ErrorKind::not_found) co_return done;
    co_return fail(ErrorKind::internal,
                   "what was kept for undelete is gone although this store never destroyed it",
                   path);
  }
  if (!any) KBS_CO_OK(co_await confirm(path, intent));
  KBS_CO_TRY(const auto back, co_await authentic(id));
  if (any && back) {
    std::vector<Op> ops{Op{Op::Kind::set, path, *back, 0}};
    KBS_CO_OK(co_await journal_->append(std::move(ops)));
    co_return Result<>();
  }
  if (back && back->seq == next.seq) co_return Result<>();
  co_return fail(ErrorKind::internal,
                 "what came back is not the version that was deleted: an older or foreign copy was "
                 "put in its place",
                 path);
}

awaitable<Result<>> Store::destroy(ResourceId id, VersionId version) {
  KBS_CO_OK(admit(id));
  if (!can_.versions) co_return co_await Backend::destroy(std::move(id), std::move(version));
  auto own = parse_version(version);
  if (!own) {
    // No version of ours; but a store that cannot be asked knows of no absence.
    KBS_CO_OK(co_await is_kept(std::move(id)));
    co_return fail(ErrorKind::not_found, "no such version of the resource");
  }
  KBS_CO_TRY(Held held, co_await gate(id.path()).enter());
  co_return co_await to_the_end(
      destroy_held(shared_from_this(), std::move(held), std::move(id), std::move(*own)));
}

/// What is kept once `leaving` is gone; nullopt when that is not the newest. Kept versions are not
/// served, so that the seq of the next one shows only when it comes back.
awaitable<Result<std::optional<State>>> Store::next_kept(const ResourceId& id,
                                                         const VersionId& leaving) {
  ListOptions few;
  few.limit = 2;
  KBS_CO_TRY(const Page page, co_await uncached_->versions(id, std::move(few)));
  if (page.entries.empty() || page.entries[0].version != leaving) co_return std::nullopt;
  State next;
  if (page.entries.size() > 1) next.kind = State::Kind::kept;
  co_return next;
}

awaitable<Result<>> Store::destroy_held(Self self, Held held, ResourceId id, OwnVersion version) {
  if (!journal_) co_return co_await inner_->destroy(std::move(id), std::move(version.inner));
  const std::string path = id.path();
  KBS_CO_TRY(Ground ground, co_await this->ground(id));
  std::optional<State> kept;
  if (ground.now.kind == State::Kind::kept) {
    KBS_CO_TRY(kept, co_await next_kept(id, version.inner));
  }
  if (!kept) co_return co_await inner_->destroy(std::move(id), std::move(version.inner));
  const State next = *kept;
  KBS_CO_TRY(const std::uint64_t intent, co_await announce(path, ground, next));
  auto done = co_await inner_->destroy(id, version.inner);
  if (!done) {
    co_await give_up(id, intent, next, done.error().kind);
    co_return done;
  }
  co_return co_await confirm(path, intent);
}

/// One path whose last change is open: confirmed where the store shows that it came to pass. What
/// did not show stays open, for the next change of that path to overtake: it may still arrive.
awaitable<Result<>> Store::settle_one(std::string path) {
  auto id = ResourceId::parse(path);
  if (!id) co_return Result<>();
  const ResourceId name = std::move(*id);
  KBS_CO_TRY(const Held held, co_await gate(path).enter());
  const View view = journal_->ledger().view(path);
  if (view.intents.empty()) co_return Result<>();
  Ground ground;
  KBS_CO_TRY(ground.actual, co_await look(name));
  KBS_CO_TRY(const bool fits, co_await settle_with(name, view, ground));
  if (!fits || ground.settle.empty()) co_return Result<>();
  KBS_CO_OK(co_await journal_->append(std::move(ground.settle)));
  co_return Result<>();
}

awaitable<Result<>> Store::settle_all() {
  if (!journal_ || !journal_->ledger().has_intents()) co_return Result<>();
  for (std::string& path : journal_->ledger().undecided()) {
    KBS_CO_OK(co_await settle_one(std::move(path)));
  }
  co_return Result<>();
}

}  // namespace kbs::storage::encrypted
