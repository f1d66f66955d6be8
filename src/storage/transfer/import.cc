#include <fcntl.h>

#include <algorithm>

#include "crypto/random.h"
#include "storage/files.h"
#include "storage/transfer/archive_file.h"
#include "storage/transfer/crew.h"
#include "storage/transfer/place.h"

namespace kbs::storage::transfer {
namespace {

class ArchiveFile {
 public:
  static Result<ArchiveFile> open(const std::string& path, FileOps& files) {
    // O_NONBLOCK: a FIFO by that name must not hang us.
    auto fd = files.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (!fd) return tl::unexpected(error_from_errno(fd.error(), "open the archive " + path));
    auto info = files.fstat(fd->get());
    if (!info || !S_ISREG(info->st_mode)) {
      return fail(ErrorKind::invalid_request, path + " is not a regular file");
    }
    return ArchiveFile(std::move(*fd), files);
  }

  /// A fresh reading from the beginning; this file outlives it.
  Result<crypto::CmsReader> decrypt(const crypto::CmsKey& key) {
    return crypto::CmsReader::open(
        key, [this](std::span<std::byte> into, std::uint64_t offset) -> Result<std::size_t> {
          auto got = files_->pread(fd_.get(), into, static_cast<off_t>(offset));
          if (!got) return tl::unexpected(error_from_errno(got.error(), "read the archive"));
          return *got;
        });
  }

 private:
  ArchiveFile(Fd fd, FileOps& files) : fd_(std::move(fd)), files_(&files) {}
  Fd fd_;
  FileOps* files_;
};

/// What the first reading leaves of one version: enough to know it again in the second.
struct Seen {
  Tag header{};  ///< over everything that the record says besides its value
  Tag value{};
  std::optional<SysTime> not_after;
  bool first = false;  ///< of its resource
  bool current = false;
};

Tag header_tag(const ArchiveEntry& entry, const Secret& key) {
  const auto micros = [](SysTime time) { return std::to_string(time.time_since_epoch().count()); };
  const std::string text = entry.path + '\n' + entry.version + '\n' + entry.content_type + '\n' +
                           micros(entry.updated) + '\n' +
                           (entry.not_after ? micros(*entry.not_after) : "never") + '\n' +
                           std::to_string(entry.size) + (entry.current ? "\ncurrent" : "");
  return crypto::hmac_sha256(key, as_bytes(text));
}

/// The first reading: nothing is believed before its end.
Result<std::vector<Seen>> look_through(ArchiveFile& file, const crypto::CmsKey& key,
                                       const Secret& tag_key) {
  KBS_TRY(crypto::CmsReader cms, file.decrypt(key));
  ArchiveReader reader([&cms](std::span<std::byte> into) { return cms.read(into); });
  KBS_OK(reader.begin());
  std::vector<Seen> all;
  std::string last;
  for (;;) {
    KBS_TRY(const std::optional<ArchiveEntry> entry, reader.next());
    if (!entry) return all;
    Seen seen;
    seen.header = header_tag(*entry, tag_key);
    seen.not_after = entry->not_after;
    seen.current = entry->current;
    seen.first = all.empty() || entry->path != last;
    if (!seen.first && all.back().current) {
      return fail(ErrorKind::invalid_request,
                  "the archive is damaged: a version stands behind the current one", entry->path);
    }
    ValueTag tag(tag_key);
    KBS_OK(reader.value([&tag](auto piece) { tag.take(piece); }));
    seen.value = tag.tag();
    all.push_back(seen);
    last = entry->path;
  }
}

struct Run {
  Side to;
  Options options;
  std::shared_ptr<const Secret> key;
  SysTime now{};
  std::vector<Seen> seen;
  Report report;
};
using RunPtr = std::shared_ptr<Run>;

awaitable<> place_one(RunPtr run, ResourceId id, Resource resource) {
  auto outcome = co_await place(run->to, id, std::move(resource), run->options, run->report);
  settle(id.path(), std::move(outcome), run->options, run->report);
}

/// One resource whose history is being written.
struct History {
  HistoryPlan plan;
  std::size_t next = 0;  ///< index of the coming version, expired ones not counted
  std::size_t count = 0;
  Result<> failure;
};

/// The second reading, record by record.
class SecondReading {
 public:
  SecondReading(RunPtr run, ArchiveReader& reader)
      : run_(std::move(run)), reader_(reader), crew_(run_->options.in_flight) {}

  awaitable<Result<>> read_all() {
    Result<> result = co_await read_records();
    co_await crew_.finish();
    co_return result;
  }

 private:
  awaitable<Result<>> read_records() {
    for (std::size_t index = 0;; ++index) {
      auto next = reader_.next();
      if (!next) co_return tl::unexpected(std::move(next).error());
      if (!*next) break;
      const ArchiveEntry& entry = **next;
      if (index >= run_->seen.size() || header_tag(entry, *run_->key) != run_->seen[index].header) {
        co_return changed();
      }
      if (run_->report.problems.size() >= run_->options.max_problems) {
        run_->report.gave_up = true;
        break;
      }
      KBS_CO_OK(co_await read_record(entry, index));
    }
    co_return Result<>();
  }

  static tl::unexpected<Error> changed() {
    return fail(ErrorKind::conflict, "the archive changed while it was being read");
  }

  bool is_wanted(const ArchiveEntry& entry) const {
    return entry.path.starts_with(run_->options.prefix);
  }
  bool has_expired(const std::optional<SysTime>& not_after) const {
    return not_after && *not_after < run_->now;
  }

  awaitable<Result<>> read_record(const ArchiveEntry& entry, std::size_t index) {
    const ResourceId id = *ResourceId::parse(entry.path);
    if (run_->seen[index].first) co_await begin_resource(id, index);
    const bool past = history_ && !history_->plan.apart;
    if (!is_wanted(entry) || !usable_ || (!entry.current && !past)) {
      co_return reader_.value([](auto) {});
    }
    auto value = reader_.value();
    if (!value) co_return tl::unexpected(std::move(value).error());
    if (value_tag(*value, *run_->key) != run_->seen[index].value) {
      co_return changed();
    }
    Resource resource{std::move(*value),
                      entry.version,
                      {entry.content_type, entry.size, entry.updated, entry.not_after}};
    if (past) {
      co_await add_version(id, entry, std::move(resource));
    } else {
      co_await crew_.submit(place_one(run_, id, std::move(resource)));
    }
    co_return Result<>();
  }

  /// Decides what to do with the versions from `index` on.
  awaitable<> begin_resource(const ResourceId& id, std::size_t index) {
    history_.reset();
    usable_ = false;
    std::vector<PastValue> want;
    std::size_t end = index;
    for (; end < run_->seen.size() && (end == index || !run_->seen[end].first); ++end) {
      const Seen& seen = run_->seen[end];
      if (has_expired(seen.not_after)) continue;
      want.push_back({{}, seen.value, seen.current, seen.not_after});
    }
    if (!id.path().starts_with(run_->options.prefix)) co_return;
    ++run_->report.seen;
    if (!run_->seen[end - 1].current) co_return;  // it was deleted while the archive was made
    if (has_expired(run_->seen[end - 1].not_after)) {
      run_->report.notes.push_back({id.path(), "left out: it has expired"});
      co_return;
    }
    if (!serves(run_->to, id)) {
      settle(id.path(), not_served(run_->to), run_->options, run_->report);
      co_return;
    }
    usable_ = true;
    if (run_->options.history && want.size() > 1) co_await begin_history(id, want);
  }

  awaitable<> begin_history(const ResourceId& id, const std::vector<PastValue>& want) {
    auto plan = co_await plan_history(run_->to, id, want, run_->key);
    if (!plan) {
      usable_ = false;
      settle(id.path(), tl::unexpected(std::move(plan).error()), run_->options, run_->report);
      co_return;
    }
    if (plan->apart) run_->report.notes.push_back(apart(id));
    history_.emplace();
    history_->plan = std::move(*plan);
    history_->count = want.size();
  }

  awaitable<> add_version(const ResourceId& id, const ArchiveEntry& entry, Resource resource) {
    History& history = *history_;
    if (has_expired(entry.not_after)) co_return;
    if (history.failure && history.next >= history.plan.first) {
      history.failure = co_await append(run_->to, id, std::move(resource), history.plan,
                                        run_->options, run_->report);
    }
    ++history.next;
    if (!entry.current) co_return;
    Result<Outcome> outcome = history.plan.first < history.count ? Outcome::copied : Outcome::equal;
    if (!history.failure) outcome = tl::unexpected(history.failure.error());
    settle(entry.path, std::move(outcome), run_->options, run_->report);
  }

  RunPtr run_;
  ArchiveReader& reader_;
  Crew crew_;
  bool usable_ = false;  ///< the resource being read goes into the target
  std::optional<History> history_;
};

}  // namespace

awaitable<Result<Report>> import_archive(Side to, std::string file, crypto::CmsKey key,
                                         Options options, FileOps& files, const Clock& clock) {
  KBS_CO_OK(check_target(to, options.history));
  KBS_CO_TRY(ArchiveFile archive, ArchiveFile::open(file, files));
  auto run = std::make_shared<Run>();
  run->to = std::move(to);
  run->options = std::move(options);
  run->now = clock.now();
  run->key = std::make_shared<const Secret>(crypto::random_secret(32));
  KBS_CO_TRY(run->seen, look_through(archive, key, *run->key));
  KBS_CO_TRY(crypto::CmsReader cms, archive.decrypt(key));
  ArchiveReader reader([&cms](std::span<std::byte> into) { return cms.read(into); });
  KBS_CO_OK(reader.begin());
  SecondReading second(run, reader);
  KBS_CO_OK(co_await second.read_all());
  co_return std::move(run->report);
}

}  // namespace kbs::storage::transfer
