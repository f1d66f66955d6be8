#include "storage/key_value.h"

#include "storage/kv/stores.h"

namespace kbs::storage {

Result<> kv::check_name_space(std::string_view name_space) {
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = name_space.find('/', begin);
    const std::string_view segment = name_space.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == ".." ||
        segment.find('\0') != std::string_view::npos) {
      return fail(ErrorKind::invalid_request,
                  "not a namespace of a key-value store: \"" + to_valid_utf8(name_space) + '"');
    }
    if (end == std::string_view::npos) return {};
    begin = end + 1;
  }
}

Result<KeyValuePtr> open_key_value(const KeyValueConfig& config, const std::string& name_space,
                                   Services services) {
  KBS_OK(kv::check_name_space(name_space));
  if (config.type == KeyValueType::memory) return kv::make_memory();
  if (config.dir_path.empty()) {
    return fail(ErrorKind::invalid_request, "a key-value store of files needs a `dir_path`");
  }
  if (config.type == KeyValueType::local_json) {
    return kv::open_local_json(config.dir_path, name_space, services);
  }
  return kv::open_local_fs(config.dir_path, name_space, services);
}

}  // namespace kbs::storage
