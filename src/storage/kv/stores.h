#pragma once
/// The key-value stores, one `.cc` each.

#include "storage/key_value.h"

namespace kbs::storage::kv {

/// The largest value, and the largest LocalJson file, that is read.
inline constexpr std::uint64_t kMaxFile = 64u << 20;

/// `invalid_request` for one that would leave its directory, or is none.
Result<> check_name_space(std::string_view name_space);

KeyValuePtr make_memory();
Result<KeyValuePtr> open_local_fs(const std::string& dir_path, const std::string& name_space,
                                  Services services);
Result<KeyValuePtr> open_local_json(const std::string& dir_path, const std::string& name_space,
                                    Services services);

}  // namespace kbs::storage::kv
