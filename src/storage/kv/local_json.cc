#include <cerrno>

#include "storage/files.h"
#include "storage/kv/json_members.h"
#include "storage/kv/stores.h"

namespace kbs::storage::kv {
namespace {

constexpr auto kDeadline = std::chrono::seconds(30);

/// One file for a namespace. Reading takes the file as it is; changing reads, changes and replaces
/// it under the writers' lock of that file, which all handles of this process share.
class LocalJson final : public KeyValue, public std::enable_shared_from_this<LocalJson> {
 public:
  LocalJson(std::string dir, std::string name, Services services)
      : dir_(std::move(dir)), name_(std::move(name)), services_(services) {}

  awaitable<Result<std::optional<Secret>>> get(std::string key) override { co_return get_now(key); }

  awaitable<Result<bool>> set(std::string key, Secret value, bool overwrite) override {
    auto job = [self = shared_from_this(), key = std::move(key), value = std::move(value),
                overwrite] { return self->set_now(key, value, overwrite); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<bool>> remove(std::string key) override {
    auto job = [self = shared_from_this(), key = std::move(key)] { return self->remove_now(key); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<std::vector<std::string>>> list() override {
    KBS_CO_TRY(const Members members, load());
    std::vector<std::string> keys;
    for (const auto& member : members) keys.push_back(member.first);
    co_return keys;
  }

  /// No file yet is an empty store.
  Result<Members> load() {
    auto dir = open_directory(services_.files, dir_);
    auto bytes = dir ? read_regular(services_.files, dir->get(), name_, kMaxFile)
                     : Step<std::optional<SecretBytes>>(tl::unexpected(dir.error()));
    if (!bytes) return fail(bytes.error(), "cannot read the LocalJson file", file());
    if (!*bytes) return Members();
    auto members = parse_members(as_text(**bytes));
    if (!members) members.error().detail += ", " + file();
    return members;
  }

 private:
  SteadyTime deadline() const { return services_.clock.steady_now() + kDeadline; }
  std::string file() const { return dir_ + '/' + name_; }

  Result<std::optional<Secret>> get_now(const std::string& key) {
    KBS_TRY(const Members members, load());
    const auto it = members.find(key);
    if (it == members.end()) return std::nullopt;
    auto value = decode_value(as_text(it->second));
    if (value) return std::move(*value);
    return fail(ErrorKind::internal, "a value in the LocalJson file is not base64url",
                file() + ", key " + to_valid_utf8(key));
  }

  Result<bool> set_now(const std::string& key, const Secret& value, bool overwrite) {
    if (!is_utf8(key)) return fail(ErrorKind::invalid_request, "a key must be valid UTF-8");
    const auto lock = lock_writers(file());
    KBS_TRY(Members members, load());
    if (!overwrite && members.contains(key)) return false;
    members.insert_or_assign(key, encode_value(value));
    KBS_OK(save(members));
    return true;
  }

  Result<bool> remove_now(const std::string& key) {
    const auto lock = lock_writers(file());
    KBS_TRY(Members members, load());
    if (members.erase(key) == 0) return false;
    KBS_OK(save(members));
    return true;
  }

  Result<> save(const Members& members) {
    const SecretBytes text = print_members(members);
    if (text.size() > kMaxFile)
      return fail(ErrorKind::too_large, "the LocalJson file would grow too large");
    auto dir = open_directory(services_.files, dir_);
    if (!dir) return fail(dir.error(), "cannot write the LocalJson file", file());
    // A ConfigMap shows its file as a link; replacing the link would cut the mount off unseen.
    auto info = services_.files.lstat_at(dir->get(), name_);
    if (info && S_ISLNK(info->st_mode)) {
      return fail(Failure{EROFS, "replace a link"}, "cannot write the LocalJson file", file());
    }
    auto written = replace_durably(services_.files, dir->get(), name_, text, Replacement());
    if (!written) return fail(written.error(), "cannot write the LocalJson file", file());
    return {};
  }

  const std::string dir_;
  const std::string name_;
  const Services services_;
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
  auto store = std::make_shared<LocalJson>(dir, nested ? name_space.substr(slash + 1) : name_space,
                                           services);
  KBS_TRY([[maybe_unused]] const Members members,
          store->load());  // a damaged file is told at start
  return store;
}

}  // namespace kbs::storage::kv
