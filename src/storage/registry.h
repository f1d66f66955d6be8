#pragma once
/// The list of backends (`backends.def`), for the configuration and for people.

#include <functional>
#include <span>
#include <string_view>

#include "storage/backend.h"
#include "storage/key_value.h"
#include "storage/settings.h"

namespace kbs::storage {

/// What a mount asks of its backend, whatever the backend.
struct BackendTraits {
  std::string mount;              ///< its name, for messages and logs
  unsigned versions = 10;         ///< earlier versions kept per resource; 0 = none
  std::string name_template;      ///< "" = the backend's own way; see name_template.h
  bool allow_collisions = false;  ///< the operator accepts a template that makes two resources one
  std::string prefix{};  ///< what the mount's `repository` says: `fixed` of NameTemplate::compile
};

/// Opens the backend. Blocks; errors name the key and the remedy.
using BackendMaker = std::function<Result<BackendPtr>(Services services)>;

struct BackendKind {
  std::string_view name;  ///< as in `backend = "local_fs"`
  /// Reads and checks the backend's keys; what is wrong goes to `settings.problem`. Opens nothing.
  BackendMaker (*configure)(Settings& settings, const BackendTraits& traits);
};

/// All that this build has, in the order of the documentation.
std::span<const BackendKind> backend_kinds() noexcept;

}  // namespace kbs::storage
