#include "storage/kv/kv_backend.h"

#include <algorithm>

#include "storage/kv/versioned.h"

namespace kbs::storage::kv {
namespace {

/// In base64 well below what a file may hold (`kMaxFile`), and above any request body.
constexpr std::uint64_t kMaxValue = 32u << 20;

using StorePtr = std::shared_ptr<VersionedStore>;

class KvBackend final : public Backend {
 public:
  KvBackend(StorePtr store, std::optional<NameTemplate> names)
      : store_(std::move(store)), names_(std::move(names)) {
    can_.write = can_.remove = can_.compare_and_set = true;
    can_.list = !names_ || names_->reversible();
    can_.max_value_bytes = kMaxValue;
  }

  const Capabilities& capabilities() const noexcept override { return can_; }

  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override {
    KBS_CO_TRY(std::string key, key_of(id));
    const bool named = !options.version.empty();
    KBS_CO_TRY(auto found, co_await store_->look_up(std::move(key), std::move(options.version)));
    if (!found) {
      co_return fail(ErrorKind::not_found,
                     named ? "no such version of the resource" : "no such resource");
    }
    Metadata metadata{"", found->value.size(), found->updated, std::nullopt};
    co_return Resource{std::move(found->value), std::move(found->version), std::move(metadata)};
  }

  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override {
    KBS_CO_TRY(std::string key, key_of(id));
    KBS_CO_OK(check(options, value.size(), can_));
    VersionedStore::Condition condition{std::move(options.if_version), options.create_only};
    co_return co_await store_->store(std::move(key), std::move(value), std::move(condition));
  }

  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override {
    KBS_CO_TRY(std::string key, key_of(id));
    KBS_CO_OK(check(options, can_));
    co_return co_await store_->drop(std::move(key), std::move(options.if_version));
  }

  awaitable<Result<Page>> list(ListOptions options) override {
    if (!can_.list) co_return co_await Backend::list(std::move(options));
    KBS_CO_OK(check(options));
    KBS_CO_TRY(auto lines, co_await store_->lines());
    co_return page_of(std::move(lines), options);
  }

  awaitable<Result<>> health() override { return store_->check_health(); }

 private:
  Result<std::string> key_of(const ResourceId& id) const {
    KBS_OK(check(id, can_));
    return names_ ? names_->name_of(id) : id.path();
  }

  /// Keys that are no resource's are somebody else's affair, and not listed.
  std::optional<ResourceId> resource_of(const std::string& key) const {
    if (names_) return names_->resource_of(key);
    auto id = ResourceId::parse(key);
    return id ? std::optional(std::move(*id)) : std::nullopt;
  }

  Page page_of(std::vector<VersionedStore::Line> lines, const ListOptions& options) const {
    std::vector<Entry> found;
    for (VersionedStore::Line& line : lines) {
      const auto id = resource_of(line.key);
      if (!id) continue;
      std::string path = id->path();
      if (!path.starts_with(options.prefix) || path <= options.cursor) continue;
      Metadata metadata{"", line.size, line.updated, std::nullopt};
      found.push_back({std::move(path), std::move(line.version), std::move(metadata)});
    }
    std::sort(found.begin(), found.end(),
              [](const Entry& a, const Entry& b) { return a.path < b.path; });
    Page page;
    if (found.size() > options.limit) {
      found.resize(options.limit);
      page.next = found.back().path;
    }
    page.entries = std::move(found);
    return page;
  }

  const StorePtr store_;
  const std::optional<NameTemplate> names_;
  Capabilities can_;
};

}  // namespace

Result<BackendPtr> make_backend(const KeyValuePtr& store, std::optional<NameTemplate> names) {
  auto versioned = std::dynamic_pointer_cast<VersionedStore>(store);
  if (!versioned) {
    return fail(ErrorKind::unsupported,
                "this key-value store cannot tell one write of a resource from the next: keep "
                "resources in \"local_fs\", \"local_json\" or \"memory\"");
  }
  return std::make_shared<KvBackend>(std::move(versioned), std::move(names));
}

}  // namespace kbs::storage::kv
