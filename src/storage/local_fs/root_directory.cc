#include "storage/local_fs/root_directory.h"

namespace kbs::storage::local_fs {

Step<Directory> RootDirectory::open(FileOps& files) {
  // While we hold it open, nobody else can have its inode number.
  auto now = files.lstat_at(AT_FDCWD, path_);
  const bool direct = now && S_ISDIR(now->st_mode);  // a link's target is not told by its own stat
  if (direct) {
    const std::lock_guard guard(lock_);
    if (kept_.dir && kept_.device == now->st_dev && kept_.inode == now->st_ino) return kept_.dir;
  }
  auto opened = open_directory(files, path_);
  if (!opened) return tl::unexpected(opened.error());
  auto dir = std::make_shared<const Fd>(std::move(*opened));
  if (!direct) return dir;
  auto info = files.fstat(dir->get());
  if (!info) return tl::unexpected(Failure{info.error(), "stat the store's directory"});
  const std::lock_guard guard(lock_);
  kept_ = {dir, info->st_dev, info->st_ino};
  return dir;
}

}  // namespace kbs::storage::local_fs
