#include <fcntl.h>

#include "crypto/random.h"
#include "storage/files.h"
#include "storage/transfer/archive_file.h"
#include "storage/transfer/place.h"

namespace kbs::storage::transfer {
namespace {

constexpr std::size_t kBuffer = 256u << 10;

auto failed(const Failure& failure, const std::string& file) {
  if (failure.error == EEXIST) {
    return fail(ErrorKind::conflict,
                file + " exists already: choose another name, or say --replace");
  }
  return fail(failure, "cannot write the archive " + file, file);
}

/// A file that comes into being whole: under a name of its own until `keep`.
class NewFile {
 public:
  NewFile(FileOps& files, std::string path) : files_(files), path_(std::move(path)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (file_) (void)files_.unlink_at(dir_.get(), temporary_);
  }

  Result<> create(bool replace) {
    const std::size_t slash = path_.rfind('/');
    name_ = path_.substr(slash + 1);
    const std::string dir = slash == std::string::npos ? "."
                            : slash == 0               ? "/"
                                                       : path_.substr(0, slash);
    auto opened = open_directory(files_, dir);
    if (!opened) return failed(opened.error(), path_);
    dir_ = std::move(*opened);
    // Better now than after an hour of writing.
    if (!replace && files_.lstat_at(dir_.get(), name_)) return failed({EEXIST, "create"}, path_);
    temporary_ = std::string(kTempPrefix) + crypto::random_uuid_simple();
    auto made =
        files_.open_beneath(dir_.get(), temporary_, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (!made) return failed({made.error(), "create"}, path_);
    file_ = std::move(*made);
    return {};
  }

  Result<> write(std::span<const std::byte> bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return buffer_.size() < kBuffer ? Result<>() : flush();
  }

  Result<> keep(bool replace) {
    KBS_OK(flush());
    if (auto synced = files_.fsync(file_.get()); !synced)
      return failed({synced.error(), "fsync"}, path_);
    const int dir = dir_.get();
    // link, because it cannot replace what came under that name meanwhile.
    auto named = replace ? files_.rename_at(dir, temporary_, dir, name_)
                         : files_.link_at(dir, temporary_, dir, name_);
    if (!named) return failed({named.error(), "give it its name"}, path_);
    if (replace || files_.unlink_at(dir, temporary_)) file_ = Fd();
    if (auto synced = files_.fsync(dir); !synced) return failed({synced.error(), "fsync"}, path_);
    return {};
  }

 private:
  Result<> flush() {
    std::span<const std::byte> rest(buffer_);
    while (!rest.empty()) {
      auto wrote = files_.write(file_.get(), rest);
      if (!wrote) return failed({wrote.error(), "write"}, path_);
      rest = rest.subspan(*wrote);
    }
    buffer_.clear();
    return {};
  }

  FileOps& files_;
  const std::string path_;
  std::string name_;
  std::string temporary_;
  Fd dir_;
  Fd file_;
  Bytes buffer_;  ///< of ciphertext
};

ArchiveEntry entry_of(const ResourceId& id, const Resource& resource, bool current) {
  ArchiveEntry entry;
  entry.path = id.path();
  entry.version = resource.version;
  entry.current = current;
  entry.content_type = resource.metadata.content_type;
  entry.updated = resource.metadata.updated;
  entry.not_after = resource.metadata.not_after;
  return entry;
}

struct Run {
  Side from;
  ExportOptions options;
  ArchiveWriter* writer = nullptr;
  Report report;
  std::optional<Error> broken;  ///< the archive itself cannot be written: the end of all

  /// Adds one value. False when there is no point in going on.
  Result<> add(const ResourceId& id, const Resource& resource, bool current) {
    auto added = writer->add(entry_of(id, resource, current), resource.value);
    if (added) {
      ++report.versions;
      report.bytes += resource.value.size();
    } else if (added.error().kind != ErrorKind::too_large) {
      broken = added.error();
    }
    return added;
  }
};

awaitable<Result<std::vector<Entry>>> versions_of(BackendPtr backend, ResourceId id) {
  std::vector<Entry> all;
  ListOptions options;
  do {
    auto page = co_await backend->versions(id, options);
    if (!page && page.error().kind == ErrorKind::not_found) break;
    if (!page) co_return tl::unexpected(std::move(page).error());
    options.cursor = std::move(page->next);
    for (Entry& entry : page->entries) all.push_back(std::move(entry));
  } while (!options.cursor.empty());
  co_return all;
}

/// The earlier ones, oldest first. What goes away meanwhile was too old to keep.
awaitable<Result<>> export_earlier(Run& run, ResourceId id) {
  auto all = co_await versions_of(run.from.backend, id);
  if (!all) co_return tl::unexpected(std::move(all).error());
  for (auto entry = all->rbegin(); entry != all->rend(); ++entry) {
    if (entry->current) continue;
    auto resource = co_await read_if_there(run.from.backend, id, entry->version);
    if (!resource) co_return tl::unexpected(std::move(resource).error());
    if (*resource) KBS_CO_OK(run.add(id, **resource, false));
  }
  co_return Result<>();
}

awaitable<Result<Outcome>> export_one(Run& run, ResourceId id) {
  // Known to be there before its past is written; a current value closes what an archive has of it.
  auto current = co_await read_if_there(run.from.backend, id);
  if (!current) co_return tl::unexpected(std::move(current).error());
  if (!*current) co_return Outcome::gone;
  if (run.options.history) KBS_CO_OK(co_await export_earlier(run, id));
  KBS_CO_OK(run.add(id, **current, true));
  co_return Outcome::copied;
}

awaitable<Result<>> export_all(Run& run) {
  Options counting;
  counting.progress = run.options.progress;
  Listing listing(run.from, run.options.prefix);
  for (;;) {
    auto path = co_await listing.next();
    if (!path) co_return tl::unexpected(std::move(path).error());
    if (!*path) break;
    ++run.report.seen;
    auto outcome = co_await export_one(run, *ResourceId::parse(**path));
    if (run.broken) co_return tl::unexpected(std::move(*run.broken));
    settle(**path, std::move(outcome), counting, run.report);
  }
  co_return run.writer->finish();
}

}  // namespace

awaitable<Result<Report>> export_archive(Side from, std::string file,
                                         crypto::CmsRecipients recipients, ExportOptions options,
                                         FileOps& files, const Clock& clock) {
  KBS_CO_OK(check_source(from, options.history));
  NewFile target(files, std::move(file));
  KBS_CO_OK(target.create(options.replace));
  KBS_CO_TRY(crypto::CmsWriter cms,
             crypto::CmsWriter::begin(recipients, clock.now(),
                                      [&target](auto bytes) { return target.write(bytes); }));
  ArchiveWriter writer([&cms](auto bytes) { return cms.write(bytes); });
  KBS_CO_OK(writer.begin({clock.now(), options.prefix, options.history}));
  Run run;
  run.from = std::move(from);
  run.options = std::move(options);
  run.writer = &writer;
  KBS_CO_OK(co_await export_all(run));
  KBS_CO_OK(cms.finish());
  if (run.report.good() || run.options.keep_going) KBS_CO_OK(target.keep(run.options.replace));
  co_return std::move(run.report);
}

}  // namespace kbs::storage::transfer
