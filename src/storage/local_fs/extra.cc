#include "storage/local_fs/extra.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace kbs::storage::local_fs {
namespace {

constexpr std::size_t kMaxContentType = 1000;

bool is_plain(std::string_view text) noexcept {
  return text.size() <= kMaxContentType &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// The line at the front, taken off; nullopt when it does not end.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// "kbs1 1785700000.123456789 42"
std::string binding(const Stat& info) {
  char text[96];
  std::snprintf(text, sizeof text, "%lld.%09ld %lld", static_cast<long long>(info.st_mtim.tv_sec),
                info.st_mtim.tv_nsec, static_cast<long long>(info.st_size));
  return text;
}

enum class Bound { yes, no, damaged };
/// Whether `line`, of whatever version, names the file of `info`.
Bound bound_to(std::string_view line, const Stat& info) {
  const std::size_t space = line.find(' ');
  if (!line.starts_with("kbs") || space == std::string_view::npos) return Bound::damaged;
  if (!number<unsigned>(line.substr(3, space - 3))) return Bound::damaged;
  const std::string_view rest = line.substr(space + 1);
  const std::size_t dot = rest.find('.');
  const std::size_t gap = rest.find(' ');
  if (dot == std::string_view::npos || gap == std::string_view::npos || gap != dot + 10 ||
      !number<std::int64_t>(rest.substr(0, dot)) ||
      !number<std::uint32_t>(rest.substr(dot + 1, 9)) ||
      !number<std::uint64_t>(rest.substr(gap + 1))) {
    return Bound::damaged;
  }
  return rest == binding(info) ? Bound::yes : Bound::no;
}

tl::unexpected<Failure> damaged() {
  return tl::unexpected(Failure{EBADMSG, "understand the extended attribute"});
}

}  // namespace

std::string encode(const Extra& extra, const Stat& info) {
  std::string text = "kbs1 " + binding(info) + '\n';
  if (extra.not_after) {
    text += "expires " + std::to_string(extra.not_after->time_since_epoch().count()) + '\n';
  }
  if (!extra.content_type.empty() && is_plain(extra.content_type)) {
    text += "type " + extra.content_type + '\n';
  }
  return text + "end\n";
}

Step<Extra> decode(std::string_view text, const Stat& info) {
  const auto first = take_line(text);
  const Bound bound = first ? bound_to(*first, info) : Bound::damaged;
  if (bound == Bound::no) return Extra();
  if (bound == Bound::damaged || !first->starts_with("kbs1 ")) return damaged();
  Extra extra;
  for (auto line = take_line(text); line; line = take_line(text)) {
    if (*line == "end") {
      if (!text.empty()) break;
      return extra;
    }
    if (line->starts_with("expires ")) {
      const auto micros = number<std::int64_t>(line->substr(8));
      if (!micros || extra.not_after) break;
      extra.not_after = SysTime{std::chrono::microseconds(*micros)};
    } else if (line->starts_with("type ") && extra.content_type.empty()) {
      extra.content_type = line->substr(5);
      if (!is_plain(extra.content_type)) break;
    } else {
      break;
    }
  }
  return damaged();
}

Step<Extra> extra_of(FileOps& files, const OpenFile& file) {
  auto text = files.get_attribute(file.fd.get(), kAttribute);
  if (text) return decode(*text, file.info);
  switch (text.error()) {
    case ENODATA:
    case EOPNOTSUPP:
    case ENOSYS:
      return Extra();
    case ERANGE:  // longer than any of ours
      return damaged();
    default:
      return tl::unexpected(Failure{text.error(), "read the extended attribute"});
  }
}

Step<> give_extra(FileOps& files, int fd, const Extra& extra, const Stat& info) {
  if (!extra.not_after && (extra.content_type.empty() || !is_plain(extra.content_type))) return {};
  auto set = files.set_attribute(fd, kAttribute, encode(extra, info));
  if (set || !extra.not_after) return {};
  return tl::unexpected(Failure{set.error(), "write the extended attribute"});
}

}  // namespace kbs::storage::local_fs
