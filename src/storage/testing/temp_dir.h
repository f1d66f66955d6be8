#pragma once
/// A directory that goes away with the test.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace kbs::storage::testing {

namespace fs = std::filesystem;

class TempDir {
 public:
  TempDir() {
    std::string name = (fs::temp_directory_path() / "kbs-storage-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const noexcept { return path_; }
  std::string at(std::string_view below) const { return (path_ / below).string(); }

  /// As `tee` does it: directories made, the file rewritten in place.
  void put(std::string_view below, std::string_view text) const {
    const fs::path file = path_ / below;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  std::string get(std::string_view below) const {
    std::ifstream in(path_ / below, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Whether a temporary file of ours lies anywhere in it.
  bool has_leftovers() const {
    for (const auto& entry : fs::recursive_directory_iterator(path_)) {
      if (entry.path().filename().string().starts_with(".kbs-tmp-")) return true;
    }
    return false;
  }

 private:
  fs::path path_;
};

}  // namespace kbs::storage::testing
