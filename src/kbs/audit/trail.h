#pragma once
/// The chains of one run of the server and the file they are written to.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crypto/key.h"
#include "kbs/audit/output.h"

namespace kbs::audit {

/// Thread-safe. The lock is held for one write(2), and about once a minute for a signature: appends
/// to one file wait for each other in the kernel anyway. The order of lines is the order in which
/// the chains advance, so that a checkpoint states exactly what stands above it.
class Trail {
 public:
  /// Begins a run: a fresh signing key, and the header as its first line.
  static Result<std::unique_ptr<Trail>> begin(Output output, unsigned workers, SysTime now);

  /// Appends to `worker`'s chain; call on that worker's thread only. When it fails, the chain
  /// stands where it stood.
  Result<> append(unsigned worker, SysTime now, const Record& record);
  /// Signs where the chains stand, unless nothing was recorded since the last time.
  Result<> checkpoint(SysTime now, std::string_view why);
  /// Says where the chains stand in the old file, and goes on in `next`, whose first line says it
  /// again. When `next` cannot be written, the old file stays in use.
  Result<> rotate(Output next, SysTime now);

  /// Counts a decision that was answered although it could not be recorded.
  void lose_one() noexcept { lost_.fetch_add(1, std::memory_order_relaxed); }
  /// The file to sync, or null when it is none. What was appended before the call is in it, or in
  /// an older one that `rotate` has synced.
  std::shared_ptr<Fd> file() const;
  const std::string& run() const noexcept { return run_; }
  std::string key_thumbprint() const { return key_.public_key().thumbprint(); }

 private:
  struct Chain {
    ChainHead head;
    std::string line;  ///< the worker's buffer, kept to spare an allocation for every record
  };
  Trail(crypto::PrivateKey key, Output output, unsigned workers);
  Result<> write_header(Output& output, SysTime now);
  Result<> write_checkpoint(SysTime now, std::string_view why);
  Control control(SysTime now, const std::vector<ChainHead>& heads, const Output& output) const;
  Result<> write_control(Output& output, std::string line);
  std::vector<ChainHead> heads() const;

  const std::string run_;
  const crypto::PrivateKey key_;
  std::atomic<std::uint64_t> lost_{0};
  mutable std::mutex
      mutex_;  // guards what follows; a chain is also read without it by its own worker
  Output output_;
  std::vector<Chain> chains_;
  unsigned part_ = 0;
  std::uint64_t number_ = 0;  // of the next signed line
  std::string prev_;          // hash of the last signed line
  bool changed_ = false;      // records since the last checkpoint
};

}  // namespace kbs::audit
