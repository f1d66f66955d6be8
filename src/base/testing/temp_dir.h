#pragma once
/// A directory for each test, removed with all that is in it.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace kbs::testing {

/// A directory of its own for each test.
class TempDirTest : public ::testing::Test {
 protected:
  TempDirTest() {
    std::string name = ::testing::TempDir() + "kbs_test_XXXXXX";
    dir_ = ::mkdtemp(name.data());
  }
  ~TempDirTest() override { std::filesystem::remove_all(dir_); }
  std::string path(std::string_view name) const { return dir_ + "/" + std::string(name); }
  void put(std::string_view name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::string get(std::string_view name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(dir_))
      all.push_back(entry.path().filename());
    return all;
  }
  std::string dir_;
};

}  // namespace kbs::testing
