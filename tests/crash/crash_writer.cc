#include "crash/crash_writer.h"

#include <random>
#include <thread>

namespace kbs::crash {
namespace {

using Random = std::mt19937_64;

/// Mostly small, some of several pages, few large.
std::size_t a_length(Random& random) {
  const auto dice = random() % 100;
  if (dice < 70) return 60 + random() % 2000;
  return dice < 97 ? 2000 + random() % 14000 : 16000 + random() % 120000;
}

/// One that the store can be expected to do in this state.
Operation an_operation(Random& random, const KeyState& state, unsigned limit, Journal& journal,
                       bool can_replace) {
  for (;;) {
    const auto dice = random() % 100;
    Verb verb = Verb::write;
    if (dice >= 60) verb = Verb::create;
    if (dice >= 68) verb = Verb::remove;
    if (dice >= 76) verb = Verb::keep;
    if (dice >= 84) verb = Verb::undelete;
    if (dice >= 92) verb = Verb::destroy;
    if (dice >= 96) verb = Verb::replace;
    if (verb == Verb::replace && !can_replace) continue;
    Operation operation{verb, 0};
    if (verb == Verb::write || verb == Verb::create) operation.seq = journal.next_seq();
    if (verb == Verb::replace) operation.seq = journal.next_seq() + kReplacing;
    if (verb == Verb::destroy) operation.seq = 1 + random() % 4;
    if (after(state, operation, limit)) return operation;
  }
}

class Writer {
 public:
  Writer(const Assignment& assignment, OpenStore& store, Journal& journal, unsigned thread)
      : assignment_(assignment),
        store_(store),
        journal_(journal),
        number_(assignment.process * kThreads + thread),
        random_(assignment.seed * 1000 + number_),
        states_(assignment.known) {}

  void run() {
    while (!journal_.stop) {
      const bool shared = random_() % 8 == 0;
      const std::size_t key = shared ? kOwnedKeys + random_() % kSharedKeys : an_own_key();
      if (!one(key, shared)) return;
    }
  }

 private:
  std::size_t an_own_key() {
    const std::size_t writers = assignment_.processes * kThreads;
    const std::size_t mine = (kOwnedKeys - number_ + writers - 1) / writers;
    return number_ + writers * (random_() % mine);
  }

  /// False when the round is over for this thread.
  bool one(std::size_t key, bool shared) {
    KeyState& state = states_[key];
    const unsigned limit = assignment_.shape.versions;
    const Operation operation = shared ? Operation{Verb::write, journal_.next_seq()}
                                       : an_operation(random_, state, limit, journal_,
                                                      store_.backend().capabilities().replace);
    Note* note = journal_.intend(key, operation);
    if (!note) return false;
    auto done = store_.perform(path_of(key), operation, a_length(random_));
    if (!done) {
      const std::string told = std::string(to_string(operation.verb)) + " of " + path_of(key) +
                               " failed: " + describe(done.error());
      journal_.complain(told.c_str());
      return false;
    }
    journal_.acknowledge(*note);
    if (!shared) state = *after(state, operation, limit);
    return true;
  }

  const Assignment& assignment_;
  OpenStore& store_;
  Journal& journal_;
  const unsigned number_;
  Random random_;
  std::vector<KeyState> states_;
};

}  // namespace

std::string path_of(std::size_t key) {
  const std::string repository = "r" + std::to_string(key % 3);
  return repository + "/t" + std::to_string(key % 4) + "/key-" + std::to_string(key);
}

int write_until_killed(const Assignment& assignment, Journal& journal) {
  KillingFiles files(assignment.fail_point, journal.deaths);
  if (assignment.careless) files.be_careless();
  auto store =
      OpenStore::open(assignment.directory, assignment.shape, files, system_clock(), kThreads);
  if (!store) {
    journal.complain(describe(store.error()).c_str());
    return 1;
  }
  ++journal.started;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { Writer(assignment, **store, journal, i).run(); });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace kbs::crash
