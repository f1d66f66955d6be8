#include "kbs/audit/trail.h"

#include "base/log.h"
#include "crypto/random.h"

namespace kbs::audit {
namespace {

tl::unexpected<Error> failed(int err) {
  return tl::unexpected(error_from_errno(err, "write the audit trail"));
}

}  // namespace

Result<std::unique_ptr<Trail>> Trail::begin(Output output, unsigned workers, SysTime now) {
  KBS_TRY(crypto::PrivateKey key, crypto::PrivateKey::generate(crypto::KeyType::ed25519));
  std::unique_ptr<Trail> trail(new Trail(std::move(key), std::move(output), workers));
  KBS_OK(trail->write_header(trail->output_, now));
  for (Chain& chain : trail->chains_)
    chain.head.prev = trail->prev_;  // bound to this header and its key
  return trail;
}

Trail::Trail(crypto::PrivateKey key, Output output, unsigned workers)
    : run_(crypto::random_uuid_simple().substr(0, 16)),
      key_(std::move(key)),
      output_(std::move(output)),
      chains_(workers) {}

Result<> Trail::append(unsigned worker, SysTime now, const Record& record) {
  Chain& chain = chains_[worker];
  chain.line.clear();
  append_record(chain.line, run_, worker, chain.head, now, record);
  std::string hash = line_hash(chain.line);
  chain.line += '\n';

  const std::lock_guard lock(mutex_);
  if (!output_.fragments().empty()) KBS_OK(write_checkpoint(now, "torn"));
  if (const SysResult<> written = output_.write_line(chain.line); !written)
    return failed(written.error());
  chain.head.seq++;
  chain.head.prev = std::move(hash);
  changed_ = true;
  return {};
}

Result<> Trail::checkpoint(SysTime now, std::string_view why) {
  const std::lock_guard lock(mutex_);
  // The last line is written in any case: a trail without it was cut off, or its server crashed.
  if (!changed_ && why != "closed") return {};
  return write_checkpoint(now, why);
}

Result<> Trail::rotate(Output next, SysTime now) {
  const std::lock_guard lock(mutex_);
  if (next.is_same_file_as(output_)) return {};
  // If the old file cannot take this line any more, the new header states the same.
  (void)write_checkpoint(now, "rotated");
  if (const SysResult<> synced = output_.sync(); !synced) {
    log_error(LogLevel::error, "audit", "the file rotated away could not be synced",
              failed(synced.error()).value());
  }
  part_++;
  if (Result<> written = write_header(next, now); !written) {
    part_--;
    return written;
  }
  output_ = std::move(next);
  return {};
}

std::shared_ptr<Fd> Trail::file() const {
  const std::lock_guard lock(mutex_);
  return output_.is_file() ? output_.fd() : nullptr;
}

std::vector<ChainHead> Trail::heads() const {
  std::vector<ChainHead> heads;
  heads.reserve(chains_.size());
  for (const Chain& chain : chains_) heads.push_back(chain.head);
  return heads;
}

Control Trail::control(SysTime now, const std::vector<ChainHead>& heads,
                       const Output& output) const {
  return {run_, number_, prev_, now, heads, output.fragments()};
}

Result<> Trail::write_header(Output& output, SysTime now) {
  const std::vector<ChainHead> stated = heads();
  KBS_TRY(std::string line, header_line(control(now, stated, output), part_, key_));
  return write_control(output, std::move(line));
}

Result<> Trail::write_checkpoint(SysTime now, std::string_view why) {
  const std::vector<ChainHead> stated = heads();
  const std::uint64_t lost = lost_.load(std::memory_order_relaxed);
  KBS_TRY(std::string line, checkpoint_line(control(now, stated, output_), why, lost, key_));
  KBS_OK(write_control(output_, std::move(line)));
  changed_ = false;
  return {};
}

Result<> Trail::write_control(Output& output, std::string line) {
  std::string hash = line_hash(line);
  line += '\n';
  if (const SysResult<> written = output.write_line(line); !written) {
    return failed(written.error());
  }
  output.forget_fragments();
  number_++;
  prev_ = std::move(hash);
  return {};
}

}  // namespace kbs::audit
