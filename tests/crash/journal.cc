#include "crash/journal.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace kbs::crash {

Note* Journal::intend(std::size_t key, const Operation& operation) noexcept {
  const std::uint32_t at = used_.fetch_add(1);
  if (at >= kNotes) return nullptr;
  Note& note = notes_[at];
  note.verb = operation.verb;
  note.key = static_cast<std::uint16_t>(key);
  note.seq = operation.seq;
  note.ended = 0;
  note.begun = ++clock_;
  note.progress.store(Progress::intended, std::memory_order_release);
  return &note;
}

void Journal::acknowledge(Note& note) noexcept {
  note.ended = ++clock_;
  note.progress.store(Progress::acknowledged, std::memory_order_release);
}

void Journal::complain(const char* text) noexcept {
  if (!complained_.exchange(true)) std::strncpy(complaint_, text, sizeof complaint_ - 1);
}

std::vector<const Note*> Journal::of(std::size_t key) const {
  std::vector<const Note*> found;
  const std::size_t used = std::min<std::size_t>(used_, kNotes);
  for (std::size_t i = 0; i < used; ++i) {
    const Note& note = notes_[i];
    if (note.progress != Progress::empty && note.key == key) found.push_back(&note);
  }
  std::sort(found.begin(), found.end(),
            [](const Note* a, const Note* b) { return a->begun < b->begun; });
  return found;
}

std::size_t Journal::acknowledged() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(std::begin(notes_), std::end(notes_),
                    [](const Note& note) { return note.progress == Progress::acknowledged; }));
}

void Journal::clear() noexcept {
  for (std::size_t i = 0; i < std::min<std::size_t>(used_, kNotes); ++i) {
    notes_[i].progress = Progress::empty;
  }
  used_ = 0;
  started = 0;
  stop = false;
  complained_ = false;
  complaint_[0] = '\0';
}

void* map_shared(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return memory;
}

}  // namespace kbs::crash
