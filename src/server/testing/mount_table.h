#pragma once
/// One server configuration with every kind of local mount, in a directory of the test's own.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/testing/temp_dir.h"
#include "kbs/config/load.h"

namespace kbs::server::testing {

class MountTableTest : public kbs::testing::TempDirTest {
 protected:
  MountTableTest() {
    put("kek", std::string(32, 'k'));
    ::chmod(path("kek").c_str(), 0600);
    std::filesystem::create_directories(path("shelf/shelf/t"));
    std::ofstream(path("shelf/shelf/t/g")) << "by hand";
  }

  static constexpr const char* kServer =
      "[http_server]\ninsecure_http = true\nsockets = [\"127.0.0.1:0\"]\nworker_count = 1\n"
      "[admin]\nauthorization_mode = \"InsecureAllowAll\"\n"
      "[attestation_token]\ninsecure_header_jwk = true\n";
  static constexpr const char* kNoAudit = "[audit]\nsink = \"none\"\n";
  std::string mount(const std::string& name, const std::string& repository,
                    const std::string& backend, const std::string& keys = "") const {
    return "[[mounts]]\nname = \"" + name + "\"\nrepository = \"" + repository +
           "\"\nbackend = \"" + backend + "\"\n" + keys;
  }
  std::string directory(const std::string& name) const { return "path = \"" + path(name) + "\"\n"; }
  /// LocalFs by default; below it encrypted LocalFs, LocalJson, Memory and a read-only LocalFs.
  std::string table() const {
    return std::string(kServer) + kNoAudit + mount("plain", "", "local_fs", directory("plain")) +
           mount(
               "sealed", "sealed", "local_fs",
               directory("sealed") + "[mounts.encryption]\nkey_file = \"" + path("kek") + "\"\n") +
           mount("json", "json", "local_json", directory("json")) +
           mount("scratch", "json/scratch", "memory") +
           mount("shelf", "shelf", "local_fs", directory("shelf") + "read_only = true\n");
  }
  static Result<config::Config> load(const std::string& text) {
    return config::load_text(text, "toml", "test.toml");
  }
  /// All bytes of all files below `name`, one after the other.
  std::string everything_in(const std::string& name) const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path(name))) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  }
};

}  // namespace kbs::server::testing
