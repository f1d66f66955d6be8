#pragma once
/// What every backend must keep, driven by the capabilities it declares. Instantiate it in the
/// backend's test:
///
///   INSTANTIATE_TEST_SUITE_P(Memory, Conformance, ::testing::Values(Subject{"memory",
///   make_memory}), name_of);

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "base/testing/manual_clock.h"
#include "base/testing/run.h"
#include "storage/backend.h"

namespace kbs::storage::testing {

/// One fresh, empty backend and what it stands on.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual Backend& backend() = 0;
  /// The clock of its expiry, if it has that capability.
  virtual kbs::testing::ManualClock* clock() { return nullptr; }
};

struct Subject {
  const char* name;
  std::function<std::unique_ptr<Fixture>()> make;
};
inline void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.name; }

/// The one resource that most cases are about.
inline const ResourceId kId{"default", "key", "1"};

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
  Result<Page> list(ListOptions options);
  /// All pages of `limit` entries, as paths.
  std::vector<std::string> list_all(const std::string& prefix, std::size_t limit);
  /// The value as text, or the error's kind in angle brackets.
  std::string text_of(const ResourceId& id);

  std::unique_ptr<Fixture> fixture_;
};

}  // namespace kbs::storage::testing
