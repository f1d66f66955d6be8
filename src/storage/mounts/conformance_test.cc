#include "storage/testing/conformance.h"

#include "storage/mounts/guarded.h"
#include "storage/mounts/mounts_fixture.h"

namespace kbs::storage::testing {
namespace {

/// A table whose stores share a clock and fail together.
class MountsFixture final : public Fixture {
 public:
  struct Shape {
    std::vector<std::string> prefixes;
    bool cached = false;
  };
  explicit MountsFixture(const Shape& shape) {
    for (const std::string& prefix : shape.prefixes) add(prefix, shape.cached);
    auto made = Mounts::make(std::move(mounts_));
    if (!made) throw std::runtime_error(describe(made.error()));
    table_ = std::move(*made);
  }
  ~MountsFixture() override {
    table_.reset();
    pool_.join();
  }
  Backend& backend() override { return *table_; }
  kbs::testing::ManualClock* clock() override { return &clock_; }
  std::optional<std::size_t> kept_versions() override { return 5; }
  bool put_by_hand(const ResourceId& id, std::string_view value) override {
    const std::string name = table_->find(id)->options.name;
    const auto index = static_cast<std::size_t>(std::stoi(name.substr(1)));
    const WriteOptions plain;
    (void)kbs::testing::run(memories_[index]->write(id, Secret::from_text(value), plain));
    stores_[index]->tell(id.path());
    return true;
  }
  bool make_unavailable() override {
    for (const auto& store : stores_) store->fail_next(SIZE_MAX, ErrorKind::unavailable);
    return true;
  }
  bool make_forbidden() override { return make_unavailable(); }
  bool stall() override {
    for (const auto& store : stores_) store->stall();
    return true;
  }
  std::chrono::milliseconds longest_call() override { return std::chrono::seconds(10); }
  void heal() override {
    for (const auto& store : stores_) store->heal();
  }

 private:
  void add(const std::string& prefix, bool cached) {
    memories_.push_back(memory::make({64u << 20, 5}, clock_));
    stores_.push_back(std::make_shared<FaultyBackend>(memories_.back()));
    Capabilities can = stores_.back()->capabilities();
    can.notices_changes = true;
    stores_.back()->declare(can);
    MountOptions options;
    options.name = "m" + std::to_string(mounts_.size());
    options.prefix = prefix;
    // Long enough for a busy machine, short enough for the case of a store that hangs.
    options.timeout = std::chrono::seconds(2);
    if (cached) options.cache = cached::Options{.negative_ttl = std::chrono::seconds(30)};
    const Services services{system_files(), clock_, pool_};
    mounts_.push_back(
        kbs::testing::run(decorate(options, stores_.back(), services, nullptr)).value());
  }

  kbs::testing::ManualClock clock_;
  asio::thread_pool pool_{1};
  std::vector<BackendPtr> memories_;
  std::vector<std::shared_ptr<FaultyBackend>> stores_;
  std::vector<Mount> mounts_;
  std::shared_ptr<Mounts> table_;
};

Subject subject(const char* name, MountsFixture::Shape shape) {
  return {name, [shape] { return std::make_unique<MountsFixture>(shape); }};
}

INSTANTIATE_TEST_SUITE_P(Mounts, Conformance,
                         ::testing::Values(subject("one", {{""}}),
                                           subject("several", {{"", "default", "a", "a/k",
                                                                "default/key", "big/page"}}),
                                           subject("cached", {{"", "default/key"}, true})),
                         name_of);

}  // namespace
}  // namespace kbs::storage::testing
