#include <algorithm>

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
  Comparison report;
};
using RunPtr = std::shared_ptr<Run>;

awaitable<> compare_one(RunPtr run, ResourceId id) {
  auto verdict = co_await compare(run->from, run->to, id, run->options.history, run->key);
  Comparison& report = run->report;
  std::string text = "failed";
  if (!verdict) {
    report.problems.push_back({id.path(), text_of(verdict.error())});
  } else {
    const bool from = verdict->source.has_value();
    const bool to = verdict->target.has_value();
    if (from || to) ++report.compared;
    text = verdict->difference.value_or("equal");
    if (from && !to) report.missing.push_back(id.path());
    if (!from && to) report.extra.push_back(id.path());
    if (from && to && !verdict->difference) ++report.equal;
    if (from && to && verdict->difference) {
      report.different.push_back({id.path(), *verdict->difference});
    }
    if (!from && !to) text = "gone";
  }
  if (run->options.progress) run->options.progress(id.path(), text);
}

/// Both listings as one, as long as both are in the order of the paths. Should one not be, a path
/// is looked at twice at worst.
class Union {
 public:
  Union(Side from, Side to, const std::string& prefix)
      : from_(std::move(from), prefix), lists_both_(to.backend->capabilities().list) {
    to_.emplace(std::move(to), prefix);
  }

  awaitable<Result<std::optional<std::string>>> next() {
    if (!begun_) {
      begun_ = true;
      KBS_CO_TRY(head_from_, co_await from_.next());
      if (lists_both_) {
        KBS_CO_TRY(head_to_, co_await to_->next());
      }
    }
    if (!head_from_ && !head_to_) co_return std::optional<std::string>();
    const bool take_from = head_from_ && (!head_to_ || *head_from_ <= *head_to_);
    const bool take_to = head_to_ && (!head_from_ || *head_to_ <= *head_from_);
    std::optional<std::string> path = take_from ? head_from_ : head_to_;
    if (take_from) {
      KBS_CO_TRY(head_from_, co_await from_.next());
    }
    if (take_to) {
      KBS_CO_TRY(head_to_, co_await to_->next());
    }
    co_return path;
  }

 private:
  Listing from_;
  std::optional<Listing> to_;
  const bool lists_both_;
  bool begun_ = false;
  std::optional<std::string> head_from_;
  std::optional<std::string> head_to_;
};

void sort(Comparison& report) {
  const auto by_path = [](const Note& a, const Note& b) { return a.path < b.path; };
  for (auto* paths : {&report.missing, &report.extra}) std::sort(paths->begin(), paths->end());
  for (auto* notes : {&report.different, &report.problems}) {
    std::sort(notes->begin(), notes->end(), by_path);
  }
}

}  // namespace

awaitable<Result<Verdict>> compare(Side from, Side to, ResourceId id, bool history,
                                   std::shared_ptr<const Secret> key) {
  Verdict verdict;
  {
    auto source = co_await read_if_there(from.backend, id);
    if (!source) co_return tl::unexpected(std::move(source).error());
    std::optional<Resource> nothing;
    auto target = serves(to, id) ? co_await read_if_there(to.backend, id)
                                 : Result<std::optional<Resource>>(std::move(nothing));
    if (!target) co_return tl::unexpected(std::move(target).error());
    if (*source) verdict.source = (*source)->version;
    if (*target) verdict.target = (*target)->version;
    if (!*source || !*target) {
      if (*source) verdict.difference = "missing";
      if (*target) verdict.difference = "extra";
      co_return verdict;
    }
    verdict.difference = difference(**source, **target, to.backend->capabilities());
  }
  if (!history || verdict.difference) co_return verdict;
  auto want = co_await history_of(from.backend, id, key);
  if (!want) co_return tl::unexpected(std::move(want).error());
  auto have = co_await history_of(to.backend, id, key);
  if (!have) co_return tl::unexpected(std::move(have).error());
  const bool whole = have->size() >= want->size() && first_missing(*have, *want) == want->size();
  if (!whole) verdict.difference = "history";
  co_return verdict;
}

awaitable<Result<Comparison>> verify(Side from, Side to, Options options) {
  KBS_CO_OK(check_source(from, options.history));
  if (options.history && !to.backend->capabilities().versions) {
    co_return fail(ErrorKind::unsupported,
                   to.name + " keeps no earlier versions: leave out --history");
  }
  auto run = std::make_shared<Run>();
  run->from = std::move(from);
  run->to = std::move(to);
  run->options = std::move(options);
  run->key = std::make_shared<const Secret>(crypto::random_secret(32));
  run->report.extra_unknown = !run->to.backend->capabilities().list;
  Crew crew(run->options.in_flight);
  Union paths(run->from, run->to, run->options.prefix);
  for (;;) {
    auto path = co_await paths.next();
    if (!path) {
      co_await crew.finish();
      co_return tl::unexpected(std::move(path).error());
    }
    if (!*path) break;
    ResourceId id = *ResourceId::parse(**path);
    co_await crew.submit(compare_one(run, std::move(id)));
  }
  co_await crew.finish();
  sort(run->report);
  co_return std::move(run->report);
}

}  // namespace kbs::storage::transfer
