#include <algorithm>
#include <cerrno>

#include "storage/files.h"
#include "storage/kv/stores.h"

namespace kbs::storage::kv {
namespace {

constexpr auto kDeadline = std::chrono::seconds(30);
/// What the reference writes for `/` in a file name.
constexpr std::string_view kSlash = R"(\x2F)";

bool is_key_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '/' || c == '-';
}

/// No leading dot: those names are temporary files, and `..data` of a mount.
bool is_key(std::string_view key) noexcept {
  return !key.empty() && key.front() != '.' && std::all_of(key.begin(), key.end(), is_key_char);
}

std::string file_name(std::string_view key) {
  std::string name;
  for (char c : key) c == '/' ? name.append(kSlash) : name.append(1, c);
  return name;
}

std::optional<std::string> key_of(std::string_view name) {
  std::string key;
  while (!name.empty()) {
    const bool slash = name.starts_with(kSlash);
    key += slash ? '/' : name.front();
    name.remove_prefix(slash ? kSlash.size() : 1);
  }
  return is_key(key) ? std::optional(std::move(key)) : std::nullopt;
}

/// One file for each key, under the reference's names. Each change is a single step of the file
/// system (rename, link, unlink), so processes that share the directory need no lock.
class LocalFs final : public KeyValue, public std::enable_shared_from_this<LocalFs> {
 public:
  LocalFs(std::string dir, Services services) : dir_(std::move(dir)), services_(services) {}

  awaitable<Result<std::optional<Secret>>> get(std::string key) override { co_return get_now(key); }

  awaitable<Result<bool>> set(std::string key, Secret value, bool overwrite) override {
    if (!is_key(key)) {
      co_return fail(
          ErrorKind::invalid_request,
          "a key of this store is made of letters, digits, \"_\", \"-\", \".\" and \"/\", "
          "and does not begin with a dot");
    }
    auto job = [self = shared_from_this(), key = std::move(key), value = std::move(value),
                overwrite] { return self->set_now(key, value, overwrite); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<bool>> remove(std::string key) override {
    if (!is_key(key)) co_return false;
    auto job = [self = shared_from_this(), key = std::move(key)] { return self->remove_now(key); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

  awaitable<Result<std::vector<std::string>>> list() override {
    auto job = [self = shared_from_this()] { return self->list_now(); };
    co_return co_await run_on(services_.blocking, std::move(job), deadline());
  }

 private:
  SteadyTime deadline() const { return services_.clock.steady_now() + kDeadline; }

  Result<std::optional<Secret>> get_now(const std::string& key) {
    if (!is_key(key)) return std::nullopt;
    auto dir = open_directory(services_.files, dir_);
    auto bytes = dir ? read_regular(services_.files, dir->get(), file_name(key), kMaxFile)
                     : Step<std::optional<SecretBytes>>(tl::unexpected(dir.error()));
    if (!bytes) return fail(bytes.error(), "cannot read a stored value", dir_ + ", key " + key);
    if (!*bytes) return std::nullopt;
    return Secret(std::move(**bytes));
  }

  /// Writing through a link would change what somebody else owns; a rename would cut a mounted
  /// volume off.
  Step<> refuse_link(int dir, const std::string& name) {
    auto info = services_.files.lstat_at(dir, name);
    if (!info && is_absence(info.error())) return {};
    if (!info) return tl::unexpected(Failure{info.error(), "stat"});
    if (S_ISREG(info->st_mode)) return {};
    return tl::unexpected(
        Failure{S_ISLNK(info->st_mode) ? EROFS : EISDIR, "replace a link or directory"});
  }

  Result<bool> set_now(const std::string& key, const Secret& value, bool overwrite) {
    const std::string name = file_name(key);
    const auto lock = lock_writers(dir_ + '\n' + name);
    auto dir = open_directory(services_.files, dir_);
    Step<Stat> info = tl::unexpected(Failure{0, ""});
    if (!dir) {
      info = tl::unexpected(dir.error());
    } else if (auto plain = refuse_link(dir->get(), name); !plain && overwrite) {
      info = tl::unexpected(plain.error());
    } else {
      Replacement how;
      how.create_only = !overwrite;
      info = replace_durably(services_.files, dir->get(), name, value.expose(), how);
    }
    if (info) return true;
    if (!overwrite && info.error().error == EEXIST) return false;
    return fail(info.error(), "cannot store a value", dir_ + ", key " + key);
  }

  Result<bool> remove_now(const std::string& key) {
    const std::string name = file_name(key);
    const auto lock = lock_writers(dir_ + '\n' + name);
    auto dir = open_directory(services_.files, dir_);
    if (!dir) return fail(dir.error(), "cannot remove a stored value", dir_ + ", key " + key);
    auto gone = remove_durably(services_.files, dir->get(), name);
    if (gone) return true;
    if (is_absence(gone.error().error)) return false;
    return fail(gone.error(), "cannot remove a stored value", dir_ + ", key " + key);
  }

  Result<std::vector<std::string>> list_now() {
    auto dir = open_directory(services_.files, dir_);
    if (!dir) return fail(dir.error(), "cannot list the stored values", dir_);
    auto names = services_.files.list(dir->get());
    if (!names) {
      return fail(Failure{names.error(), "list"}, "cannot list the stored values", dir_);
    }
    std::vector<std::string> keys;
    for (const std::string& name : *names) {
      auto key = key_of(name);
      if (key && look_at(services_.files, dir->get(), name)) keys.push_back(std::move(*key));
    }
    std::sort(keys.begin(), keys.end());
    return keys;
  }

  const std::string dir_;
  const Services services_;
};

}  // namespace

Result<KeyValuePtr> open_local_fs(const std::string& dir_path, const std::string& name_space,
                                  Services services) {
  const std::string dir = dir_path + '/' + name_space;
  if (auto made = make_path(services.files, dir); !made) {
    return fail(
        made.error(),
        "cannot open the storage directory " + dir + " (make it, or set another `dir_path`)", dir);
  }
  if (auto opened = open_directory(services.files, dir)) {
    sweep_leftovers(services.files, opened->get(), services.clock.now());
  }
  return std::make_shared<LocalFs>(dir, services);
}

}  // namespace kbs::storage::kv
