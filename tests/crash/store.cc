#include "crash/store.h"

#include <algorithm>
#include <filesystem>

#include "base/run.h"
#include "storage/local_fs/local_fs.h"

namespace kbs::crash {
namespace {

using storage::Entry;
using storage::ListOptions;
using storage::Page;

constexpr std::size_t kPage = 1000;

class LaterClock final : public Clock {
 public:
  SysTime now() const override { return system_clock().now() + std::chrono::hours(1); }
  SteadyTime steady_now() const override { return system_clock().steady_now(); }
};

/// Every third write has an expiry and a content type of its own; those that `replace` puts in take
/// over what was there.
bool has_extra(Seq seq) { return seq < kReplacing && seq % 3 == 0; }
std::string content_type_of(Seq seq) { return "application/x-" + std::to_string(seq); }
SysTime expiry_of(Seq seq) {
  return SysTime{std::chrono::seconds(4'000'000'000 + static_cast<std::int64_t>(seq))};
}

std::string told(const Error& error) { return error.message + " (" + error.detail + ")"; }

}  // namespace

std::string describe(const Shape& shape) {
  return std::string(shape.encrypted ? "encrypted " : "") + (shape.flat ? "flat, " : "tree, ") +
         std::to_string(shape.versions) + " versions";
}

const Clock& later_clock() {
  static const LaterClock clock;
  return clock;
}

Result<std::unique_ptr<OpenStore>> OpenStore::open(const std::string& path, const Shape& shape,
                                                   FileOps& files, const Clock& clock,
                                                   std::size_t threads) {
  std::unique_ptr<OpenStore> store(new OpenStore(threads));
  storage::local_fs::Options options;
  options.roots = {{path}};
  options.layout = shape.flat ? storage::local_fs::Layout::flat : storage::local_fs::Layout::tree;
  options.versions = shape.versions;
  const storage::Services services{files, clock, store->pool_};
  KBS_TRY(store->backend_, storage::local_fs::make(options, services));
  // On a pool of one thread this comes after the tidying up.
  KBS_OK(run_to_end(store->backend_->health()));
  return store;
}

OpenStore::~OpenStore() {
  backend_.reset();
  pool_.join();
}

Result<> OpenStore::perform(const std::string& path, const Operation& operation,
                            std::size_t length) {
  KBS_TRY(const ResourceId id, ResourceId::parse(path));
  storage::WriteOptions how;
  switch (operation.verb) {
    case Verb::create:
      how.create_only = true;
      [[fallthrough]];
    case Verb::write: {
      if (backend_->capabilities().expiry && has_extra(operation.seq)) {
        how.content_type = content_type_of(operation.seq);
        how.not_after = expiry_of(operation.seq);
      }
      Secret value = Secret::from_text(value_of(path, operation.seq, length));
      KBS_TRY([[maybe_unused]] auto version,
              run_to_end(backend_->write(id, std::move(value), std::move(how))));
      return {};
    }
    case Verb::remove:
      return run_to_end(backend_->remove(id, {}));
    case Verb::keep:
      return run_to_end(backend_->remove(id, {.if_version = {}, .keep_for_undelete = true}));
    case Verb::undelete:
      return run_to_end(backend_->undelete(id));
    case Verb::destroy: {
      KBS_TRY(auto versions, versions_of(id));
      const std::size_t at = operation.seq - (versions.empty() || !versions[0].current ? 1 : 0);
      if (at >= versions.size()) return fail(ErrorKind::not_found, "no such version");
      return run_to_end(backend_->destroy(id, versions[at].version));
    }
    case Verb::replace: {
      KBS_TRY(const storage::Resource current, run_to_end(backend_->read(id, {})));
      Secret value = Secret::from_text(value_of(path, operation.seq, length));
      return run_to_end(backend_->replace(id, current.version, std::move(value)));
    }
  }
  return {};
}

Result<std::vector<Entry>> OpenStore::versions_of(const ResourceId& id) {
  std::vector<Entry> all;
  ListOptions options{.prefix = {}, .limit = kPage, .cursor = {}};
  do {
    auto page = run_to_end(backend_->versions(id, options));
    if (!page && page.error().kind == ErrorKind::not_found && all.empty()) return all;
    if (!page) return tl::unexpected(page.error());
    std::move(page->entries.begin(), page->entries.end(), std::back_inserter(all));
    options.cursor = page->next;
  } while (!options.cursor.empty());
  return all;
}

Seq OpenStore::read_version(const ResourceId& id, const storage::VersionId& version,
                            std::string& wrong) {
  auto resource = run_to_end(backend_->read(id, {version}));
  if (!resource) {
    wrong = "version " + version + " cannot be read: " + told(resource.error());
    return 0;
  }
  const auto seq = seq_of(id.path(), resource->value.expose_text());
  if (!seq) wrong = "version " + version + " is torn: " + std::to_string(resource->value.size());
  if (seq && backend_->capabilities().expiry && *seq < kReplacing) {
    const storage::Metadata& has = resource->metadata;
    const bool right = has_extra(*seq) ? has.not_after == expiry_of(*seq) &&
                                             has.content_type == content_type_of(*seq)
                                       : !has.not_after && has.content_type.empty();
    if (!right) wrong = "version " + version + " lost its expiry or has another's";
  }
  return seq.value_or(0);
}

Observed OpenStore::observe(const std::string& path, const std::vector<std::string>& listed) {
  Observed seen;
  const ResourceId id = *ResourceId::parse(path);
  auto resource = run_to_end(backend_->read(id, {}));
  if (resource) {
    look(id, seen);
  } else if (resource.error().kind != ErrorKind::not_found) {
    seen.wrong = "cannot be read: " + told(resource.error());
  } else if (backend_->capabilities().versions) {
    look_at_kept(id, seen);
  }
  seen.listed = std::binary_search(listed.begin(), listed.end(), path);
  return seen;
}

void OpenStore::look(const ResourceId& id, Observed& seen) {
  const Seq current = read_version(id, "", seen.wrong);
  if (!seen.wrong.empty()) return;
  seen.current = current;
  if (!backend_->capabilities().versions) return;
  auto versions = versions_of(id);
  if (!versions) seen.wrong = "no list of versions: " + told(versions.error());
  for (std::size_t i = 0; versions && i < versions->size(); ++i) {
    const Entry& entry = (*versions)[i];
    const Seq seq = read_version(id, entry.version, seen.wrong);
    if (!seen.wrong.empty()) return;
    if (!entry.current) {
      seen.earlier.push_back(seq);
    } else if (i != 0 || seq != current) {
      seen.wrong = "the list of versions calls current what a read does not give";
    }
  }
}

/// What was kept for undelete cannot be read: it is brought back, looked at, and deleted again.
void OpenStore::look_at_kept(const ResourceId& id, Observed& seen) {
  auto versions = versions_of(id);
  if (!versions) seen.wrong = "no list of versions: " + told(versions.error());
  if (!versions || versions->empty()) return;
  if (auto back = run_to_end(backend_->undelete(id)); !back) {
    seen.wrong = "is kept, and does not come back: " + told(back.error());
    return;
  }
  look(id, seen);
  if (!seen.wrong.empty()) return;
  seen.earlier.insert(seen.earlier.begin(), *seen.current);
  seen.current.reset();
  if (auto gone = run_to_end(backend_->remove(id, {{}, true})); !gone) {
    seen.wrong = "cannot be deleted again: " + told(gone.error());
  } else if (seen.earlier.size() != versions->size()) {
    seen.wrong = "lists other versions when it is back than when it was gone";
  }
}

Result<std::vector<std::string>> OpenStore::list() {
  std::vector<std::string> all;
  ListOptions options{.prefix = {}, .limit = kPage, .cursor = {}};
  do {
    KBS_TRY(Page page, run_to_end(backend_->list(options)));
    for (Entry& entry : page.entries) all.push_back(std::move(entry.path));
    options.cursor = page.next;
  } while (!options.cursor.empty());
  return all;
}

std::string leftover_in(const std::string& path) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') && name != ".history" && name != ".lock") {
      return entry.path().string();
    }
  }
  return "";
}

}  // namespace kbs::crash
