#include "storage/transfer/archive.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "resource/resource_id.h"

namespace kbs::storage::transfer {
namespace {

constexpr std::string_view kFormat = "vouchsafe-archive";
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMaxHeader = 64u << 10;

auto refused(const std::string& what) {
  return fail(ErrorKind::invalid_request, "the archive is damaged: " + what);
}

std::int64_t micros(SysTime time) { return time.time_since_epoch().count(); }
SysTime from_micros(std::int64_t count) { return SysTime(std::chrono::microseconds(count)); }

/// Members of one header. What is missing or of the wrong type makes it bad.
class Header {
 public:
  static Result<Header> parse(const std::string& text) {
    KBS_TRY(json::object object, parse_json_object(text, {kMaxHeader, 3, 16}));
    return Header(std::move(object));
  }

  bool has(std::string_view name) const { return object_.contains(name); }
  std::string text(std::string_view name) {
    const auto member = string_member(object_, name);
    good_ = good_ && member.has_value();
    return std::string(member.value_or(""));
  }
  std::int64_t number(std::string_view name) {
    const json::value* member = object_.if_contains(name);
    const std::int64_t* number = member ? member->if_int64() : nullptr;
    good_ = good_ && number != nullptr;
    return number ? *number : 0;
  }
  std::uint64_t count(std::string_view name) {
    const std::int64_t value = number(name);
    good_ = good_ && value >= 0;
    return static_cast<std::uint64_t>(value);
  }
  bool flag(std::string_view name) {
    const json::value* member = object_.if_contains(name);
    const bool* flag = member ? member->if_bool() : nullptr;
    good_ = good_ && flag != nullptr;
    return flag && *flag;
  }
  bool good() const noexcept { return good_; }

 private:
  explicit Header(json::object object) : object_(std::move(object)) {}
  json::object object_;
  bool good_ = true;
};

}  // namespace

Result<> ArchiveWriter::put(std::string_view header) {
  const auto size = static_cast<std::uint32_t>(header.size());
  std::array<std::byte, 4> length{};
  for (std::size_t i = 0; i < 4; ++i) length[i] = static_cast<std::byte>(size >> (24 - 8 * i));
  KBS_OK(sink_(length));
  return sink_(as_bytes(header));
}

Result<> ArchiveWriter::begin(const ArchiveHead& head) {
  const json::object header = {{"format", kFormat},
                               {"version", kVersion},
                               {"created", micros(head.created)},
                               {"prefix", head.prefix},
                               {"history", head.history}};
  return put(to_json(header));
}

Result<> ArchiveWriter::add(const ArchiveEntry& entry, const Secret& value) {
  json::object object = {{"path", entry.path},
                         {"version", entry.version},
                         {"current", entry.current},
                         {"content_type", entry.content_type},
                         {"updated", micros(entry.updated)},
                         {"size", static_cast<std::int64_t>(value.size())}};
  if (entry.not_after) object["not_after"] = micros(*entry.not_after);
  const std::string header = to_json(object);
  if (header.size() > kMaxHeader || value.size() > kMaxArchivedValue) {
    return fail(ErrorKind::too_large, "an archive takes values up to 256 MiB");
  }
  if (counts_.versions == 0 || entry.path != last_path_) ++counts_.resources;
  last_path_ = entry.path;
  ++counts_.versions;
  counts_.bytes += value.size();
  KBS_OK(put(header));
  return sink_(value.expose());
}

Result<> ArchiveWriter::finish() {
  const json::object header = {{"end", true},
                               {"resources", static_cast<std::int64_t>(counts_.resources)},
                               {"versions", static_cast<std::int64_t>(counts_.versions)},
                               {"bytes", static_cast<std::int64_t>(counts_.bytes)}};
  return put(to_json(header));
}

Result<> ArchiveReader::fill(std::span<std::byte> into) {
  while (!into.empty()) {
    KBS_TRY(const std::size_t got, source_(into));
    if (got == 0) return refused("it ends too early");
    into = into.subspan(got);
  }
  return {};
}

Result<std::string> ArchiveReader::header() {
  std::array<std::byte, 4> length{};
  KBS_OK(fill(length));
  std::size_t size = 0;
  for (std::byte b : length) size = size << 8 | std::to_integer<std::size_t>(b);
  if (size > kMaxHeader) return refused("a record's header is too long");
  std::string text(size, '\0');
  KBS_OK(fill(std::as_writable_bytes(std::span(text))));
  return text;
}

Result<ArchiveHead> ArchiveReader::begin() {
  KBS_TRY(const std::string text, header());
  KBS_TRY(Header head, Header::parse(text));
  if (head.text("format") != kFormat) return refused("it is no archive of `kbs storage export`");
  if (head.number("version") != kVersion) {
    return fail(ErrorKind::unsupported, "a newer release wrote the archive: import it with that");
  }
  ArchiveHead out{from_micros(head.number("created")), head.text("prefix"), head.flag("history")};
  if (!head.good()) return refused("its head");
  return out;
}

Result<> ArchiveReader::end(const std::string& text) {
  KBS_TRY(Header trailer, Header::parse(text));
  const ArchiveCounts counts{trailer.count("resources"), trailer.count("versions"),
                             trailer.count("bytes")};
  if (!trailer.flag("end") || !trailer.good() || counts != counts_) {
    return refused("it does not hold what its end says");
  }
  std::array<std::byte, 1> more{};
  KBS_TRY(const std::size_t got, source_(more));  // here the source says whether all was authentic
  if (got != 0) return refused("something follows its end");
  return {};
}

Result<std::optional<ArchiveEntry>> ArchiveReader::next() {
  KBS_TRY(const std::string text, header());
  KBS_TRY(Header record, Header::parse(text));
  if (record.has("end")) {
    KBS_OK(end(text));
    return std::nullopt;
  }
  ArchiveEntry entry;
  entry.path = record.text("path");
  entry.version = record.text("version");
  entry.current = record.flag("current");
  entry.content_type = record.text("content_type");
  entry.updated = from_micros(record.number("updated"));
  if (record.has("not_after")) entry.not_after = from_micros(record.number("not_after"));
  entry.size = record.count("size");
  if (!record.good() || entry.size > kMaxArchivedValue || !ResourceId::parse(entry.path)) {
    return refused("a record's header");
  }
  if (counts_.versions == 0 || entry.path != last_path_) ++counts_.resources;
  last_path_ = entry.path;
  ++counts_.versions;
  counts_.bytes += entry.size;
  left_ = entry.size;
  return entry;
}

Result<Secret> ArchiveReader::value() {
  SecretBytes bytes(left_);
  left_ = 0;
  KBS_OK(fill(bytes));
  return Secret(std::move(bytes));
}

Result<> ArchiveReader::value(const std::function<void(std::span<const std::byte>)>& take) {
  SecretBytes piece(std::min<std::uint64_t>(left_, kArchivePiece));
  while (left_ > 0) {
    const auto part = std::span(piece).first(std::min<std::uint64_t>(left_, kArchivePiece));
    KBS_OK(fill(part));
    left_ -= part.size();
    take(part);
  }
  return {};
}

}  // namespace kbs::storage::transfer
