#pragma once
/// Resources in a namespace of the key-value layer: how the reference's `LocalJson` keeps them.

#include <optional>

#include "storage/backend.h"
#include "storage/key_value.h"
#include "storage/name_template.h"

namespace kbs::storage::kv {

/// The reference's namespace of resources.
inline constexpr const char* kResources = "repository";
/// What a LocalJson file can hold in a name besides letters and digits: any printable ASCII.
inline constexpr NameAlphabet kLocalJsonNames{"-_./:@+=,~%!$&'()*;# []{}^`|<>?", true, 0};

/// A backend over `store`, which `open_key_value` opened as `local_json`: writes, removals, listing
/// and compare-and-set, each one step for all processes on the file; no history, no expiry. Without
/// `names` a key is `repository/type/tag`, as the reference has it; under one-way names there is no
/// listing. `unsupported` for a store that cannot tell one write of a key from the next
/// (`VersionedStore`).
Result<BackendPtr> make_backend(const KeyValuePtr& store, std::optional<NameTemplate> names = {});

}  // namespace kbs::storage::kv
