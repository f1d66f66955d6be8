#include "storage/kv/revisions.h"

#include <charconv>

namespace kbs::storage::kv {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

Revisions::State Revisions::state_of(const Stat& info) noexcept {
  return {info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec, info.st_ino, info.st_size};
}

void Revisions::seen(const Stat& info) {
  const State state = state_of(info);
  if (state == last_) return;
  // What the others changed, and how often, we cannot know: every key may be another.
  ours_.clear();
  found_ = state.moment;
  last_ = state;
}

void Revisions::wrote(const std::string& key, const Stat& info) {
  last_ = state_of(info);
  ours_[key] = last_.moment;
}

void Revisions::dropped(const std::string& key, const Stat& info) {
  last_ = state_of(info);
  ours_.erase(key);
}

Revisions::Moment Revisions::since(std::string_view key) const {
  const auto it = ours_.find(key);
  return it == ours_.end() ? found_ : it->second;
}

VersionId Revisions::id_of(std::string_view key) const { return std::to_string(since(key)); }

bool Revisions::is_at(std::string_view key, const VersionId& version) const {
  Moment moment{};
  const char* end = version.data() + version.size();
  const auto parsed = std::from_chars(version.data(), end, moment);
  if (parsed.ec != std::errc() || parsed.ptr != end || std::to_string(moment) != version) {
    return false;
  }
  // Unchanged from `since` to the last revision: an id from anywhere between means this value.
  return since(key) <= moment && moment <= last_.moment;
}

SysTime Revisions::updated(std::string_view key) const {
  return SysTime(
      std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds(since(key))));
}

timespec Revisions::last_time() const noexcept {
  Moment seconds = last_.moment / kSecond;
  if (seconds * kSecond > last_.moment) --seconds;  // before 1970
  if (last_.moment == INT64_MIN) return {0, 0};
  return {seconds, last_.moment - seconds * kSecond};
}

}  // namespace kbs::storage::kv
