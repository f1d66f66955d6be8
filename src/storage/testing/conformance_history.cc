// Recorded histories of concurrent calls, checked for linearizability key by key.
#include <array>
#include <latch>
#include <map>
#include <random>
#include <thread>

#include "storage/testing/conformance.h"
#include "storage/testing/linearizability.h"

namespace kbs::storage::testing {

using kbs::testing::run;

namespace {

constexpr std::size_t kKeys = 3;
constexpr int kThreads = 4;
constexpr int kCalls = 60;

using Histories = std::array<std::vector<Operation>, kKeys>;
using Kind = Operation::Kind;

/// Large or small, all of it follows from `seed`: a torn one is a value that nobody wrote.
std::string value_of(const std::string& seed, std::size_t size) {
  std::string value = seed + '|';
  while (value.size() < size) value += value.substr(0, size - value.size());
  return value;
}

/// One client: draws calls, makes them, and records what came of them.
class Client {
 public:
  Client(Backend& store, Moments& moments, unsigned seed)
      : store_(store), moments_(moments), random_(seed), name_(std::to_string(seed)) {}

  void run_calls() {
    for (int i = 0; i < kCalls; ++i) {
      const std::size_t key = random_() % kKeys;
      Operation op;
      op.kind = draw();
      op.value = value_of(name_ + '.' + std::to_string(i), random_() % 8 == 0 ? 20'000 : 20);
      op.if_version = last_seen_[key];
      if (op.if_version.empty()) op.if_version = "no-such-version";
      call({"line", "key", std::to_string(key)}, op);
      if (!op.version.empty()) last_seen_[key] = op.version;
      histories_[key].push_back(std::move(op));
    }
  }
  Histories& histories() { return histories_; }

 private:
  Kind draw() {
    const Capabilities& can = store_.capabilities();
    for (;;) {
      const unsigned n = random_() % 20;
      if (n < 8) return Kind::read;
      if (n < 11) return Kind::write;
      if (n < 13 && can.compare_and_set) return Kind::create;
      if (n < 17 && can.compare_and_set) return Kind::replace_if;
      if (n < 18 && can.compare_and_set && can.remove) return Kind::remove_if;
      if (n >= 18 && can.remove) return Kind::remove;
    }
  }

  void call(const ResourceId& id, Operation& op) {
    const bool writes =
        op.kind == Kind::write || op.kind == Kind::create || op.kind == Kind::replace_if;
    op.invoked = moments_.next();
    if (op.kind == Kind::read) {
      auto found = run(store_.read(id, ReadOptions()));
      op.responded = moments_.next();
      note(op, found);
      op.value = found ? std::string(found->value.expose_text()) : "";
      op.version = found ? found->version : "";
    } else if (writes) {
      WriteOptions options;
      options.create_only = op.kind == Kind::create;
      if (op.kind == Kind::replace_if) options.if_version = op.if_version;
      auto version = run(store_.write(id, Secret::from_text(op.value), options));
      op.responded = moments_.next();
      note(op, version);
      op.version = version ? *version : "";
    } else {
      RemoveOptions options;
      if (op.kind == Kind::remove_if) options.if_version = op.if_version;
      auto removed = run(store_.remove(id, options));
      op.responded = moments_.next();
      note(op, removed);
    }
    if (op.kind != Kind::replace_if && op.kind != Kind::remove_if) op.if_version.clear();
  }

  template <class R>
  static void note(Operation& op, const R& result) {
    using Outcome = Operation::Outcome;
    if (result) {
      op.outcome = Outcome::ok;
    } else if (result.error().kind == ErrorKind::not_found) {
      op.outcome = Outcome::not_found;
    } else if (result.error().kind == ErrorKind::conflict) {
      op.outcome = Outcome::conflict;
    } else {
      ADD_FAILURE() << describe(result.error());
      op.outcome = Outcome::unknown;
    }
  }

  Backend& store_;
  Moments& moments_;
  std::minstd_rand random_;
  std::string name_;
  std::array<VersionId, kKeys> last_seen_;
  Histories histories_;
};

}  // namespace

TEST_P(Conformance, EachResourceIsLinearizable) {
  if (!can().write) return;
  Moments moments;
  std::vector<Client> clients;
  clients.reserve(kThreads);
  for (unsigned i = 1; i <= kThreads; ++i) clients.emplace_back(backend(), moments, i);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  std::latch together(kThreads);
  for (Client& client : clients) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      client.run_calls();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t key = 0; key < kKeys; ++key) {
    std::vector<Operation> history;
    for (Client& client : clients) {
      for (Operation& op : client.histories()[key]) history.push_back(std::move(op));
    }
    const Verdict verdict = check_linearizable(history);
    EXPECT_EQ(verdict.kind, Verdict::Kind::linearizable) << verdict.why;
  }
}

TEST_P(Conformance, EveryVersionHoldsWhatItsWriterWrote) {
  if (!can().versions) return;
  std::array<std::map<VersionId, std::string>, kThreads> written;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10; ++i) {
        const std::string value = std::to_string(thread) + '.' + std::to_string(i);
        auto version = write(kId, value);
        if (!version) {
          ADD_FAILURE() << describe(version.error());
          return;
        }
        written[static_cast<std::size_t>(thread)][*version] = value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<VersionId, std::string> all;
  for (auto& some : written) all.merge(some);
  EXPECT_EQ(all.size(), 10u * kThreads) << "no two writes got one version";
  const std::vector<Entry> kept = history(kId);
  EXPECT_GE(kept.size(), 2u);
  for (const Entry& entry : kept) EXPECT_EQ(text_of(kId, entry.version), all[entry.version]);
  EXPECT_EQ(text_of(kId), all[kept.at(0).version]);
}

}  // namespace kbs::storage::testing
