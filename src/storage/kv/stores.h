#pragma once
/// The key-value stores, one `.cc` each.

#include "storage/key_value.h"

namespace kbs::storage::kv {

/// The largest value, and the largest LocalJson file, that is read.
inline constexpr std::uint64_t kMaxFile = 64u << 20;

KeyValuePtr make_memory();
Result<KeyValuePtr> open_local_fs(const std::string& dir_path, const std::string& name_space,
                                  Services services);
Result<KeyValuePtr> open_local_json(const std::string& dir_path, const std::string& name_space,
                                    Services services);

}  // namespace kbs::storage::kv
