#pragma once
/// What the writers said before they died: each intent before the call, each acknowledgement after
/// it, in memory that they share with the one who checks.

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "crash/killing_files.h"
#include "crash/model.h"

namespace kbs::crash {

enum class Progress : std::uint8_t { empty, intended, acknowledged };

struct Note {
  std::atomic<Progress> progress{Progress::empty};
  Verb verb{};
  std::uint16_t key = 0;
  Seq seq = 0;
  std::uint64_t begun = 0;  ///< on a clock that all writers share
  std::uint64_t ended = 0;  ///< 0 while it is not acknowledged
};

/// One round. Lives in shared memory; lock-free.
class Journal {
 public:
  static constexpr std::size_t kNotes = 16384;

  /// nullptr when it is full: then the round is over.
  Note* intend(std::size_t key, const Operation& operation) noexcept;
  void acknowledge(Note& note) noexcept;
  /// Keeps the first thing that should not have happened.
  void complain(const char* text) noexcept;

  /// Those of `key`, in the order in which they began. Not while anybody writes.
  std::vector<const Note*> of(std::size_t key) const;
  std::size_t acknowledged() const noexcept;
  const char* complaint() const noexcept { return complaint_; }
  void clear() noexcept;

  Seq next_seq() noexcept { return ++seq_; }
  std::atomic<unsigned> started{0};  ///< processes at work
  std::atomic<bool> stop{false};
  Deaths deaths{};

 private:
  std::atomic<std::uint64_t> clock_{0};
  std::atomic<Seq> seq_{0};
  std::atomic<std::uint32_t> used_{0};
  std::atomic<bool> complained_{false};
  char complaint_[512]{};
  Note notes_[kNotes];
};

/// Memory that all processes forked from here on share, and that survives them.
void* map_shared(std::size_t size);
template <class T>
std::shared_ptr<T> shared_memory() {
  return {new (map_shared(sizeof(T))) T, [](T* object) { ::munmap(object, sizeof(T)); }};
}

}  // namespace kbs::crash
