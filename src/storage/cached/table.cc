#include "storage/cached/table.h"

#include <algorithm>
#include <bit>

namespace kbs::storage::cached {
namespace {

using std::chrono::seconds;

/// A shard holds the largest bodies we take, with room to spare.
constexpr std::uint64_t kLeastShard = 4u << 20;
constexpr std::uint64_t kMostShards = 64;
/// List and map nodes, the shared result, what malloc adds.
constexpr std::uint64_t kBookkeeping = 400;
/// How often a backend in trouble is asked while an old value is served.
constexpr seconds kRetry{1};
/// Whoever comes later does not bind its fate to a read that hangs.
constexpr seconds kJoinable{5};

std::size_t shards_for(std::uint64_t bytes) {
  return std::bit_floor(std::clamp<std::uint64_t>(bytes / kLeastShard, 1, kMostShards));
}

std::uint64_t size_of(const std::string& path, const Result<Resource>& answer) {
  const std::uint64_t names = kBookkeeping + path.size();
  if (!answer) return names + answer.error().message.size() + answer.error().detail.size();
  return names + answer->value.size() + answer->version.size() +
         answer->metadata.content_type.size();
}

bool may_pass(ErrorKind kind) {
  return kind == ErrorKind::unavailable || kind == ErrorKind::rate_limited;
}

}  // namespace

Table::Table(const Options& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      shards_(shards_for(options.max_bytes)),
      shard_bytes_(options.max_bytes / shards_.size()) {}

Table::Shard& Table::shard(std::string_view path) {
  // The map takes the low bits of the same hash; these are the high ones.
  constexpr std::uint64_t kSpread = 0x9E3779B97F4A7C15u;
  const std::uint64_t spread = std::hash<std::string_view>{}(path)*kSpread;
  return shards_[(spread >> 32) % shards_.size()];
}

bool Table::is_fresh(const Entry& entry) const {
  const auto ttl = *entry.answer ? options_.ttl : options_.negative_ttl;
  return clock_.steady_now() < entry.asked + ttl;
}

bool Table::may_be_stale(const Entry& entry) const {
  return *entry.answer &&
         clock_.steady_now() < entry.asked + options_.ttl + options_.stale_on_error;
}

bool Table::has_expired(const Answer& answer) const {
  if (!*answer) return false;
  const std::optional<SysTime>& not_after = (*answer)->metadata.not_after;
  return not_after && *not_after < clock_.now();
}

Table::Looked Table::look(const std::string& path) {
  Looked looked;
  Shard& in = shard(path);
  const std::lock_guard guard(in.lock);
  if (const auto found = in.by_path.find(path); found != in.by_path.end()) {
    const Place place = found->second;
    in.entries.splice(in.entries.begin(), in.entries, place);
    if (has_expired(place->answer)) {
      erase(in, place);
    } else if (is_fresh(*place)) {
      looked.answer = place->answer;
      return looked;
    } else if (!may_be_stale(*place)) {
      erase(in, place);
    } else if (clock_.steady_now() < place->retry) {
      looked.answer = place->answer;
      return looked;
    } else {
      looked.stale = true;
    }
  }
  std::shared_ptr<Flight>& flight = in.flights[path];
  const SteadyTime now = clock_.steady_now();
  if (!flight || now >= flight->begun() + kJoinable) {
    flight = std::make_shared<Flight>(now);
    looked.leads = true;
  }
  looked.flight = flight;
  return looked;
}

Answer Table::stale(const std::string& path) {
  Shard& in = shard(path);
  const std::lock_guard guard(in.lock);
  const auto found = in.by_path.find(path);
  if (found == in.by_path.end()) return nullptr;
  Entry& entry = *found->second;
  if (has_expired(entry.answer) || !may_be_stale(entry)) return nullptr;
  entry.retry = clock_.steady_now() + kRetry;
  return entry.answer;
}

void Table::land(const std::string& path, const std::shared_ptr<Flight>& flight,
                 Result<Resource> answer) {
  const Answer shared = std::make_shared<const Result<Resource>>(std::move(answer));
  Shard& in = shard(path);
  {
    const std::lock_guard guard(in.lock);
    const auto found = in.flights.find(path);
    if (found != in.flights.end() && found->second == flight) {
      in.flights.erase(found);
      if (*shared || !may_pass(shared->error().kind)) {
        erase(in, path);
        if (*shared || shared->error().kind == ErrorKind::not_found) {
          keep(in, path, shared, flight->begun());
        }
      }
    }
  }
  flight->land(shared);
}

void Table::give_up(const std::string& path, const std::shared_ptr<Flight>& flight) {
  Shard& in = shard(path);
  {
    const std::lock_guard guard(in.lock);
    const auto found = in.flights.find(path);
    if (found != in.flights.end() && found->second == flight) in.flights.erase(found);
  }
  flight->land(nullptr);
}

void Table::leave(const std::string& path, const std::shared_ptr<Flight>& flight) {
  Shard& in = shard(path);
  const std::lock_guard guard(in.lock);
  if (!flight->abandon()) return;
  const auto found = in.flights.find(path);
  if (found != in.flights.end() && found->second == flight) in.flights.erase(found);
}

void Table::keep(Shard& in, const std::string& path, Answer answer, SteadyTime asked) const {
  const std::uint64_t bytes = size_of(path, *answer);
  if (bytes > shard_bytes_) return;
  Entry entry{path, std::move(answer), asked, SteadyTime(), bytes};
  if (has_expired(entry.answer) || (!is_fresh(entry) && !may_be_stale(entry))) return;
  while (in.bytes + bytes > shard_bytes_) erase(in, std::prev(in.entries.end()));
  in.entries.push_front(std::move(entry));
  in.by_path.emplace(in.entries.front().path, in.entries.begin());
  in.bytes += bytes;
}

void Table::erase(Shard& in, Place place) {
  in.bytes -= place->bytes;
  in.by_path.erase(place->path);
  in.entries.erase(place);  // the value wipes itself when its last reader has copied it
}

void Table::erase(Shard& in, const std::string& path) {
  const auto found = in.by_path.find(path);
  if (found != in.by_path.end()) erase(in, found->second);
}

void Table::drop(const std::string& path) {
  Shard& in = shard(path);
  const std::lock_guard guard(in.lock);
  erase(in, path);
  in.flights.erase(path);
}

void Table::drop_below(std::string_view prefix) {
  if (std::count(prefix.begin(), prefix.end(), '/') == 2 && prefix.back() != '/') {
    return drop(std::string(prefix));
  }
  for (Shard& in : shards_) {
    const std::lock_guard guard(in.lock);
    for (auto place = in.entries.begin(); place != in.entries.end();) {
      const Place here = place++;
      if (here->path.starts_with(prefix)) erase(in, here);
    }
    std::erase_if(in.flights, [&](const auto& f) { return f.first.starts_with(prefix); });
  }
}

std::uint64_t Table::bytes() const {
  std::uint64_t all = 0;
  for (const Shard& in : shards_) {
    const std::lock_guard guard(in.lock);
    all += in.bytes;
  }
  return all;
}

}  // namespace kbs::storage::cached
