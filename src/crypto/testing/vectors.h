#pragma once
/// Recorded vectors: ours in tests/vectors, and the larger collection that lives beside the
/// repository.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/json.h"

namespace kbs::crypto::testing {

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The array in a JSON file below tests/vectors. Throws when it is missing or malformed: it is part
/// of the tree.
inline json::array vectors(const std::string& name) {
  return parse_json(slurp(std::filesystem::path(KBS_SOURCE_DIR) / "tests/vectors" / name))
      .value()
      .as_array();
}

/// `base` with member `name` replaced, or without it when `value` is null.
template <class T>
json::object with(json::object base, std::string_view name, const T& value) {
  if constexpr (std::is_null_pointer_v<T>) {
    base.erase(name);
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    base[name] = std::string_view(value);
  } else {
    base[name] = json::value(value);
  }
  return base;
}

/// The shared collection: `VOUCHSAFE_VECTORS`, or `../shared/vectors` seen from the repository. It
/// may be absent; tests that need it then skip.
inline std::filesystem::path shared_vectors() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
  if (const char* dir = std::getenv("VOUCHSAFE_VECTORS")) return dir;
  return std::filesystem::path(KBS_SOURCE_DIR) / "../shared/vectors";
}

}  // namespace kbs::crypto::testing
