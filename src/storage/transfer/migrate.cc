#include "crypto/random.h"
#include "storage/transfer/compare.h"
#include "storage/transfer/crew.h"

namespace kbs::storage::transfer {
namespace {

struct Run {
  Side from;
  Side to;
  Options options;
  std::shared_ptr<const Secret> key;
  Migration report;
};
using RunPtr = std::shared_ptr<Run>;

/// One directory under two names looks like a perfect copy of itself, and removing the source would
/// remove the target. A resource that nobody else has goes into the target for a moment: does the
/// source have it too?
awaitable<Result<>> make_sure_of_two(RunPtr run, ResourceId id) {
  ResourceId probe{id.repository, id.type, "kbs-probe-" + crypto::random_uuid_simple()};
  auto written = co_await run->to.backend->write(probe, crypto::random_secret(16), {});
  if (!written) co_return tl::unexpected(std::move(written).error());
  auto seen = co_await read_if_there(run->from.backend, probe);
  auto removed = co_await run->to.backend->remove(probe, {});
  if (!seen) co_return tl::unexpected(std::move(seen).error());
  if (*seen) {
    co_return fail(ErrorKind::invalid_request,
                   run->from.name + " and " + run->to.name +
                       " are one and the same store: nothing was removed");
  }
  if (!removed) {
    run->report.copy.notes.push_back({probe.path(), "stays in the target: remove it by hand"});
  }
  co_return Result<>();
}

awaitable<Result<>> remove_if_moved(RunPtr run, ResourceId id) {
  auto verdict = co_await compare(run->from, run->to, id, run->options.history, run->key);
  if (!verdict) co_return tl::unexpected(std::move(verdict).error());
  if (!verdict->source) co_return Result<>();  // somebody was faster
  if (verdict->difference) {
    co_return fail(ErrorKind::conflict,
                   "it changed while it was being moved: it stays; run this again");
  }
  RemoveOptions options;
  // What was compared a moment ago is what goes, and nothing newer.
  if (run->from.backend->capabilities().compare_and_set) options.if_version = verdict->source;
  auto removed = co_await run->from.backend->remove(std::move(id), std::move(options));
  if (!removed) co_return tl::unexpected(std::move(removed).error());
  ++run->report.removed;
  co_return Result<>();
}

awaitable<> remove_one(RunPtr run, ResourceId id) {
  auto removed = co_await remove_if_moved(run, id);
  if (!removed) run->report.problems.push_back({id.path(), text_of(removed.error())});
  if (run->options.progress) run->options.progress(id.path(), removed ? "removed" : "failed");
}

/// Page after page while the pages shrink: a cursor says where to go on, not how many to skip.
awaitable<Result<>> remove_all(RunPtr run) {
  Crew crew(run->options.in_flight);
  Listing listing(run->from, run->options.prefix);
  bool two = false;
  for (;;) {
    auto path = co_await listing.next();
    if (!path) {
      co_await crew.finish();
      co_return tl::unexpected(std::move(path).error());
    }
    if (!*path || run->report.problems.size() >= run->options.max_problems) break;
    ResourceId id = *ResourceId::parse(**path);
    if (!two) KBS_CO_OK(co_await make_sure_of_two(run, id));
    two = true;
    co_await crew.submit(remove_one(run, std::move(id)));
  }
  co_await crew.finish();
  co_return Result<>();
}

Result<> check_removal(const Side& from, const Options& options, bool drop_history) {
  const Capabilities& can = from.backend->capabilities();
  if (!can.remove) {
    return fail(ErrorKind::unsupported,
                "nothing can be removed from " + from.name + ": leave out --remove-source");
  }
  if (can.versions && !options.history && !drop_history) {
    return fail(ErrorKind::invalid_request,
                "removing from " + from.name +
                    " would lose its earlier versions: say --history to move them as well, or "
                    "--drop-history");
  }
  return {};
}

}  // namespace

awaitable<Result<Migration>> migrate(Side from, Side to, Options options, bool remove_source,
                                     bool drop_history) {
  if (remove_source) KBS_CO_OK(check_removal(from, options, drop_history));
  auto run = std::make_shared<Run>();
  run->from = std::move(from);
  run->to = std::move(to);
  run->options = std::move(options);
  run->key = std::make_shared<const Secret>(crypto::random_secret(32));
  auto copied = co_await copy(run->from, run->to, run->options);
  if (!copied) co_return tl::unexpected(std::move(copied).error());
  run->report.copy = std::move(*copied);
  if (run->options.dry_run || !run->report.copy.good()) co_return std::move(run->report);
  auto compared = co_await verify(run->from, run->to, run->options);
  if (!compared) co_return tl::unexpected(std::move(compared).error());
  run->report.comparison = std::move(*compared);
  // What only the target has was there before, or came meanwhile.
  run->report.comparison.extra.clear();
  if (!remove_source || !run->report.good()) co_return std::move(run->report);
  KBS_CO_OK(co_await remove_all(run));
  co_return std::move(run->report);
}

}  // namespace kbs::storage::transfer
