#include "storage/testing/conformance.h"

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "storage/cached/cached.h"
#include "storage/encrypted/kek.h"
#include "storage/encrypted/store.h"
#include "storage/local_fs/local_fs.h"
#include "storage/memory/memory.h"
#include "storage/testing/call.h"
#include "storage/testing/faulty_backend.h"
#include "storage/testing/temp_dir.h"

namespace kbs::storage::testing {
namespace {

struct Shape {
  bool local_fs = false;
  bool cached = false;
  bool manifest = true;
  bool poor = false;  ///< a backend without conditions
  unsigned versions = 5;
  encrypted::Tuning tuning{};
};

/// A server's workers run on when a caller has gone, and finish the change that he began. The
/// suite's contexts stand still until their next call: here somebody runs them.
class Workers {
 public:
  Workers() : thread_([this] { work(); }) {}
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() {
    ended_ = true;
    thread_.join();
  }

 private:
  void work() {
    while (!ended_) {
      std::array<Contexts::Ptr, 4> idle;
      for (auto& context : idle) context = Contexts::take();
      for (auto& context : idle) {
        context->poll();
        Contexts::give_back(std::move(context));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

class EncryptedFixture final : public Fixture {
 public:
  explicit EncryptedFixture(const Shape& shape) : shape_(shape) {
    store_ = std::make_shared<FaultyBackend>(below());
    if (shape.poor) {
      Capabilities can = store_->capabilities();
      can.compare_and_set = false;
      store_->declare(can);
    }
    outer_ = store_;
    if (shape.cached) {
      outer_ = cached::make(store_, {.negative_ttl = std::chrono::hours(1)}, clock_);
    }
    reopen();
  }
  ~EncryptedFixture() override {
    encrypted_.reset();
    pool_.join();
  }
  Backend& backend() override { return *encrypted_; }
  kbs::testing::ManualClock* clock() override { return &clock_; }
  std::optional<std::size_t> kept_versions() override {
    return shape_.versions == 0 ? std::nullopt : std::optional<std::size_t>(shape_.versions);
  }
  bool make_unavailable() override {
    store_->fail_next(SIZE_MAX, ErrorKind::unavailable);
    return true;
  }
  bool make_forbidden() override { return make_unavailable(); }
  bool stall() override {
    store_->stall({}, std::chrono::milliseconds(50));
    return true;
  }
  void heal() override { store_->heal(); }
  bool reopen() override {
    encrypted::Options options;
    options.key.key = encrypted::local_kek("test", Secret::from_text(std::string(32, 'k')));
    options.manifest = shape_.manifest;
    auto opened = kbs::testing::run(
        encrypted::open_store(outer_, options, services(), "test", store_, shape_.tuning));
    if (!opened) throw std::runtime_error(describe(opened.error()));
    encrypted_ = std::move(*opened);
    return true;
  }

 private:
  Services services() { return {system_files(), clock_, pool_}; }
  BackendPtr below() {
    if (!shape_.local_fs) return memory::make({256u << 20, shape_.versions}, clock_);
    local_fs::Options options;
    options.roots = {{dir_.at("repository")}};
    options.versions = shape_.versions;
    return local_fs::make(options, services()).value();
  }

  const Shape shape_;
  TempDir dir_;
  kbs::testing::ManualClock clock_;
  asio::thread_pool pool_{2};
  std::shared_ptr<FaultyBackend> store_;
  BackendPtr outer_;
  BackendPtr encrypted_;
  Workers workers_;
};

Subject subject(const char* name, const Shape& shape) {
  return {name, [shape] { return std::make_unique<EncryptedFixture>(shape); }};
}

/// Checkpoints all the time, and nothing superseded stays.
constexpr encrypted::Tuning kBusy{.records_per_checkpoint = 3,
                                  .part_bytes = 512,
                                  .batch_bytes = 256,
                                  .keep_superseded = std::chrono::seconds(0)};

INSTANTIATE_TEST_SUITE_P(
    Encrypted, Conformance,
    ::testing::Values(subject("memory", {}), subject("memory_without_history", {.versions = 0}),
                      subject("memory_busy", {.tuning = kBusy}),
                      subject("without_manifest", {.manifest = false}),
                      subject("over_a_poor_backend", {.poor = true}),
                      subject("cached", {.cached = true}),
                      subject("local_fs", {.local_fs = true, .versions = 10}),
                      subject("local_fs_without_history", {.local_fs = true, .versions = 0})),
    name_of);

}  // namespace
}  // namespace kbs::storage::testing
