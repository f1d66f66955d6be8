// Several processes on one directory: this program runs itself.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/testing/run.h"
#include "storage/kv/kv_backend.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::kv {
namespace {

using kbs::testing::run;

constexpr int kProcesses = 3;
constexpr int kWrites = 30;
const ResourceId kCounter{"shared", "count", "1"};

std::string value_of(const char* variable) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread yet
  return text ? text : "";
}

class KeyValueProcesses : public ::testing::Test {
 protected:
  ~KeyValueProcesses() override { pool_.join(); }

  KeyValuePtr open(const std::string& dir, const std::string& type) {
    const auto kind = type == "json" ? KeyValueType::local_json : KeyValueType::local_fs;
    const Services services{system_files(), system_clock(), pool_};
    return *open_key_value({kind, dir}, kResources, services);
  }

  asio::thread_pool pool_{2};
};

void count_up(Backend& store) {
  for (;;) {
    auto now = run(store.read(kCounter, {}));
    ASSERT_TRUE(now) << describe(now.error());
    WriteOptions on;
    on.if_version = now->version;
    const int next = std::stoi(std::string(now->value.expose_text())) + 1;
    auto written = run(store.write(kCounter, Secret::from_text(std::to_string(next)), on));
    if (written) return;
    ASSERT_EQ(written.error().kind, ErrorKind::conflict) << describe(written.error());
  }
}

/// One of the processes; prints a line for each key that it was the first to store.
TEST_F(KeyValueProcesses, DISABLED_Writer) {
  const std::string type = value_of("KBS_TEST_TYPE");
  const std::string name = value_of("KBS_TEST_NAME");
  const KeyValuePtr store = open(value_of("KBS_TEST_DIR"), type);
  int won = 0;
  for (int i = 0; i < kWrites; ++i) {
    const std::string n = std::to_string(i);
    ASSERT_EQ(run(store->set("own-" + name + n, Secret::from_text(name))), true);
    ASSERT_TRUE(run(store->set("shared", Secret::from_text(std::string(10'000, name[0])))));
    auto inserted = run(store->set("race-" + n, Secret::from_text(name), false));
    ASSERT_TRUE(inserted) << describe(inserted.error());
    if (*inserted) ++won;
    if (type == "json") count_up(**make_backend(store));
  }
  ASSERT_TRUE(run(store->set("won-" + name, Secret::from_text(std::to_string(won)))));
}

pid_t start_writer(const std::string& dir, const std::string& type, int number) {
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=KeyValueProcesses.DISABLED_Writer";
  std::string disabled = "--gtest_also_run_disabled_tests";
  char* const arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  variables.push_back("KBS_TEST_DIR=" + dir);
  variables.push_back("KBS_TEST_TYPE=" + type);
  variables.push_back(std::string("KBS_TEST_NAME=") + static_cast<char>('a' + number));
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  EXPECT_EQ(::posix_spawn(&child, program.c_str(), &quiet, nullptr, arguments, environment.data()),
            0);
  posix_spawn_file_actions_destroy(&quiet);
  return child;
}

std::string text(KeyValue& store, const std::string& key) {
  auto value = run(store.get(key));
  EXPECT_TRUE(value) << describe(value.error());
  return value && *value ? std::string((*value)->expose_text()) : "";
}

TEST_F(KeyValueProcesses, LoseNothingAndInsertOnceAndNeverTear) {
  for (const char* type : {"json", "fs"}) {
    SCOPED_TRACE(type);
    testing::TempDir dir;
    const KeyValuePtr store = open(dir.path().string(), type);
    ASSERT_TRUE(run(store->set("shared", Secret::from_text(std::string(10'000, 'z')))));
    ASSERT_TRUE(run(store->set(kCounter.path(), Secret::from_text("0"))));
    std::vector<pid_t> writers;
    writers.reserve(kProcesses);
    for (int i = 0; i < kProcesses; ++i) writers.push_back(start_writer(dir.path(), type, i));
    for (int running = kProcesses; running > 0;) {
      const std::string seen = text(*store, "shared");
      EXPECT_TRUE(seen.size() == 10'000 && seen.find_first_not_of(seen[0]) == std::string::npos);
      int status = 0;
      if (::waitpid(writers[static_cast<std::size_t>(running) - 1], &status, WNOHANG) == 0)
        continue;
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      --running;
    }
    int won = 0;
    for (int i = 0; i < kProcesses; ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      won += std::stoi('0' + text(*store, "won-" + name));
      for (int n = 0; n < kWrites; ++n) {
        EXPECT_EQ(text(*store, "own-" + name + std::to_string(n)), name);
      }
    }
    EXPECT_EQ(won, kWrites) << "each race has one winner";
    if (type == std::string_view("json")) {
      EXPECT_EQ(text(*store, kCounter.path()), std::to_string(kProcesses * kWrites));
    }
    EXPECT_FALSE(dir.has_leftovers());
  }
}

}  // namespace
}  // namespace kbs::storage::kv
