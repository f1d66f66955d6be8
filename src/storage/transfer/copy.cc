#include "crypto/random.h"
#include "storage/transfer/crew.h"
#include "storage/transfer/place.h"
#include "storage/transfer/values.h"

namespace kbs::storage::transfer {
namespace {

struct Run {
  Side from;
  Side to;
  Options options;
  std::shared_ptr<const Secret> key;
  Report report;
};
using RunPtr = std::shared_ptr<Run>;

awaitable<Result<Outcome>> copy_current(RunPtr run, ResourceId id) {
  auto source = co_await read_if_there(run->from.backend, id);
  if (!source) co_return tl::unexpected(std::move(source).error());
  if (!*source) co_return Outcome::gone;
  co_return co_await place(run->to, id, std::move(**source), run->options, run->report);
}

awaitable<Result<Outcome>> copy_history(RunPtr run, ResourceId id) {
  auto want = co_await history_of(run->from.backend, id, run->key);
  if (!want) co_return tl::unexpected(std::move(want).error());
  if (want->empty() || !want->back().current) co_return Outcome::gone;
  auto plan = co_await plan_history(run->to, id, *want, run->key);
  if (!plan) co_return tl::unexpected(std::move(plan).error());
  if (plan->apart) {
    run->report.notes.push_back(apart(id));
    co_return co_await copy_current(run, id);
  }
  for (std::size_t i = plan->first; i < want->size(); ++i) {
    const VersionId version = (*want)[i].version;
    auto source = co_await read_if_there(run->from.backend, id, version);
    if (!source) co_return tl::unexpected(std::move(source).error());
    if (!*source) continue;  // it was the oldest, and a write made it go
    KBS_CO_OK(co_await append(run->to, id, std::move(**source), *plan, run->options, run->report));
  }
  co_return plan->first < want->size() ? Outcome::copied : Outcome::equal;
}

awaitable<> copy_one(RunPtr run, ResourceId id) {
  ++run->report.seen;
  Result<Outcome> outcome = Outcome::gone;
  if (!serves(run->to, id)) {
    outcome = not_served(run->to);
  } else if (run->options.history) {
    outcome = co_await copy_history(run, id);
  } else {
    outcome = co_await copy_current(run, id);
  }
  settle(id.path(), std::move(outcome), run->options, run->report);
}

}  // namespace

awaitable<Result<Report>> copy(Side from, Side to, Options options) {
  KBS_CO_OK(check_source(from, options.history));
  KBS_CO_OK(check_target(to, options.history));
  auto run = std::make_shared<Run>();
  run->from = std::move(from);
  run->to = std::move(to);
  run->options = std::move(options);
  run->key = std::make_shared<const Secret>(crypto::random_secret(32));
  Crew crew(run->options.in_flight);
  Listing listing(run->from, run->options.prefix);
  for (;;) {
    auto path = co_await listing.next();
    if (!path) {
      co_await crew.finish();
      co_return tl::unexpected(std::move(path).error());
    }
    if (!*path) break;
    if (run->report.problems.size() >= run->options.max_problems) {
      run->report.gave_up = true;
      break;
    }
    ResourceId id = *ResourceId::parse(**path);
    co_await crew.submit(copy_one(run, std::move(id)));
  }
  co_await crew.finish();
  co_return std::move(run->report);
}

}  // namespace kbs::storage::transfer
