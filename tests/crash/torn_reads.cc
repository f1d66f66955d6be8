// torn_reads [--overwrites N] [--dir DIR]: two processes overwrite the resources of one directory,
// with values of up to a mebibyte, while both read them. No reader may ever see anything but one
// whole value. The last line is "N passed, N failed, N skipped".
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

#include "base/log.h"
#include "base/run.h"
#include "crash/journal.h"
#include "crash/store.h"

namespace kbs::crash {
namespace {

constexpr std::size_t kKeys = 6;
constexpr unsigned kProcesses = 2;
constexpr unsigned kWriters = 2;  ///< in each process
constexpr unsigned kReaders = 2;

/// What all processes count together.
struct Tally {
  std::atomic<std::uint64_t> next{0}, overwrites{0}, reads{0}, large{0};
  std::atomic<unsigned> writers{kProcesses * kWriters};
};

std::string path_of(std::size_t key) { return "torn/reads/" + std::to_string(key); }

/// Mostly a few kilobytes; one in fifty anything up to the largest.
std::size_t a_length(std::mt19937_64& random) {
  const std::size_t small = 60 + random() % 6000;
  return random() % 50 == 0 ? small + random() % ((1u << 20) - 6000) : small;
}

class Process {
 public:
  Process(OpenStore& store, Tally& tally, Journal& journal, std::uint64_t overwrites)
      : store_(store), tally_(tally), journal_(journal), overwrites_(overwrites) {}

  void write(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (Seq seq; (seq = ++tally_.next) <= overwrites_ && journal_.complaint()[0] == '\0';) {
      const std::string path = path_of(random() % kKeys);
      auto done = store_.perform(path, {Verb::write, seq}, a_length(random));
      if (!done) complain(path + " cannot be written: " + describe(done.error()));
      ++tally_.overwrites;
    }
    --tally_.writers;
  }

  void read(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (tally_.writers > 0) {
      const std::string path = path_of(random() % kKeys);
      auto resource = run_to_end(store_.backend().read(*ResourceId::parse(path), {}));
      if (!resource) {
        complain(path + " cannot be read: " + describe(resource.error()));
        continue;
      }
      if (!seq_of(path, resource->value.expose_text())) {
        complain(path + " is torn: " + std::to_string(resource->value.size()) + " bytes");
      }
      ++tally_.reads;
      if (resource->value.size() > 100'000) ++tally_.large;
    }
  }

 private:
  void complain(const std::string& text) { journal_.complain(text.c_str()); }

  OpenStore& store_;
  Tally& tally_;
  Journal& journal_;
  const std::uint64_t overwrites_;
};

int work(const std::string& directory, Tally& tally, Journal& journal, std::uint64_t overwrites,
         unsigned number) {
  auto store = OpenStore::open(directory, Shape{}, system_files(), system_clock(), kWriters);
  if (!store) {
    journal.complain(describe(store.error()).c_str());
    return 1;
  }
  Process process(**store, tally, journal, overwrites);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] { process.write(number * 100 + i); });
  }
  for (unsigned i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] { process.read(number * 100 + 50 + i); });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

bool run(const std::string& directory, std::uint64_t overwrites) {
  const auto journal = shared_memory<Journal>();
  const auto tally = shared_memory<Tally>();
  {
    auto store = OpenStore::open(directory, Shape{}, system_files(), system_clock());
    if (!store) throw std::runtime_error(describe(store.error()));
    for (std::size_t key = 0; key < kKeys; ++key) {
      auto done = (*store)->perform(path_of(key), {Verb::write, ++tally->next});
      if (!done) throw std::runtime_error(describe(done.error()));
    }
  }
  std::vector<pid_t> children;
  for (unsigned i = 0; i < kProcesses; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(work(directory, *tally, *journal, overwrites + kKeys, i));
    children.push_back(pid);
  }
  bool good = true;
  for (const pid_t pid : children) {
    int status = 0;
    good = ::waitpid(pid, &status, 0) == pid && status == 0 && good;
  }
  std::printf("%lu overwrites by %u processes, %lu reads, %lu of them over 100 kB\n",
              static_cast<unsigned long>(tally->overwrites), kProcesses,
              static_cast<unsigned long>(tally->reads), static_cast<unsigned long>(tally->large));
  if (*journal->complaint() != '\0') std::printf("FAIL torn reads: %s\n", journal->complaint());
  if (!good) std::printf("FAIL a process ended badly\n");
  const bool enough = tally->overwrites >= overwrites && tally->large > 0 && tally->reads > 0;
  if (!enough) std::printf("FAIL too little was written or read to tell\n");
  return good && enough && *journal->complaint() == '\0';
}

}  // namespace
}  // namespace kbs::crash

int main(int argc, char** argv) {
  std::uint64_t overwrites = 10'000;
  std::string dir = ::access("/dev/shm", W_OK) == 0
                        ? "/dev/shm"
                        : std::filesystem::temp_directory_path().string();
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--overwrites") == 0) {
      overwrites = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (std::strcmp(argv[i], "--dir") == 0) {
      dir = argv[i + 1];
    } else {
      argc = 0;
    }
  }
  if (argc % 2 == 0 || overwrites == 0 || !kbs::configure_log("error")) {
    std::fprintf(stderr, "usage: torn_reads [--overwrites N] [--dir DIR]\n");
    return 2;
  }
  dir += "/kbs-torn-XXXXXX";
  if (::mkdtemp(dir.data()) == nullptr) return 2;
  const bool good = kbs::crash::run(dir + "/repository", overwrites);
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  std::printf("%d passed, %d failed, 0 skipped\n", good ? 1 : 0, good ? 0 : 1);
  return good ? 0 : 1;
}
