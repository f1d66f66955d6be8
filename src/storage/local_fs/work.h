#pragma once
/// What a changing operation knows of its resource while it holds the locks.

#include <mutex>
#include <optional>
#include <vector>

#include "storage/local_fs/store.h"

namespace kbs::storage::local_fs {

struct Store::Work {
  /// The file that readers get.
  struct Served {
    std::size_t root;
    Layout layout;
    Stat info;
    std::optional<std::size_t> copy;  ///< in `copies`
  };

  std::unique_lock<std::mutex> stripe;
  ProcessLock lock;
  Directory root;  ///< the first one
  std::vector<Copy> copies{};
  std::optional<Served> served{};
  std::optional<History> history{};  ///< none when nothing is kept

  const Copy* served_copy() const noexcept {
    return served && served->copy ? &copies[*served->copy] : nullptr;
  }
};

tl::unexpected<Error> in_the_way(const Copy& copy, const Names& names);
inline const std::string& last_name(Layout layout, const Names& names) noexcept {
  return layout == Layout::tree ? names.tag : names.flat;
}

/// The resource changed under our hands, by hands that know no locks: look again.
inline bool is_changed(int error) noexcept { return error == EAGAIN || error == ENOENT; }
inline constexpr int kAttempts = 32;

}  // namespace kbs::storage::local_fs
