#include "crash/model.h"

#include <algorithm>

namespace kbs::crash {
namespace {

template <class Numbers>
std::string text_of(const Numbers& numbers) {
  std::string text = "[";
  for (const Seq each : numbers) text += (text.size() > 1 ? " " : "") + std::to_string(each);
  return text + "]";
}

void prune(KeyState& state, unsigned limit) {
  while (state.earlier.size() > limit) {
    state.pruned.insert(state.earlier.back());
    state.earlier.pop_back();
  }
}

std::string text_of(const std::optional<Seq>& seq) {
  return seq ? std::to_string(*seq) : std::string("none");
}

}  // namespace

const char* to_string(Verb verb) noexcept {
  constexpr const char* kNames[] = {"write",    "create",  "remove", "keep",
                                    "undelete", "destroy", "replace"};
  return kNames[static_cast<int>(verb)];
}

std::optional<KeyState> after(const KeyState& state, const Operation& operation, unsigned limit) {
  KeyState next = state;
  switch (operation.verb) {
    case Verb::create:
      if (state.current) return std::nullopt;
      [[fallthrough]];
    case Verb::write:
      if (state.current && limit > 0) next.earlier.push_front(*state.current);
      next.current = operation.seq;
      prune(next, limit);
      return next;
    case Verb::remove:
      if (!state.current && state.earlier.empty()) return std::nullopt;
      return KeyState();
    case Verb::keep:
      if (!state.current || limit == 0) return std::nullopt;
      next.earlier.push_front(*state.current);
      next.current.reset();
      prune(next, limit);
      return next;
    case Verb::undelete:
      if (state.current || state.earlier.empty()) return std::nullopt;
      next.current = state.earlier.front();
      next.earlier.pop_front();
      return next;
    case Verb::destroy:
      if (operation.seq == 0 || operation.seq > state.earlier.size()) return std::nullopt;
      next.earlier.erase(next.earlier.begin() + static_cast<std::ptrdiff_t>(operation.seq - 1));
      return next;
    case Verb::replace:
      if (!state.current) return std::nullopt;
      next.current = operation.seq;
      return next;
  }
  return std::nullopt;
}

std::string difference(const KeyState& state, const Observed& seen) {
  if (!seen.wrong.empty()) return seen.wrong;
  if (seen.current != state.current) {
    return "current is " + text_of(seen.current) + ", not " + text_of(state.current);
  }
  if (seen.listed != seen.current.has_value()) {
    return seen.listed ? "listed, though it is not there" : "not listed, though it is there";
  }
  std::size_t at = 0;
  for (; at < state.earlier.size(); ++at) {
    if (at >= seen.earlier.size() || seen.earlier[at] != state.earlier[at]) {
      return "earlier versions are " + text_of(seen.earlier) + ", not " + text_of(state.earlier);
    }
  }
  for (; at < seen.earlier.size(); ++at) {
    if (!state.pruned.contains(seen.earlier[at])) {
      return "version " + std::to_string(seen.earlier[at]) + " is there, and should be gone";
    }
  }
  return "";
}

std::string describe(const KeyState& state) {
  return "current " + text_of(state.current) + ", earlier " + text_of(state.earlier);
}

std::string describe(const Observed& seen) {
  if (!seen.wrong.empty()) return seen.wrong;
  return "current " + text_of(seen.current) + ", earlier " + text_of(seen.earlier);
}

KeyState adopt(const Observed& seen, unsigned limit) {
  KeyState state{seen.current, {seen.earlier.begin(), seen.earlier.end()}, {}};
  prune(state, limit);
  return state;
}

}  // namespace kbs::crash
