#include "storage/local_fs/paths.h"

#include <algorithm>
#include <utility>

#include "storage/local_fs/names.h"

namespace kbs::storage::local_fs {
namespace {

using NamesPtr = std::shared_ptr<const SortedNames>;

/// What a level of a tree still has to look for: the rest of the prefix and of the cursor.
struct Bounds {
  std::string prefix;
  std::string after;

  /// Whether all of `directory/` lies before the cursor.
  bool is_past(const std::string& directory) const {
    return directory < after && !after.starts_with(directory);
  }
  bool is_before_prefix(const std::string& directory) const {
    return directory < prefix && !prefix.starts_with(directory);
  }
  bool matches(const std::string& directory) const {
    return directory.starts_with(prefix) || prefix.starts_with(directory);
  }
  Bounds below(const std::string& directory) const {
    const auto rest = [&](const std::string& text) {
      return text.starts_with(directory) ? text.substr(directory.size()) : std::string();
    };
    return {rest(prefix), rest(after)};
  }
};

std::size_t first_directory(const std::vector<std::string>& names, const Bounds& bounds) {
  const auto at = std::partition_point(names.begin(), names.end(), [&](const std::string& each) {
    return bounds.is_past(each) || bounds.is_before_prefix(each);
  });
  return static_cast<std::size_t>(at - names.begin());
}

/// The first full name after the cursor that begins with the prefix.
std::size_t first_name(const std::vector<std::string>& names, const Bounds& bounds) {
  const auto at = bounds.after < bounds.prefix
                      ? std::lower_bound(names.begin(), names.end(), bounds.prefix)
                      : std::upper_bound(names.begin(), names.end(), bounds.after);
  return static_cast<std::size_t>(at - names.begin());
}

class FlatSource final : public PathSource {
 public:
  FlatSource(std::size_t root, Directory dir, NamesPtr names, Bounds bounds)
      : root_(root), dir_(std::move(dir)), names_(std::move(names)), bounds_(std::move(bounds)) {
    next_ = first_name(names_->flat, bounds_);
  }
  Step<bool> advance() override {
    if (next_ == names_->flat.size()) return false;
    path_ = names_->flat[next_++];
    return path_.starts_with(bounds_.prefix);
  }
  Hit hit() const override {
    return {root_, Layout::flat, dir_->get(), Names(*ResourceId::parse(path_)).flat};
  }

 private:
  const std::size_t root_;
  const Directory dir_;
  const NamesPtr names_;
  const Bounds bounds_;
  std::size_t next_ = 0;
};

/// One directory on the way down.
struct Level {
  std::string above;  ///< its path with a slash, "" for the root
  Bounds bounds;
  NamesPtr names;
  std::size_t next = 0;
};

class TreeSource final : public PathSource {
 public:
  TreeSource(FileOps& files, NameCache& cache, std::size_t root, Directory dir, NamesPtr names,
             Bounds bounds)
      : files_(files), cache_(cache), root_(root), dir_(std::move(dir)) {
    const std::size_t first = first_directory(names->segments, bounds);
    levels_.push_back({"", std::move(bounds), std::move(names), first});
  }

  Step<bool> advance() override {
    while (!levels_.empty()) {
      Level& level = levels_.back();
      const auto& names = level.names->segments;
      const bool tags = levels_.size() == 3;
      if (level.next == names.size() || !matches(level, names[level.next], tags)) {
        levels_.pop_back();
        continue;
      }
      const std::string& name = names[level.next++];
      if (tags) {
        tag_ = name;
        path_ = level.above + name;
        return true;
      }
      if (auto entered = enter(name); !entered) return tl::unexpected(entered.error());
    }
    return false;
  }
  Hit hit() const override { return {root_, Layout::tree, type_.get(), tag_}; }

 private:
  static bool matches(const Level& level, const std::string& name, bool tag) {
    return tag ? name.starts_with(level.bounds.prefix) : level.bounds.matches(name);
  }

  Step<> enter(const std::string& name) {
    const Level& level = levels_.back();
    std::string path = level.above + name;
    Bounds bounds = level.bounds.below(name);
    auto dir =
        files_.open_beneath(dir_->get(), path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (!dir && is_skipped(dir.error())) return {};
    if (!dir) return tl::unexpected(Failure{dir.error(), "open a directory"});
    const bool tags = levels_.size() == 2;
    auto names = cache_.names(files_, dir->get(), tags ? Order::tags : Order::directories);
    if (!names) return tl::unexpected(names.error());
    const std::size_t first =
        tags ? first_name((*names)->segments, bounds) : first_directory((*names)->segments, bounds);
    if (tags) type_ = std::move(*dir);
    levels_.push_back({std::move(path), std::move(bounds), std::move(*names), first});
    return {};
  }

  FileOps& files_;
  NameCache& cache_;
  const std::size_t root_;
  const Directory dir_;
  std::vector<Level> levels_;
  Fd type_;
  std::string tag_;
};

Bounds bounds_of(std::string_view prefix, std::string_view after) {
  return {std::string(prefix), std::string(after)};
}

}  // namespace

bool is_skipped(int error) noexcept { return is_absence(error) || is_foreign(error); }

std::unique_ptr<PathSource> flat_source(std::size_t root, Directory dir,
                                        std::shared_ptr<const SortedNames> names,
                                        std::string_view prefix, std::string_view after) {
  return std::make_unique<FlatSource>(root, std::move(dir), std::move(names),
                                      bounds_of(prefix, after));
}

std::unique_ptr<PathSource> tree_source(FileOps& files, NameCache& cache, std::size_t root,
                                        Directory dir, std::shared_ptr<const SortedNames> names,
                                        std::string_view prefix, std::string_view after) {
  return std::make_unique<TreeSource>(files, cache, root, std::move(dir), std::move(names),
                                      bounds_of(prefix, after));
}

Step<> Paths::add(std::unique_ptr<PathSource> source) {
  auto more = source->advance();
  if (!more) return tl::unexpected(more.error());
  if (*more) sources_.push_back(std::move(source));
  return {};
}

Step<std::optional<std::string>> Paths::next(std::vector<Hit>& hits) {
  hits.clear();
  // Backwards, so that those which end can go without moving those yet to advance.
  for (; !told_.empty(); told_.pop_back()) {
    auto more = sources_[told_.back()]->advance();
    if (!more) return tl::unexpected(more.error());
    if (!*more) sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(told_.back()));
  }
  if (sources_.empty()) return std::nullopt;
  const auto least =
      std::min_element(sources_.begin(), sources_.end(),
                       [](const auto& a, const auto& b) { return a->path() < b->path(); });
  std::string path = (*least)->path();
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i]->path() != path) continue;
    told_.push_back(i);
    hits.push_back(sources_[i]->hit());
  }
  return path;
}

}  // namespace kbs::storage::local_fs
