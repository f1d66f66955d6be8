#include "storage/encrypted/ledger.h"

#include <algorithm>

namespace kbs::storage::encrypted {
namespace {

std::optional<Seq> shown(const State& state) {
  if (state.kind != State::Kind::live) return std::nullopt;
  return state.seq;
}

/// Changes one entry, where absent is no entry.
void store(std::unordered_map<std::string, State>& map, const std::string& path,
           const State& state) {
  if (state.kind == State::Kind::absent) {
    map.erase(path);
  } else {
    map.insert_or_assign(path, state);
  }
}

State find(const std::unordered_map<std::string, State>& map, const std::string& path) {
  const auto it = map.find(path);
  return it == map.end() ? State{} : it->second;
}

}  // namespace

std::size_t Ledger::hash(const std::string& path) noexcept {
  return std::hash<std::string>()(path);
}
Ledger::Shard& Ledger::shard(const std::string& path) noexcept {
  return shards_[hash(path) % shards_.size()];
}
const Ledger::Shard& Ledger::shard(const std::string& path) const noexcept {
  return shards_[hash(path) % shards_.size()];
}

std::uint64_t Ledger::mark(const std::string& path) const noexcept {
  return shard(path).moment.load();
}

bool Ledger::agrees(const std::string& path, const std::optional<Seq>& seen,
                    std::uint64_t since) const {
  const Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  if (shown(find(at.current, path)) == seen) return true;
  if (const auto it = at.intents.find(path); it != at.intents.end()) {
    for (const Intent& intent : it->second) {
      const auto expected = shown(intent.next);
      if (expected == seen || (seen && expected == kAnySeq)) return true;
    }
  }
  const std::size_t key = hash(path);
  const Seq seq = seen.value_or(Seq{});
  return std::any_of(at.former.begin(), at.former.end(), [&](const Former& former) {
    return former.ended > since && former.path == key && former.seq == seq;
  });
}

View Ledger::view(const std::string& path) const {
  const Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  View view{find(at.current, path), {}};
  if (const auto it = at.intents.find(path); it != at.intents.end()) view.intents = it->second;
  return view;
}

State Ledger::current(const std::string& path) const {
  const Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  return find(at.current, path);
}

void Ledger::announce(const std::string& path, const Intent& intent) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  at.intents[path].push_back(intent);
  ++intents_;
}

void Ledger::confirm(const std::string& path, std::uint64_t number) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto found = at.intents.find(path);
  if (found == at.intents.end()) return;
  const auto intent =
      std::find_if(found->second.begin(), found->second.end(),
                   [&](const Intent& candidate) { return candidate.number == number; });
  if (intent == found->second.end()) return;
  const State next = intent->next;
  move_on(at, path, next);
}

void Ledger::set(const std::string& path, const State& state) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  move_on(at, path, state);
}

/// Under the shard's lock.
void Ledger::move_on(Shard& at, const std::string& path, const State& next) {
  const std::uint64_t moment = at.moment.load() + 1;
  at.former[moment % at.former.size()] =
      Former{hash(path), shown(find(at.current, path)).value_or(Seq{}), moment};
  store(at.current, path, next);
  if (const auto open = at.intents.find(path); open != at.intents.end()) {
    intents_ -= open->second.size();
    at.intents.erase(open);
  }
  at.moment.store(moment);
}

void Ledger::withdraw(const std::string& path, std::uint64_t number) {
  Shard& at = shard(path);
  const std::lock_guard guard(at.lock);
  const auto found = at.intents.find(path);
  if (found == at.intents.end()) return;
  intents_ -=
      std::erase_if(found->second, [&](const Intent& intent) { return intent.number == number; });
  if (found->second.empty()) at.intents.erase(found);
}

std::size_t Ledger::size() const {
  std::size_t count = 0;
  for (const Shard& at : shards_) {
    const std::lock_guard guard(at.lock);
    count += at.current.size();
  }
  return count;
}

std::vector<std::string> Ledger::undecided() const {
  std::vector<std::string> paths;
  for (const Shard& at : shards_) {
    const std::lock_guard guard(at.lock);
    for (const auto& [path, intents] : at.intents) paths.push_back(path);
  }
  return paths;
}

std::vector<std::string> Ledger::all(State::Kind kind) const {
  std::vector<std::string> paths;
  for (const Shard& at : shards_) {
    const std::lock_guard guard(at.lock);
    for (const auto& [path, state] : at.current) {
      if (state.kind == kind) paths.push_back(path);
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Books Ledger::copy() const {
  Books books;
  for (const Shard& at : shards_) {
    const std::lock_guard guard(at.lock);
    books.current.insert(at.current.begin(), at.current.end());
    books.intents.insert(at.intents.begin(), at.intents.end());
  }
  return books;
}

void Ledger::replace(Books books) {
  std::array<Books, 64> parts;
  std::size_t intents = 0;
  while (!books.current.empty()) {
    auto node = books.current.extract(books.current.begin());
    parts[hash(node.key()) % parts.size()].current.insert(std::move(node));
  }
  while (!books.intents.empty()) {
    auto node = books.intents.extract(books.intents.begin());
    intents += node.mapped().size();
    parts[hash(node.key()) % parts.size()].intents.insert(std::move(node));
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Shard& at = shards_[i];
    const std::lock_guard guard(at.lock);
    at.current.swap(parts[i].current);
    at.intents.swap(parts[i].intents);
  }
  intents_.store(intents);
}

void Ledger::take_over(Ledger& other) {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const std::lock_guard guard(shards_[i].lock);
    shards_[i].current.swap(other.shards_[i].current);
    shards_[i].intents.swap(other.shards_[i].intents);
  }
  other.intents_.store(intents_.exchange(other.intents_.load()));
}

}  // namespace kbs::storage::encrypted
