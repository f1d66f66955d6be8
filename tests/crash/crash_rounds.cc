// crash_rounds [--rounds N] [--seed N] [--dir DIR] [--disk DIR]: kills writers, looks at what they
// left, and goes on from there. --dir is where the stores lie (in memory, best), --disk another
// place for one store in eight. The last line is "N passed, N failed, N skipped": rounds, and the
// failpoints that must have been hit.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

#include "base/log.h"
#include "crash/crash_check.h"

namespace kbs::crash {
namespace {

using std::chrono::microseconds, std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr unsigned kRoundsPerStore = 20;
constexpr milliseconds kStart{20'000};  ///< a store with a long history, on a busy machine
constexpr milliseconds kFailPointPatience{60};
constexpr milliseconds kStop{20'000};

struct Settings {
  unsigned rounds = 200;
  std::uint64_t seed = 1;
  std::string dir = "/dev/shm";
  std::string disk;
};

/// Every store in its turn: both layouts, histories of all lengths, one process and two.
struct Plan {
  Shape shape;
  unsigned processes;
};
constexpr Plan kPlans[] = {{{false, 3, false}, 1}, {{true, 3, false}, 1}, {{false, 10, false}, 2},
                           {{false, 0, false}, 1}, {{true, 0, false}, 2}, {{false, 1, false}, 2}};

struct Child {
  pid_t pid = -1;
  bool gone = false;

  /// Whether it has ended within `limit`; then `status` tells how.
  bool wait(milliseconds limit, int* status = nullptr) {
    const auto deadline = Steady::now() + limit;
    for (;;) {
      int how = 0;
      if (!gone && ::waitpid(pid, &how, WNOHANG) == pid) {
        gone = true;
        if (status) *status = how;
      }
      if (gone || Steady::now() >= deadline) return gone;
      std::this_thread::sleep_for(microseconds{200});
    }
  }
  void kill() {
    if (gone) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    gone = true;
  }
};

class Rounds {
 public:
  explicit Rounds(Settings settings)
      : settings_(std::move(settings)),
        random_(settings_.seed),
        journal_(shared_memory<Journal>()) {}
  ~Rounds() { forget_store(); }

  int run() {
    for (unsigned round = 0; round < settings_.rounds; ++round) {
      if (round % kRoundsPerStore == 0 || directory_.empty()) new_store();
      const std::string wrong = one(round, a_fail_point(round));
      if (wrong.empty()) {
        ++passed_;
        continue;
      }
      ++failed_;
      std::printf("FAIL round %u (seed %llu, %s, %s): %s\n     the store is in %s\n", round,
                  static_cast<unsigned long long>(settings_.seed), describe(plan_.shape).c_str(),
                  how_.c_str(), wrong.c_str(), directory_.c_str());
      std::fflush(stdout);
      directory_.clear();  // kept for whoever looks into it
    }
    report_deaths();
    check_the_check();
    std::printf("%zu operations were acknowledged, %u processes killed\n", acknowledged_, killed_);
    std::printf("%u passed, %u failed, 0 skipped\n", passed_, failed_);
    return failed_ == 0 ? 0 : 1;
  }

 private:
  void new_store() {
    forget_store();
    plan_ = kPlans[stores_ % std::size(kPlans)];
    const bool on_disk = !settings_.disk.empty() && stores_ % 8 == 7;
    ++stores_;
    std::string name = (on_disk ? settings_.disk : settings_.dir) + "/kbs-crash-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    directory_ = name;
    known_.assign(kKeys, {});
  }

  void forget_store() {
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
    directory_.clear();
  }

  FailPoint a_fail_point(unsigned round) {
    // Each point in its turn, and as many deaths again at no particular place.
    constexpr unsigned kKinds = kPoints - 1;
    if (round % 2 == 1) return {};
    const unsigned turn = round / 2;
    const auto point = static_cast<Point>(1 + turn % kKinds);
    const unsigned moments = point == Point::write ? 3 : 2;
    const auto when = static_cast<When>(turn / kKinds % moments);
    return {point, when, static_cast<unsigned>(1 + random_() % 12)};
  }

  Child start(unsigned process, const FailPoint& at, std::uint64_t seed) {
    const Assignment assignment{directory_ + "/repository",
                                plan_.shape,
                                at,
                                careless_,
                                seed,
                                process,
                                plan_.processes,
                                known_};
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("cannot fork");
    if (pid == 0) ::_exit(write_until_killed(assignment, *journal_));
    return {pid};
  }

  bool all_started(Child& victim) const {
    const auto deadline = Steady::now() + kStart;
    while (journal_->started < plan_.processes && Steady::now() < deadline) {
      if (journal_->complaint()[0] != '\0' || victim.wait(milliseconds{0})) return false;
      std::this_thread::sleep_for(microseconds{100});
    }
    return true;
  }

  /// "" or what went wrong.
  std::string one(unsigned round, const FailPoint& at) {
    journal_->clear();
    const bool chosen = at.point != Point::none;
    how_ = chosen ? std::string(to_string(at.when)) + ' ' + std::string(to_string(at.point)) +
                        " number " + std::to_string(at.nth)
                  : "killed from outside";
    const std::uint64_t seed = settings_.seed * 1'000'003 + round;
    Child victim = start(0, at, seed);
    Child other;
    if (plan_.processes == 2) other = start(1, {}, seed);
    const bool started = all_started(victim);
    if (started && chosen) {
      (void)victim.wait(
          kFailPointPatience);  // a point that never comes is no reason to wait for long
    } else if (started) {
      std::this_thread::sleep_for(microseconds{random_() % 15'000});
    }
    const bool complained = journal_->complaint()[0] != '\0';
    victim.kill();
    ++killed_;
    std::string wrong = plan_.processes == 2 ? end(other) : "";
    acknowledged_ += journal_->acknowledged();
    if (complained) return journal_->complaint();
    if (wrong.empty()) wrong = journal_->complaint();
    if (!wrong.empty()) return wrong;
    return check_after_crash(directory_ + "/repository", plan_.shape, *journal_, known_);
  }

  /// The process that nobody killed: it works on for a moment, and ends when asked to.
  std::string end(Child& other) {
    const bool cruel = random_() % 2 == 0;
    std::this_thread::sleep_for(milliseconds{2});
    journal_->stop = true;
    if (cruel) {
      other.kill();
      ++killed_;
      return "";
    }
    int status = 0;
    if (!other.wait(kStop, &status)) {
      other.kill();
      return "the other process hangs";
    }
    return status == 0 ? "" : "the other process ended with " + std::to_string(status);
  }

  /// Where they died, and where they should have, given enough rounds.
  void report_deaths() {
    const bool enough = settings_.rounds >= 200;
    for (std::size_t point = 1; point < kPoints; ++point) {
      for (std::size_t when = 0; when < 3; ++when) {
        if (when == 2 && static_cast<Point>(point) != Point::write) continue;
        const unsigned count = journal_->deaths[point][when];
        const std::string name = std::string(to_string(static_cast<When>(when))) + ' ' +
                                 std::string(to_string(static_cast<Point>(point)));
        std::printf("%4u deaths %s\n", count, name.c_str());
        if (!enough) continue;
        if (count == 0) std::printf("FAIL nobody ever died %s\n", name.c_str());
        ++(count == 0 ? failed_ : passed_);
      }
    }
  }

  /// Writers that rewrite values in place, killed in the middle of it: this must be seen.
  void check_the_check() {
    new_store();
    careless_ = true;
    bool seen = false;
    for (unsigned round = 0; round < 5 && !seen; ++round) {
      seen = !one(settings_.rounds + round, {Point::rename, When::before, 20 + round}).empty();
    }
    if (!seen) std::printf("FAIL values torn on purpose are not seen\n");
    ++(seen ? passed_ : failed_);
  }

  const Settings settings_;
  std::mt19937_64 random_;
  const std::shared_ptr<Journal> journal_;
  Plan plan_ = kPlans[0];
  std::string directory_;
  std::vector<KeyState> known_;
  std::string how_;
  bool careless_ = false;
  unsigned stores_ = 0, passed_ = 0, failed_ = 0, killed_ = 0;
  std::size_t acknowledged_ = 0;
};

bool parse(int argc, char** argv, Settings& settings) {
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) return false;
    const char* value = argv[i + 1];
    if (name == "--rounds") {
      settings.rounds = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
    } else if (name == "--seed") {
      settings.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--dir") {
      settings.dir = value;
    } else if (name == "--disk") {
      settings.disk = value;
    } else {
      return false;
    }
  }
  return settings.rounds > 0;
}

}  // namespace
}  // namespace kbs::crash

int main(int argc, char** argv) {
  kbs::crash::Settings settings;
  if (::access(settings.dir.c_str(), W_OK) != 0) {
    settings.dir = std::filesystem::temp_directory_path().string();
  }
  if (!kbs::crash::parse(argc, argv, settings) || !kbs::configure_log("error")) {
    std::fprintf(stderr, "usage: crash_rounds [--rounds N] [--seed N] [--dir DIR] [--disk DIR]\n");
    return 2;
  }
  return kbs::crash::Rounds(settings).run();
}
