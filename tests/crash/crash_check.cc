#include "crash/crash_check.h"

#include <algorithm>
#include <map>

namespace kbs::crash {
namespace {

/// When a value was being written, on the journal's clock.
struct Span {
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;
};
constexpr std::uint64_t kNever = UINT64_MAX;

/// The writes that can have a place in what is seen: those of the round, and before them what was
/// there already.
std::map<Seq, Span> spans_of(const std::vector<const Note*>& notes, const KeyState& before) {
  std::map<Seq, Span> spans;
  if (before.current) spans[*before.current] = {0, 0};
  for (const Seq each : before.earlier) spans[each] = {0, 0};
  for (const Seq each : before.pruned) spans[each] = {0, 0};
  for (const Note* note : notes) {
    const bool whole = note->progress == Progress::acknowledged;
    spans[note->seq] = {note->begun, whole ? note->ended : kNever};
  }
  return spans;
}

std::string unknown(Seq seq) { return "holds " + std::to_string(seq) + ", which nobody wrote"; }

std::string check_key(std::size_t key, const Journal& journal, const KeyState& before,
                      unsigned limit, const Observed& seen) {
  const auto notes = journal.of(key);
  std::string wrong = key < kOwnedKeys ? check_owned(notes, before, limit, seen)
                                       : check_shared(notes, before, limit, seen);
  if (wrong.empty()) return wrong;
  wrong = path_of(key) + ": " + wrong + "; before the round: " + describe(before) + "; then";
  const std::size_t first = notes.size() - std::min<std::size_t>(notes.size(), 6);
  for (std::size_t i = first; i < notes.size(); ++i) {
    const Note& note = *notes[i];
    wrong += std::string(" ") + to_string(note.verb) + ' ' + std::to_string(note.seq) +
             (note.progress == Progress::acknowledged ? "," : " (not acknowledged)");
  }
  return wrong + "; now: " + describe(seen);
}

}  // namespace

std::string check_owned(const std::vector<const Note*>& notes, const KeyState& before,
                        unsigned limit, const Observed& seen) {
  KeyState state = before;
  std::string other;
  for (const Note* note : notes) {
    auto next = after(state, {note->verb, note->seq}, limit);
    if (!next) return "the journal is not in order";
    if (note->progress != Progress::acknowledged) {
      if (difference(*next, seen).empty()) return "";
      break;  // a thread dies with its first operation that is not acknowledged
    }
    state = std::move(*next);
  }
  return difference(state, seen);
}

std::string check_shared(const std::vector<const Note*>& notes, const KeyState& before,
                         unsigned limit, const Observed& seen) {
  if (!seen.wrong.empty()) return seen.wrong;
  const auto spans = spans_of(notes, before);
  if (spans.empty() && !seen.current) return "";
  if (!seen.current) {
    const bool any = before.current || std::any_of(notes.begin(), notes.end(), [](const Note* n) {
                       return n->progress == Progress::acknowledged;
                     });
    return any ? "is gone" : "";
  }
  if (!seen.listed) return "not listed, though it is there";
  std::vector<Seq> all = {*seen.current};
  all.insert(all.end(), seen.earlier.begin(), seen.earlier.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!spans.contains(all[i])) return unknown(all[i]);
    for (std::size_t older = i + 1; older < all.size(); ++older) {
      if (all[older] == all[i]) return std::to_string(all[i]) + " is there twice";
      const auto at = spans.find(all[older]);
      if (at != spans.end() && at->second.begun > spans.at(all[i]).ended) {
        return std::to_string(all[older]) + " was written after " + std::to_string(all[i]) +
               " and stands before it";
      }
    }
  }
  // Each acknowledged value is the current one, or was kept, or is older than `limit` others.
  std::size_t acknowledged = 0;
  for (const auto& [seq, span] : spans) {
    if (span.ended == kNever) continue;
    ++acknowledged;
    if (span.begun > spans.at(*seen.current).ended) {
      return std::to_string(seq) + " was acknowledged after " + std::to_string(*seen.current);
    }
  }
  const bool counted = spans.at(*seen.current).ended != kNever;
  acknowledged -= counted ? 1 : 0;
  acknowledged -= before.pruned.size();
  const std::size_t want = std::min<std::size_t>(limit, acknowledged);
  if (seen.earlier.size() >= want) return "";
  return "keeps " + std::to_string(seen.earlier.size()) + " earlier versions of " +
         std::to_string(want);
}

std::string check_after_crash(const std::string& directory, const Shape& shape,
                              const Journal& journal, std::vector<KeyState>& known) {
  auto store = OpenStore::open(directory, shape, system_files(), later_clock());
  if (!store) return "cannot be opened: " + describe(store.error());
  auto listed = (*store)->list();
  if (!listed) return "cannot be listed: " + describe(listed.error());
  std::size_t there = 0;
  for (std::size_t key = 0; key < kKeys; ++key) {
    const Observed seen = (*store)->observe(path_of(key), *listed);
    std::string wrong = check_key(key, journal, known[key], shape.versions, seen);
    if (!wrong.empty()) return wrong;
    known[key] = adopt(seen, shape.versions);
    there += seen.current ? 1 : 0;
  }
  if (there != listed->size()) return "lists what is none of the resources";
  if (std::string left = leftover_in(directory); !left.empty()) return "left behind: " + left;
  return "";
}

}  // namespace kbs::crash
