// Listings: names come from the backend, all else from the manifest or the heads of the envelopes.
#include "storage/encrypted/store.h"

namespace kbs::storage::encrypted {

namespace {

/// Where a listing goes on: the backend's cursor, and the last path that was given of what lies
/// behind it. Our own records lie among the others, so that a page of ours may end within one of
/// the backend's.
struct Place {
  std::string inner;
  std::string after;
};
std::string write_cursor(const Place& place) { return place.after + ' ' + place.inner; }
Result<Place> parse_cursor(const std::string& cursor) {
  if (cursor.empty()) return Place{};
  const std::size_t space = cursor.find(' ');
  if (space == std::string::npos) {
    return fail(ErrorKind::invalid_request, "the cursor is not one of this listing");
  }
  return Place{cursor.substr(space + 1), cursor.substr(0, space)};
}

bool is_own(const Entry& entry) {
  return entry.path.starts_with(std::string(kOwnRepository) + '/');
}

}  // namespace

awaitable<Result<Page>> Store::list(ListOptions options) {
  KBS_CO_OK(check(options));
  if (!can_.list) co_return co_await Backend::list(std::move(options));
  KBS_CO_TRY(Place place, parse_cursor(options.cursor));
  Page page;
  std::size_t ask = options.limit;
  for (;;) {
    ListOptions inner_options{options.prefix, ask, place.inner};
    KBS_CO_TRY(Page found, co_await inner_->list(std::move(inner_options)));
    for (Entry& entry : found.entries) {
      // Thousands of our own records are passed in a few steps.
      if (is_own(entry)) ask = 1000;
      if (is_own(entry) || entry.path <= place.after) continue;
      if (page.entries.size() == options.limit) {
        page.next = write_cursor(place);
        co_return page;
      }
      place.after = entry.path;
      KBS_CO_TRY(const bool shown, co_await describe_entry(entry));
      if (shown) page.entries.push_back(std::move(entry));
    }
    if (found.next.empty()) co_return page;
    place.inner = std::move(found.next);
    if (page.entries.size() == options.limit) {
      page.next = write_cursor(place);
      co_return page;
    }
  }
}

/// Turns the backend's line into ours; false when it is not to be seen.
awaitable<Result<bool>> Store::describe_entry(Entry& entry) {
  State state;
  if (journal_) {
    state = journal_->ledger().current(entry.path);
  } else {
    auto id = ResourceId::parse(entry.path);
    if (!id) co_return false;
    const ResourceId name = std::move(*id);
    auto stored = co_await inner_->read(name, ReadOptions{});
    if (!stored && stored.error().kind == ErrorKind::not_found) co_return false;
    if (!stored) co_return tl::unexpected(std::move(stored).error());
    if (auto envelope = parse_envelope(stored->value.expose())) {
      state = state_of(*envelope);
      entry.version = stored->version;
      entry.metadata.content_type = envelope->bound.content_type;
    }
  }
  if (expired(state)) co_return false;
  if (state.kind != State::Kind::live) {
    // Not encrypted, foreign, or just now being written: somebody should see that it is there.
    entry.version = write_version(std::nullopt, entry.version);
    co_return true;
  }
  entry.version = write_version(state.seq, entry.version);
  entry.metadata.size = state.size;
  entry.metadata.not_after = state.expiry();
  co_return true;
}

awaitable<Result<Page>> Store::versions(ResourceId id, ListOptions options) {
  KBS_CO_OK(admit(id));
  KBS_CO_OK(check(options));
  if (!can_.versions) co_return co_await Backend::versions(std::move(id), std::move(options));
  KBS_CO_TRY(Page page, co_await inner_->versions(id, std::move(options)));
  for (Entry& entry : page.entries) KBS_CO_OK(co_await describe_version(id, entry));
  co_return page;
}

/// From the head of the envelope, unread and so unproved; reading the version proves it.
awaitable<Result<>> Store::describe_version(const ResourceId& id, Entry& entry) {
  auto stored = co_await inner_->read(id, ReadOptions{entry.version});
  if (!stored && stored.error().kind != ErrorKind::not_found) {
    co_return tl::unexpected(std::move(stored).error());
  }
  // Destroyed meanwhile; or of a deleted resource, whose versions are listed but not served.
  std::optional<Envelope> envelope;
  if (stored) {
    if (auto parsed = parse_envelope(stored->value.expose())) envelope.emplace(std::move(*parsed));
  }
  if (!envelope) {
    entry.version = write_version(std::nullopt, entry.version);
    co_return Result<>();
  }
  entry.version = write_version(envelope->bound.seq, entry.version);
  entry.metadata.size = envelope->value_bytes();
  entry.metadata.content_type = envelope->bound.content_type;
  entry.metadata.not_after = envelope->bound.not_after;
  if (expired(state_of(*envelope))) entry.current = false;
  co_return Result<>();
}

}  // namespace kbs::storage::encrypted
