#include "kbs/config/interpret.h"

namespace kbs::config {
namespace {

/// `file_dir_path` and the two names that documents and the operator use for it.
void read_local_json(Section section, StorageBackend& out) {
  section.read("file_dir_path", out.local_json_dir);
  for (const char* const key : {"dir_path", "file_path"}) {
    std::string dir;
    section.read(key, dir);
    if (dir.empty()) continue;
    if (section.has("file_dir_path")) {
      section.warn(std::string("\"") + key + "\" has no effect: file_dir_path beside it counts");
    } else {
      out.local_json_dir = dir;
      section.warn(std::string("\"") + key +
                   "\" is read as file_dir_path; the reference ignores it and uses "
                   "/opt/confidential-containers/storage/local_json");
    }
  }
  section.finish();
}

void check_postgres(Section section) {
  section.check_text("db");
  section.check_text("username");
  section.check_secret("password", false);
  section.check_text("host");
  section.check_number("port", 1, 65535);
  section.dead("table", "every namespace is a table of its own");
  section.finish();
}

}  // namespace

std::optional<storage::KeyValueType> read_storage_type(Section& section, const std::string& key,
                                                       const StorageTables& tables) {
  using storage::KeyValueType;
  const auto word =
      section.read_word(key, {"Memory", "memory", "LocalFs", "local_fs", "LocalJson", "local_json",
                              "Postgres", "postgres", "Redis", "redis"});
  if (!word) return std::nullopt;
  static constexpr const char* kNames[] = {"Memory", "LocalFs", "LocalJson", "Postgres", "Redis"};
  static constexpr const char* kTables[] = {"", "local_fs", "local_json", "postgres", "redis"};
  const bool written[] = {true, tables.local_fs, tables.local_json, tables.postgres, tables.redis};
  const std::size_t kind = *word / 2;
  if (!written[kind]) {
    section.problem(key, std::string(kNames[kind]) +
                             " configuration is required: add [storage_backend.backends." +
                             kTables[kind] + "], which may be empty");
  }
  if (kind >= 3) {
    section.report().not_in_this_build((section.path().empty() ? "" : section.path() + " ") + key +
                                       " = \"" + kNames[kind] +
                                       "\"; use LocalFs, LocalJson or Memory");
    return std::nullopt;
  }
  static constexpr KeyValueType kTypes[] = {KeyValueType::memory, KeyValueType::local_fs,
                                            KeyValueType::local_json};
  return kTypes[kind];
}

StorageTables read_storage_backend(Section section, StorageBackend& out) {
  out.present = section.present();
  StorageTables tables;
  Section backends = section.table("backends");
  // A table may be empty, and in YAML an empty one is null: written is what counts.
  const auto written = [&backends](const char* key) {
    return backends.present() && backends.is_written(key);
  };
  tables = {written("local_fs"), written("local_json"), written("postgres"), written("redis")};
  Section local_fs = backends.table("local_fs");
  local_fs.read("dir_path", out.local_fs_dir);
  if (out.local_fs_dir.empty()) local_fs.problem("dir_path", "must name a directory");
  local_fs.finish();
  read_local_json(backends.table("local_json"), out);
  check_postgres(backends.table("postgres"));
  Section redis = backends.table("redis");
  redis.check_secret("url", false);
  redis.finish();
  backends.finish();
  if (const auto type = read_storage_type(section, "storage_type", tables)) out.type = *type;
  section.finish();
  return tables;
}

}  // namespace kbs::config
