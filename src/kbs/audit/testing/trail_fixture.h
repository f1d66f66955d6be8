#pragma once
/// What the audit tests share: a directory, files that fill up and fail, and records.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "kbs/audit/audit.h"

namespace kbs::audit::testing {

/// The real system calls on a disk that can be full, broken or slow. Thread-safe.
class FaultyFiles final : public FileOps {
 public:
  std::atomic<std::int64_t> space{INT64_MAX};  ///< bytes until the disk is full
  std::atomic<int> write_error{0};
  std::atomic<int> sync_error{0};
  std::atomic<int> syncs{0};
  std::atomic<int> sync_takes_ms{0};

  SysResult<std::size_t> write(int fd, std::span<const std::byte> from) override {
    if (int err = write_error) return tl::unexpected(err);
    const std::int64_t left = space;
    if (left <= 0) return tl::unexpected(ENOSPC);
    const auto fits =
        static_cast<std::size_t>(std::min(left, static_cast<std::int64_t>(from.size())));
    SysResult<std::size_t> written = FileOps::write(fd, from.first(fits));
    if (written) space -= static_cast<std::int64_t>(*written);
    return written;
  }
  SysResult<> fdatasync(int) override {
    syncs++;
    std::this_thread::sleep_for(std::chrono::milliseconds(sync_takes_ms));
    if (int err = sync_error) return tl::unexpected(err);
    return {};
  }
};

class TrailFixture : public ::testing::Test {
 protected:
  TrailFixture() {
    std::string name = ::testing::TempDir() + "kbs_audit_XXXXXX";
    dir_ = ::mkdtemp(name.data());
    options_.sink = Options::Sink::file;
    options_.path = dir_ + "/audit.log";
    options_.sync_interval = std::chrono::milliseconds(2);
  }
  ~TrailFixture() override {
    pool_.join();
    std::filesystem::remove_all(dir_);
  }

  std::unique_ptr<AuditLog> open() {
    Result<std::unique_ptr<AuditLog>> log = AuditLog::open(options_, clock_, files_, pool_);
    if (!log) throw std::runtime_error(describe(log.error()));
    return std::move(*log);
  }

  static Record released(std::string object = "resource/default/key/1") {
    Record record;
    record.request_id = "b7c1";
    record.event = "resource.released";
    record.token_sha256 = std::string(64, 'a');
    record.tee = "snp";
    record.action = "GET";
    record.object = std::move(object);
    record.allowed = true;
    record.latency = std::chrono::microseconds(125);
    record.peer = "192.0.2.7:40122";
    return record;
  }

  static Result<> write(AuditLog& log, unsigned worker = 0, Record record = released()) {
    return kbs::testing::run(log.record(worker, std::move(record)));
  }

  std::string text() const { return read(options_.path); }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void put(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  std::vector<std::string> lines() const {
    std::istringstream in(text());
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static std::string verdict(const std::string& path) {
    const Result<std::string> got = verify_file(path);
    return got ? *got : got.error().message;
  }
  std::string verdict() const { return verdict(options_.path); }

  std::string dir_;
  Options options_;
  kbs::testing::ManualClock clock_;
  FaultyFiles files_;
  asio::thread_pool pool_{2};
};

/// Waits up to some seconds for what another thread does.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 5000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace kbs::audit::testing
