#include "storage/transfer/place.h"

namespace kbs::storage::transfer {
namespace {

/// What the target would say to a write, before it is asked: the same in a dry run.
Result<> check_fit(const Side& to, const ResourceId& id, const Resource& resource,
                   const Options& options) {
  const Capabilities& can = to.backend->capabilities();
  KBS_OK(check(id, can));
  if (resource.metadata.not_after && !can.expiry && !options.drop_expiry) {
    return fail(
        ErrorKind::unsupported,
        "it expires, and " + to.name +
            " cannot let it expire: leave it out, or say --drop-expiry to keep it for good");
  }
  return check(WriteOptions(), resource.value.size(), can);
}

awaitable<Result<VersionId>> write_one(Side to, ResourceId id, Resource resource,
                                       std::optional<VersionId> over, const Options& options,
                                       Report& report) {
  KBS_CO_OK(check_fit(to, id, resource, options));
  const std::uint64_t size = resource.value.size();
  const Capabilities& can = to.backend->capabilities();
  if (!options.dry_run) {
    WriteOptions write;
    write.content_type = std::move(resource.metadata.content_type);
    if (can.expiry) write.not_after = resource.metadata.not_after;
    if (can.compare_and_set) {
      write.create_only = !over;
      write.if_version = std::move(over);
    }
    auto written =
        co_await to.backend->write(std::move(id), std::move(resource.value), std::move(write));
    if (!written && written.error().kind == ErrorKind::conflict) {
      written.error().message += ": it changed in " + to.name + " meanwhile; run this again";
    }
    if (!written) co_return tl::unexpected(std::move(written).error());
    over = std::move(*written);
  }
  ++report.versions;
  report.bytes += size;
  co_return over.value_or(VersionId());
}

}  // namespace

Result<> check_source(const Side& from, bool history) {
  const Capabilities& can = from.backend->capabilities();
  if (!can.list) {
    return fail(ErrorKind::unsupported, from.name + " cannot list what it holds");
  }
  if (history && !can.versions) {
    return fail(ErrorKind::unsupported,
                from.name + " keeps no earlier versions: leave out --history");
  }
  return {};
}

Result<> check_target(const Side& to, bool history) {
  const Capabilities& can = to.backend->capabilities();
  if (!can.write) {
    return fail(ErrorKind::unsupported, to.name + " cannot be written: is the mount `read_only`?");
  }
  if (history && !can.versions) {
    return fail(ErrorKind::unsupported, to.name +
                                            " keeps no earlier versions: give it `versions`, or "
                                            "leave out --history");
  }
  return {};
}

tl::unexpected<Error> not_served(const Side& to) {
  return fail(ErrorKind::invalid_request,
              "a server would not look for it in " + to.name +
                  ": another mount serves its repository; choose that one, or leave it out by "
                  "--prefix");
}

Note apart(const ResourceId& id) {
  return {id.path(), "the target has another history: only the current value was looked at"};
}

awaitable<Result<Outcome>> place(Side to, ResourceId id, Resource resource, Options options,
                                 Report& report) {
  auto there = co_await read_if_there(to.backend, id);
  if (!there) co_return tl::unexpected(std::move(there).error());
  std::optional<VersionId> over;
  if (*there) {
    const auto differs = difference(resource, **there, to.backend->capabilities());
    if (!differs) co_return Outcome::equal;
    if (options.if_exists == IfExists::fail) {
      co_return fail(ErrorKind::conflict, to.name + " has it with another " + *differs +
                                              ": say --if-exists overwrite, or --if-exists skip");
    }
    if (options.if_exists == IfExists::skip) {
      report.notes.push_back({id.path(), "left as it is: " + to.name + " has another " + *differs});
      co_return Outcome::skipped;
    }
    over = (*there)->version;
  }
  const bool existed = over.has_value();
  auto written = co_await write_one(std::move(to), std::move(id), std::move(resource),
                                    std::move(over), options, report);
  if (!written) co_return tl::unexpected(std::move(written).error());
  co_return existed ? Outcome::overwritten : Outcome::copied;
}

awaitable<Result<HistoryPlan>> plan_history(Side to, ResourceId id, std::span<const PastValue> want,
                                            std::shared_ptr<const Secret> key) {
  auto have = co_await history_of(to.backend, std::move(id), std::move(key));
  if (!have) co_return tl::unexpected(std::move(have).error());
  HistoryPlan plan;
  // One that was deleted and is kept for undelete is not there.
  if (have->empty() || !have->back().current) co_return plan;
  plan.current = have->back().version;
  const auto first = first_missing(*have, want);
  // What is there counts as the source's only with the same date of expiry.
  const bool same =
      first && (*first < want.size() || same_expiry(have->back().not_after, want.back().not_after,
                                                    to.backend->capabilities()));
  plan.apart = !same;
  plan.first = same ? *first : 0;
  co_return plan;
}

awaitable<Result<>> append(Side to, ResourceId id, Resource resource, HistoryPlan& plan,
                           const Options& options, Report& report) {
  auto written = co_await write_one(std::move(to), std::move(id), std::move(resource), plan.current,
                                    options, report);
  if (!written) co_return tl::unexpected(std::move(written).error());
  plan.current = std::move(*written);
  co_return Result<>();
}

void settle(const std::string& path, Result<Outcome> outcome, const Options& options,
            Report& report) {
  std::string_view text = "failed";
  if (!outcome) {
    report.problems.push_back({path, text_of(outcome.error())});
  } else {
    switch (*outcome) {
      case Outcome::gone:
        text = "gone";
        break;
      case Outcome::copied:
        text = "copied";
        ++report.copied;
        break;
      case Outcome::overwritten:
        text = "overwritten";
        ++report.overwritten;
        break;
      case Outcome::equal:
        text = "equal";
        ++report.equal;
        break;
      case Outcome::skipped:
        text = "skipped";
        ++report.skipped;
        break;
    }
  }
  if (options.progress) options.progress(path, text);
}

}  // namespace kbs::storage::transfer
