#pragma once
/// The audit trail: one JSON record per authenticated decision, hash-chained per worker, with
/// signed checkpoints. What cannot be recorded is not answered (design decision 10).

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

namespace kbs::audit {

/// One decision. Never a secret, token or key: who is told by digests and subjects.
struct Record {
  std::string request_id;
  std::string_view event;     ///< "resource.released", "resource.denied", "attest", "admin.intent",
                              ///< "admin.outcome", …
  std::string token_sha256;   ///< hex digest of the attestation token, or "" for admins
  std::string tee;            ///< "snp", … or ""
  std::string init_data;      ///< digest as the token states it, or ""
  std::string admin_subject;  ///< role of the administrator, or ""
  std::string action;         ///< "GET", "POST", "set-resource-policy", …
  std::string object;         ///< "resource/default/key/1", "attestation-policy/default_cpu"
  bool allowed = false;
  std::string reason;   ///< "policy", "not_found", …; "" when allowed and done
  std::string version;  ///< of the value released or written
  std::chrono::microseconds latency{0};
  std::string peer;
};

struct Options {
  enum class Sink { file, standard_output, none } sink = Sink::standard_output;
  std::string path;  ///< of the file; appended to, 0600, created when absent
  bool sync_every_write =
      false;  ///< true: fdatasync before `record` returns (grouped); false: about once a second
  bool deny_on_failure =
      true;  ///< false: a failing sink is logged and counted, and `record` succeeds
  unsigned workers = 1;
  std::chrono::milliseconds sync_interval{1000};  ///< of the file when `sync_every_write` is false
  std::chrono::milliseconds checkpoint_interval{60'000};
};

/// Thread-safe across workers; each worker's records form one chain: `prev` is the SHA-256 of the
/// worker's record before, `seq` counts from 0. The first line of a run names the chain and the
/// public key of its checkpoints; a checkpoint signs (Ed25519) each worker's latest `seq` and hash
/// about once a minute and at close.
class AuditLog {
 public:
  /// `clock`, `files` and `blocking` outlive the log. Fails when the first line cannot be written.
  static Result<std::unique_ptr<AuditLog>> open(Options options, const Clock& clock, FileOps& files,
                                                asio::thread_pool& blocking);
  virtual ~AuditLog() = default;
  /// Call on worker `worker`'s thread. `unavailable` when it could not be written: then nothing is
  /// released. A record that was written and could not be synced stays in the trail although its
  /// request was refused.
  virtual awaitable<Result<>> record(unsigned worker, Record record) = 0;
  /// Reopens the file, for log rotation (SIGHUP).
  virtual Result<> reopen() = 0;
  /// Decisions that could not be recorded since the start, whether they were then denied or not.
  virtual std::uint64_t failures() const { return 0; }
};

/// Checks a whole file: every chain unbroken, every checkpoint's signature good. For `kbs audit
/// verify`. The text says how many records, chains and checkpoints; the error names the first bad
/// line.
Result<std::string> verify_file(const std::string& path);

}  // namespace kbs::audit
