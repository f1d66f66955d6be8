#include <mutex>

#include "storage/kv/json_file.h"
#include "storage/kv/revisions.h"
#include "storage/kv/store_lock.h"
#include "storage/kv/stores.h"
#include "storage/kv/versioned.h"

namespace kbs::storage::kv {
namespace {

constexpr auto kDeadline = std::chrono::seconds(30);
/// Ends before the deadline, so that the caller hears what it waited for.
constexpr auto kLockLimit = std::chrono::seconds(20);

tl::unexpected<Error> moved_on() {
  return fail(ErrorKind::conflict, "the resource is not at that version (any more)");
}

/// One file for a namespace. Reading a value takes the file as it is; changing one reads, changes
/// and replaces it while no other handle of any process does.
class LocalJson final : public KeyValue,
                        public VersionedStore,
                        public std::enable_shared_from_this<LocalJson> {
 public:
  LocalJson(JsonFile file, Services services) : file_(std::move(file)), services_(services) {}

  // The key-value side: small stores of the server's own, read inline.

  awaitable<Result<std::optional<Secret>>> get(std::string key) override {
    KBS_CO_TRY(JsonFile::Snapshot now, file_.load());
    const auto it = now.members.find(key);
    if (it == now.members.end()) co_return std::nullopt;
    KBS_CO_TRY(Secret value, decode(*it));
    co_return value;
  }

  awaitable<Result<bool>> set(std::string key, Secret value, bool overwrite) override {
    auto job = [self = shared_from_this(), key = std::move(key), value = std::move(value),
                overwrite]() -> Result<bool> {
      const Condition condition{std::nullopt, !overwrite};
      auto stored = self->store_now(key, value, condition);
      if (stored) return true;
      if (!overwrite && stored.error().kind == ErrorKind::conflict) return false;
      return tl::unexpected(std::move(stored).error());
    };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<bool>> remove(std::string key) override {
    auto job = [self = shared_from_this(), key = std::move(key)]() -> Result<bool> {
      auto gone = self->drop_now(key, std::nullopt);
      if (gone) return true;
      if (gone.error().kind == ErrorKind::not_found) return false;
      return tl::unexpected(std::move(gone).error());
    };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<std::vector<std::string>>> list() override {
    KBS_CO_TRY(const JsonFile::Snapshot now, file_.load());
    std::vector<std::string> keys;
    for (const auto& member : now.members) keys.push_back(member.first);
    co_return keys;
  }

  // The resources' side: on the pool, because the file may be large and is parsed whole.

  awaitable<Result<std::optional<Item>>> look_up(std::string key, VersionId version) override {
    auto job = [self = shared_from_this(), key = std::move(key), version = std::move(version)] {
      return self->look_up_now(key, version);
    };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<VersionId>> store(std::string key, Secret value, Condition condition) override {
    auto job = [self = shared_from_this(), key = std::move(key), value = std::move(value),
                condition = std::move(condition)] {
      return self->store_now(key, value, condition);
    };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<>> drop(std::string key, std::optional<VersionId> if_version) override {
    auto job = [self = shared_from_this(), key = std::move(key),
                if_version = std::move(if_version)] { return self->drop_now(key, if_version); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<std::vector<Line>>> lines() override {
    auto job = [self = shared_from_this()] { return self->lines_now(); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<>> check_health() override {
    auto job = [self = shared_from_this()] { return self->check_now(); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  Result<> check_now() const {
    KBS_TRY([[maybe_unused]] const JsonFile::Snapshot now, file_.load());
    return {};
  }

 private:
  SteadyTime deadline() const { return services_.clock.steady_now() + kDeadline; }

  Result<Secret> decode(const Members::value_type& member) const {
    auto value = decode_value(as_text(member.second));
    if (value) return value;
    return fail(ErrorKind::internal, "a value in the LocalJson file is not base64url",
                file_.path() + ", key " + to_valid_utf8(member.first));
  }

  /// Loads, and learns of changes by others. `lock_` is held: what `revisions_` says must be of the
  /// file that was read, until the caller has taken what it needs.
  Result<Members> observe() {
    KBS_TRY(JsonFile::Snapshot now, file_.load());
    if (now.info) revisions_.seen(*now.info);
    return std::move(now.members);
  }

  Result<std::optional<Item>> look_up_now(const std::string& key, const VersionId& version) {
    const std::lock_guard guard(lock_);
    KBS_TRY(const Members members, observe());
    const auto it = members.find(key);
    if (it == members.end()) return std::nullopt;
    if (!version.empty() && !revisions_.is_at(key, version)) return std::nullopt;
    KBS_TRY(Secret value, decode(*it));
    return Item{std::move(value), revisions_.id_of(key), revisions_.updated(key)};
  }

  Result<std::vector<Line>> lines_now() {
    const std::lock_guard guard(lock_);
    KBS_TRY(const Members members, observe());
    std::vector<Line> lines;
    lines.reserve(members.size());
    for (const auto& [key, text] : members) {
      lines.push_back(
          {key, revisions_.id_of(key), revisions_.updated(key), value_size(as_text(text))});
    }
    return lines;
  }

  /// Runs `change` on the members and saves them, all others shut out: first the handles of this
  /// process, then those of others. `change` says whether the key is there afterwards.
  template <class Change>
  Result<VersionId> change(const std::string& key, Change change) {
    const auto writers = lock_writers(file_.path());
    auto dir = open_directory(services_.files, file_.directory());
    if (!dir) return fail(dir.error(), "cannot write the LocalJson file", file_.path());
    KBS_TRY([[maybe_unused]] const StoreLock processes,
            StoreLock::take(services_.files, dir->get(), kLockLimit, file_.path()));
    const std::lock_guard guard(lock_);
    KBS_TRY(Members members, observe());
    KBS_TRY(const bool stays, change(members));
    KBS_TRY(const Stat info, file_.save(members, revisions_.last_time()));
    stays ? revisions_.wrote(key, info) : revisions_.dropped(key, info);
    return revisions_.id_of(key);
  }

  Result<VersionId> store_now(const std::string& key, const Secret& value,
                              const Condition& condition) {
    if (!is_utf8(key)) return fail(ErrorKind::invalid_request, "a key must be valid UTF-8");
    return change(key, [&](Members& members) -> Result<bool> {
      const bool exists = members.contains(key);
      if (condition.create_only && exists) {
        return fail(ErrorKind::conflict, "the resource exists already");
      }
      if (condition.if_version && !(exists && revisions_.is_at(key, *condition.if_version))) {
        return moved_on();
      }
      members.insert_or_assign(key, encode_value(value));
      return true;
    });
  }

  Result<> drop_now(const std::string& key, const std::optional<VersionId>& if_version) {
    auto dropped = change(key, [&](Members& members) -> Result<bool> {
      if (!members.contains(key)) return fail(ErrorKind::not_found, "no such resource");
      if (if_version && !revisions_.is_at(key, *if_version)) return moved_on();
      members.erase(key);
      return false;
    });
    if (!dropped) return tl::unexpected(std::move(dropped).error());
    return {};
  }

  const JsonFile file_;
  const Services services_;
  std::mutex lock_;
  Revisions revisions_;
};

}  // namespace

Result<KeyValuePtr> open_local_json(const std::string& dir_path, const std::string& name_space,
                                    Services services) {
  const std::size_t slash = name_space.rfind('/');
  const bool nested = slash != std::string::npos;
  const std::string dir = nested ? dir_path + '/' + name_space.substr(0, slash) : dir_path;
  if (auto made = make_path(services.files, dir); !made) {
    return fail(made.error(),
                "cannot open the storage directory " + dir + " (make it, or set another directory)",
                dir);
  }
  if (auto opened = open_directory(services.files, dir)) {
    sweep_leftovers(services.files, opened->get(), services.clock.now());
  }
  JsonFile file(dir, nested ? name_space.substr(slash + 1) : name_space, services.files);
  auto store = std::make_shared<LocalJson>(std::move(file), services);
  KBS_OK(store->check_now());  // a damaged file is told at start
  return store;
}

}  // namespace kbs::storage::kv
