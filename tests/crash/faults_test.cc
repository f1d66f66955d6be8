// Disks that are full, read-only, broken; a process without descriptors. The store says so, loses
// nothing, and goes on when they are healed.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <random>

#include "base/log.h"
#include "base/run.h"
#include "crash/small_disk.h"
#include "crash/store.h"
#include "storage/testing/temp_dir.h"

namespace kbs::crash {
namespace {

using storage::testing::TempDir;
using ::testing::HasSubstr;

constexpr Shape kShapes[] = {{false, 3, false}, {true, 3, false}, {false, 0, false}};

/// A store, what it should hold, and work for it.
class Work {
 public:
  Work(const std::string& path, const Shape& shape, FileOps& files)
      : path_(path), shape_(shape), files_(files), random_(4) {
    open();
    for (const char* key : {"r/t/a", "r/t/b", "r/u/c", "s/t/d"}) keys_[key] = {};
  }

  void open() {
    auto store = OpenStore::open(path_, shape_, files_, system_clock());
    if (!store) throw std::runtime_error(describe(store.error()));
    store_ = std::move(*store);
  }
  void close() { store_.reset(); }
  OpenStore& store() { return *store_; }

  Result<> write(const std::string& key, std::size_t length = 200) {
    return perform(key, {Verb::write, ++seq_}, length);
  }
  /// Something that the store can do in this state.
  Result<> any() {
    for (;;) {
      const auto key = std::next(keys_.begin(), static_cast<std::ptrdiff_t>(random_() % 4));
      Operation operation{static_cast<Verb>(random_() % 7), ++seq_};
      if (operation.verb == Verb::replace) operation.seq += kReplacing;
      if (operation.verb == Verb::destroy) operation.seq = 1 + random_() % 3;
      if (!after(key->second, operation, shape_.versions)) continue;
      return perform(key->first, operation, 60 + random_() % 3000);
    }
  }

  /// Looks from a store of its own, on files that work: what was acknowledged is there; what
  /// failed since the last look is done or not done. What is there now is what should be.
  void expect_nothing_lost() {
    auto other = OpenStore::open(path_, shape_, system_files(), later_clock());
    ASSERT_TRUE(other) << describe(other.error());
    auto listed = (*other)->list();
    ASSERT_TRUE(listed) << describe(listed.error());
    for (auto& [key, state] : keys_) {
      const Observed seen = (*other)->observe(key, *listed);
      std::string wrong = difference(state, seen);
      if (const auto doubt = doubts_.find(key); !wrong.empty() && doubt != doubts_.end()) {
        if (difference(doubt->second, seen).empty()) wrong.clear();
      }
      EXPECT_EQ(wrong, "") << key << " after " << last_;
      const auto pruned = state.pruned;
      state = adopt(seen, shape_.versions);
      state.pruned.insert(pruned.begin(), pruned.end());
    }
    doubts_.clear();
    EXPECT_EQ(leftover_in(path_), "") << " after " << last_;
  }
  /// The store itself reads all that is there.
  void expect_readable() {
    auto listed = store_->list();
    ASSERT_TRUE(listed) << describe(listed.error());
    for (const auto& [key, state] : keys_) {
      if (!state.current) continue;
      EXPECT_EQ(store_->observe(key, *listed).current, state.current) << key;
    }
  }

 private:
  Result<> perform(const std::string& key, const Operation& operation, std::size_t length) {
    last_ = std::string(to_string(operation.verb)) + " of " + key;
    auto next = after(keys_[key], operation, shape_.versions);
    auto done = store_->perform(key, operation, length);
    if (done) {
      keys_[key] = *next;
    } else {
      doubts_.emplace(key, *next);
      last_ += ", which failed: " + describe(done.error());
    }
    return done;
  }

  const std::string path_;
  const Shape shape_;
  FileOps& files_;
  std::mt19937_64 random_;
  std::unique_ptr<OpenStore> store_;
  std::map<std::string, KeyState> keys_;
  std::map<std::string, KeyState> doubts_;  ///< what a failed operation may have made of them
  Seq seq_ = 0;
  std::string last_;
};

class Faults : public ::testing::Test {
 protected:
  Faults() { EXPECT_TRUE(configure_log("error")); }
  ~Faults() override { EXPECT_TRUE(configure_log("info")); }
};

/// Whether the disk is a real one, where that is allowed.
class SmallDisks : public Faults, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Disk, SmallDisks, ::testing::Values(true, false),
                         [](const auto& info) { return info.param ? "mounted" : "injected"; });

TEST_P(SmallDisks, AFullOneRefusesWritesAndServesOn) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(describe(shape));
    SmallDisk disk(GetParam());
    Work work(disk.path() + "/repository", shape, disk.files());
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(work.any());
    ASSERT_TRUE(work.write("r/t/a"));
    disk.fill();
    for (int i = 0; i < 3; ++i) {
      auto written = work.write("r/t/a", 20'000);
      ASSERT_FALSE(written);
      EXPECT_EQ(written.error().kind, ErrorKind::unavailable) << describe(written.error());
      EXPECT_THAT(written.error().message, HasSubstr("full"));
      EXPECT_THAT(written.error().detail, HasSubstr("errno"));
    }
    for (int i = 0; i < 40; ++i) {
      auto done = work.any();
      if (!done) EXPECT_EQ(done.error().kind, ErrorKind::unavailable) << describe(done.error());
    }
    work.expect_readable();
    work.expect_nothing_lost();
    disk.make_room();
    for (int i = 0; i < 40; ++i) EXPECT_TRUE(work.any());
    work.expect_nothing_lost();
  }
}

TEST_P(SmallDisks, AReadOnlyOneIsReadAndSaysWhyItIsNotWritten) {
  SmallDisk disk(GetParam());
  const Shape shape = kShapes[0];
  Work work(disk.path() + "/repository", shape, disk.files());
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(work.any());
  ASSERT_TRUE(work.write("r/t/a"));
  const auto turn = [&](bool read_only) {
    if (disk.is_real()) work.close();
    disk.set_read_only(read_only);
    if (disk.is_real()) work.open();
  };
  turn(true);
  for (int i = 0; i < 20; ++i) {
    auto done = i == 0 ? work.write("r/t/a") : work.any();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::unavailable) << describe(done.error());
    EXPECT_THAT(done.error().message, HasSubstr("read-only"));
  }
  work.expect_readable();
  turn(false);
  work.expect_nothing_lost();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(work.any());
  work.expect_nothing_lost();
}

TEST_F(Faults, ErrorsAnywhereLoseNothing) {
  constexpr int kErrors[] = {EIO, ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, EACCES};
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(describe(shape));
    const TempDir dir;
    FlakyFiles files;
    std::mt19937_64 random(4);
    Work work(dir.at("repository"), shape, files);
    int failures = 0;
    for (int i = 0; i < 600 && !HasFailure(); ++i) {
      files.set_longest_write(1 + random() % 5000);
      // One call in thirty fails: most operations get somewhere before they do.
      files.set_fate([&](Call) -> int {
        return random() % 30 == 0 ? kErrors[random() % std::size(kErrors)] : 0;
      });
      auto done = work.any();
      files.set_fate({});
      if (done) continue;
      ++failures;
      EXPECT_TRUE(done.error().kind == ErrorKind::unavailable) << describe(done.error());
      EXPECT_FALSE(done.error().message.empty());
      work.expect_nothing_lost();
    }
    work.expect_nothing_lost();
    EXPECT_GT(failures, 50);
  }
}

TEST_F(Faults, ShortWritesAreContinued) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(describe(shape));
    const TempDir dir;
    FlakyFiles files;
    Work work(dir.at("repository"), shape, files);
    for (std::size_t longest : {1u, 7u, 4096u}) {
      files.set_longest_write(longest);
      for (int i = 0; i < 30; ++i) ASSERT_TRUE(work.any());
      work.expect_nothing_lost();
    }
  }
}

/// The kernel's own limit, in force while the store opens something and not otherwise: the event
/// loop of the test and the sanitizer under it need descriptors, too.
class TightFiles final : public FileOps {
 public:
  /// From now on so many more may be open; nullopt: as many as before.
  void allow(std::optional<rlim_t> more) {
    limit_.reset();
    if (!more) return;
    const Fd next(::dup(0));
    limit_ = static_cast<rlim_t>(next.get()) + *more;
  }
  SysResult<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode) override {
    const Tight tight(limit_);
    return FileOps::open_beneath(dir, path, flags, mode);
  }
  SysResult<Fd> open(const std::string& path, int flags, mode_t mode) override {
    const Tight tight(limit_);
    return FileOps::open(path, flags, mode);
  }
  SysResult<std::vector<std::string>> list(int dir_fd) override {
    const Tight tight(limit_);
    return FileOps::list(dir_fd);
  }

 private:
  class Tight {
   public:
    explicit Tight(std::optional<rlim_t> limit) {
      EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
      const rlimit now{limit.value_or(before_.rlim_cur), before_.rlim_max};
      EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    }
    Tight(const Tight&) = delete;
    Tight& operator=(const Tight&) = delete;
    ~Tight() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

   private:
    rlimit before_{};
  };
  std::optional<rlim_t> limit_;
};

TEST_F(Faults, AProcessWithoutDescriptorsSaysSoAndServesOnWhenItHasSome) {
  const TempDir dir;
  TightFiles files;
  Work work(dir.at("repository"), kShapes[0], files);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(work.any());
  ASSERT_TRUE(work.write("r/t/a"));
  int refused = 0, done = 0;
  for (rlim_t more = 0; more < 12; ++more) {  // from none at all to as many as are needed
    files.allow(more);
    auto written = work.write("r/t/a");
    auto read = run_to_end(work.store().backend().read(*ResourceId::parse("r/t/a"), {}));
    files.allow({});
    ++(written ? done : refused);
    if (!written) {
      EXPECT_EQ(written.error().kind, ErrorKind::unavailable) << describe(written.error());
      EXPECT_THAT(written.error().message, HasSubstr("too many files open"));
    }
    if (!read) EXPECT_EQ(read.error().kind, ErrorKind::unavailable) << describe(read.error());
    work.expect_nothing_lost();
  }
  EXPECT_GT(refused, 2);
  EXPECT_GT(done, 2);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(work.any());
  work.expect_nothing_lost();
}

}  // namespace
}  // namespace kbs::crash
