#include "storage/transfer/values.h"

#include <algorithm>

namespace kbs::storage::transfer {

awaitable<Result<std::optional<Resource>>> read_if_there(BackendPtr backend, ResourceId id,
                                                         VersionId version) {
  ReadOptions options;
  options.version = std::move(version);
  auto resource = co_await backend->read(std::move(id), std::move(options));
  if (resource) co_return std::optional<Resource>(std::move(*resource));
  if (resource.error().kind == ErrorKind::not_found) co_return std::optional<Resource>();
  co_return tl::unexpected(std::move(resource).error());
}

bool same_expiry(std::optional<SysTime> a, std::optional<SysTime> b, const Capabilities& target) {
  if (!target.expiry) return true;
  if (!a || !b) return a.has_value() == b.has_value();
  return unix_seconds(*a) == unix_seconds(*b);
}

std::optional<std::string> difference(const Resource& a, const Resource& b,
                                      const Capabilities& target) {
  if (!(a.value == b.value)) return "value";
  if (!same_expiry(a.metadata.not_after, b.metadata.not_after, target)) return "expiry";
  return std::nullopt;
}

void ValueTag::take(std::span<const std::byte> piece) {
  // Each piece under the tag of all before it.
  SecretBytes joined(tag_.begin(), tag_.end());
  joined.insert(joined.end(), piece.begin(), piece.end());
  tag_ = crypto::hmac_sha256(key_, joined);
}

Tag value_tag(const Secret& value, const Secret& key) {
  ValueTag tag(key);
  for (auto rest = value.expose(); !rest.empty();) {
    const auto piece = rest.first(std::min(rest.size(), ValueTag::kPiece));
    tag.take(piece);
    rest = rest.subspan(piece.size());
  }
  return tag.tag();
}

awaitable<Result<std::vector<PastValue>>> history_of(BackendPtr backend, ResourceId id,
                                                     std::shared_ptr<const Secret> key) {
  std::vector<PastValue> all;
  ListOptions options;
  do {
    auto page = co_await backend->versions(id, options);
    if (!page && page.error().kind == ErrorKind::not_found) break;
    if (!page) co_return tl::unexpected(std::move(page).error());
    options.cursor = std::move(page->next);
    for (Entry& entry : page->entries) {
      auto read = co_await read_if_there(backend, id, entry.version);
      if (!read) co_return tl::unexpected(std::move(read).error());
      if (!*read) continue;
      const Resource& resource = **read;
      all.push_back({std::move(entry.version), value_tag(resource.value, *key), entry.current,
                     resource.metadata.not_after});
    }
  } while (!options.cursor.empty());
  std::reverse(all.begin(), all.end());
  co_return all;
}

std::optional<std::size_t> first_missing(std::span<const PastValue> have,
                                         std::span<const PastValue> want) {
  const auto same = [](const PastValue& a, const PastValue& b) {
    return crypto::equal_in_constant_time(a.tag, b.tag);
  };
  const auto equal = [&same](std::span<const PastValue> a, std::span<const PastValue> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
  };
  if (have.empty()) return 0;
  if (have.size() > want.size()) {
    if (equal(have.last(want.size()), want)) return want.size();
    return std::nullopt;
  }
  // From the oldest on: where equal values could mean either, rather one too many than one lost.
  for (std::size_t at = 0; at + have.size() <= want.size(); ++at) {
    if (equal(have, want.subspan(at, have.size()))) return at + have.size();
  }
  return std::nullopt;
}

Listing::Listing(Side side, std::string prefix) : side_(std::move(side)) {
  options_.prefix = std::move(prefix);
}

awaitable<Result<std::optional<std::string>>> Listing::next() {
  for (;;) {
    while (at_ < page_.entries.size()) {
      std::string path = std::move(page_.entries[at_++].path);
      const auto id = ResourceId::parse(path);
      if (id && serves(side_, *id)) co_return std::optional<std::string>(std::move(path));
    }
    if (begun_ && options_.cursor.empty()) co_return std::optional<std::string>();
    begun_ = true;
    auto page = co_await side_.backend->list(options_);
    if (!page) co_return tl::unexpected(std::move(page).error());
    page_ = std::move(*page);
    options_.cursor = page_.next;
    at_ = 0;
  }
}

bool serves(const Side& side, const ResourceId& id) { return !side.serves || side.serves(id); }

std::string text_of(const Error& error) {
  return error.detail.empty() ? error.message : error.message + " (" + error.detail + ')';
}

}  // namespace kbs::storage::transfer
