#pragma once
/// What every backend must keep, driven by the capabilities it declares. Instantiate it in the
/// backend's test:
///
///   INSTANTIATE_TEST_SUITE_P(Memory, Conformance, ::testing::Values(Subject{"memory",
///   make_memory}), name_of);
///
/// A case that does not apply to a backend passes without a word.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "storage/backend.h"

namespace kbs::storage::testing {

/// One fresh, empty backend and what it stands on. The more hooks it offers, the more is tried; a
/// hook that does nothing returns false.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual Backend& backend() = 0;
  /// The clock of its expiry, if it has that capability.
  virtual kbs::testing::ManualClock* clock() { return nullptr; }
  /// How many earlier versions it keeps, 3 … 20; nullopt when that is not ours to say.
  virtual std::optional<std::size_t> kept_versions() { return std::nullopt; }

  /// Puts a value there by other means than the backend: by hand, by the vendor's console. How a
  /// read-only backend gets something to read, and how `watch` gets something to notice.
  virtual bool put_by_hand(const ResourceId&, std::string_view) { return false; }
  /// The store is down, or gone, until `heal`.
  virtual bool make_unavailable() { return false; }
  /// The store refuses us, by its permissions or ours, until `heal`.
  virtual bool make_forbidden() { return false; }
  /// The store takes calls and never answers, until `heal`. Deadlines must then run on real time.
  virtual bool stall() { return false; }
  virtual void heal() {}
  /// How long a call on a stalled store, or the notice of a change, may take, with room for a busy
  /// machine.
  virtual std::chrono::milliseconds longest_call() { return std::chrono::seconds(30); }
  /// Ends the backend and opens another on the same store, as a restart does.
  virtual bool reopen() { return false; }
};

struct Subject {
  const char* name;
  std::function<std::unique_ptr<Fixture>()> make;
};
inline void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.name; }

/// The one resource that most cases are about, and another.
inline const ResourceId kId{"default", "key", "1"};
inline const ResourceId kOther{"default", "key", "2"};

/// The kind of failure, or "ok".
template <class R>
std::string kind(const R& result) {
  return result ? "ok" : std::string(to_string(result.error().kind));
}

inline std::string name_of(const ::testing::TestParamInfo<Subject>& info) {
  return info.param.name;
}

class Conformance : public ::testing::TestWithParam<Subject> {
 protected:
  Conformance() : fixture_(GetParam().make()) {}

  Backend& backend() { return fixture_->backend(); }
  const Capabilities& can() { return backend().capabilities(); }

  Result<Resource> read(const ResourceId& id, const VersionId& version = {});
  Result<VersionId> write(const ResourceId& id, std::string_view value, WriteOptions options = {});
  Result<> remove(const ResourceId& id, RemoveOptions options = {});
  Result<> undelete(const ResourceId& id);
  Result<> destroy(const ResourceId& id, const VersionId& version);
  Result<> replace(const ResourceId& id, const VersionId& version, std::string_view value);
  Result<Page> list(ListOptions options);
  Result<Page> versions(const ResourceId& id, ListOptions options = {});
  /// Writes it, or has the fixture put it there; false when neither can.
  bool put(const ResourceId& id, std::string_view value);
  /// Deletes so that `undelete` can bring it back.
  Result<> remove_softly(const ResourceId& id) { return remove(id, {std::nullopt, true}); }

  /// All pages of `limit` entries, as paths.
  std::vector<std::string> list_all(const std::string& prefix, std::size_t limit);
  /// All pages of `limit` entries; empty when there is none. Expects them to be ordered.
  std::vector<Entry> history(const ResourceId& id, std::size_t limit = 1000);
  /// What each version of the history holds, newest first; "<kind>" where it cannot be read.
  std::vector<std::string> texts(const ResourceId& id);
  /// The value as text, or the error's kind in angle brackets.
  std::string text_of(const ResourceId& id, const VersionId& version = {});

  /// Every call that the backend can do, by name, on `kId`, `kOther` (deleted) and an absent one.
  struct Ask {
    const char* name;
    std::function<awaitable<Result<>>()> start;
  };
  std::vector<Ask> everything();
  /// Every call says `unavailable` until `heal`, and after it all is as before.
  void expect_unavailable_until_healed();

  std::unique_ptr<Fixture> fixture_;
};

}  // namespace kbs::storage::testing
