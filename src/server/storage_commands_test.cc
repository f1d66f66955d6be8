#include "server/storage_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/temp_dir.h"
#include "server/storage_sides.h"

namespace kbs::server {
namespace {

using ::testing::HasSubstr;
using Command = StorageLine::Command;

/// What a configuration must say besides its mounts.
constexpr const char* kHead =
    "[http_server]\ninsecure_http = true\n[admin]\nauthorization_mode = \"DenyAll\"\n"
    "[attestation_service]\ntype = \"None\"\n[attestation_token]\ninsecure_header_jwk = true\n";

class StorageCommandsTest : public kbs::testing::TempDirTest {
 protected:
  void file(const std::string& below, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(path(below)).parent_path());
    put(below, text);
  }
  struct Ran {
    int status;
    std::string out;
    std::string err;
  };
  static Ran run(const StorageLine& line) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int status = storage_command(line);
    std::string out = ::testing::internal::GetCapturedStdout();
    return {status, std::move(out), ::testing::internal::GetCapturedStderr()};
  }
  StorageLine line(Command command, const std::string& from = {},
                   const std::string& to = {}) const {
    StorageLine made;
    made.command = command;
    if (!from.empty()) made.from = "local_fs:" + path(from);
    if (!to.empty()) made.to = "local_fs:" + path(to);
    return made;
  }
};

TEST_F(StorageCommandsTest, CopiesOldDirectoriesIntoOneAndTellsSo) {
  file("tree/default/key/1", "hush");
  file(R"(flat/default\x2Fkey\x2F2)", "psst");
  Ran ran = run(line(Command::copy, "tree", "all"));
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out, "copied 1 of 1 resource (1 value, 4 bytes)\n");
  EXPECT_EQ(ran.err, "");
  ran = run(line(Command::copy, "flat", "all"));
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(get("all/default/key/1"), "hush");
  EXPECT_EQ(get("all/default/key/2"), "psst");
  StorageLine flat = line(Command::copy, "all", "back");
  flat.to += "?layout=flat";
  EXPECT_EQ(run(flat).status, 0);
  EXPECT_EQ(get(R"(back/default\x2Fkey\x2F1)"), "hush");
}

TEST_F(StorageCommandsTest, ADifferenceIsStatusOneAndNoValueIsPrinted) {
  file("a/r/t/1", "hush");
  file("a/r/t/2", "hush");
  file("b/r/t/1", "psst");
  file("b/r/t/3", "psst");
  for (bool json : {false, true}) {
    for (Command command : {Command::verify, Command::copy, Command::migrate}) {
      StorageLine asked = line(command, "a", "b");
      asked.json = json;
      asked.verbose = true;
      const Ran ran = run(asked);
      EXPECT_EQ(ran.status, 1);
      EXPECT_THAT(ran.out + ran.err, HasSubstr("r/t/1"));
      for (const char* value : {"hush", "psst"}) {
        EXPECT_EQ((ran.out + ran.err).find(value), std::string::npos);
      }
      if (json) EXPECT_TRUE(parse_json_object(ran.out)) << ran.out;
    }
  }
}

TEST_F(StorageCommandsTest, WrongUsageIsStatusTwoAndSaysWhatToWrite) {
  file("a/r/t/1", "v");
  file("config.toml", std::string(kHead) +
                          "[[mounts]]\nname = \"gone\"\nbackend = \"memory\"\n"
                          "repository = \"gone\"\n[[mounts]]\nname = \"files\"\nrepository = "
                          "\"r\"\nbackend = \"local_fs\"\npath = \"" +
                          path("a") + "\"\n");
  const auto with = [this](Command command, const std::string& from, const std::string& to,
                           bool config = true) {
    StorageLine made;
    made.command = command;
    made.from = from;
    made.to = to;
    if (config) made.config = path("config.toml");
    return made;
  };
  const std::string dir = "local_fs:" + path("b");
  StorageLine neither = with(Command::migrate, dir, "");
  StorageLine both = with(Command::migrate, dir, "local_fs:" + path("c"));
  both.layout = "flat";
  StorageLine mount = with(Command::rewrap, "", "");
  mount.mount = "files";
  struct Case {
    StorageLine line;
    const char* message;
  };
  const Case cases[] = {
      {with(Command::copy, "files", "nowhere"), "there are: "},
      {with(Command::copy, "files", "gone"), "memory of the server"},
      {with(Command::copy, "files", "files"), "same store"},
      {with(Command::copy, "files", dir, false), "-c FILE"},
      {with(Command::copy, "files", "fs:" + path("b")), "there are local_fs"},
      {with(Command::copy, "files", "memory:x"), "there are local_fs"},
      {with(Command::copy, "files", "local_fs:"), "local_fs:DIR"},
      {with(Command::copy, "files", dir + "?flat"), "layout=flat"},
      {with(Command::copy, "files", dir + "?layuot=flat"), "layout"},
      {with(Command::copy, "files", dir + "?layout=round"), "layout"},
      {with(Command::verify, "files", ""), "--mount NAME"},
      {with(Command::export_, "files", ""), "--recipient"},
      {with(Command::import, "", "files"), "--key FILE"},
      {neither, "either --to"},
      {both, "either --to"},
      {mount, "not encrypted"},
  };
  for (const Case& c : cases) {
    const Ran ran = run(c.line);
    EXPECT_EQ(ran.status, 2) << c.message;
    EXPECT_THAT(ran.err, HasSubstr(c.message));
    EXPECT_EQ(ran.out, "");
  }
}

TEST_F(StorageCommandsTest, AMistypedSourceIsNotMadeAndADryRunMakesNothing) {
  file("a/r/t/1", "v");
  EXPECT_EQ(run(line(Command::copy, "typo", "b")).status, 1);
  EXPECT_FALSE(std::filesystem::exists(path("typo")));
  StorageLine dry = line(Command::copy, "a", "b");
  dry.dry_run = true;
  EXPECT_EQ(run(dry).status, 1);
  EXPECT_FALSE(std::filesystem::exists(path("b")));
}

TEST_F(StorageCommandsTest, AMountTakesOnlyWhatAServerWouldAskItFor) {
  file("source/mine/t/1", "v");
  file("source/yours/t/1", "v");
  file("config.toml",
       std::string(kHead) + "[[mounts]]\nname = \"all\"\nbackend = \"local_fs\"\npath = \"" +
           path("all") +
           "\"\n[[mounts]]\nname = \"mine\"\nrepository = \"mine\"\nbackend = \"local_fs\"\n"
           "path = \"" +
           path("mine") + "\"\n");
  StorageLine to_mine = line(Command::copy, "source");
  to_mine.config = path("config.toml");
  to_mine.to = "mine";
  Ran ran = run(to_mine);
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("problem: yours/t/1"));
  EXPECT_THAT(ran.err, HasSubstr("--prefix"));
  EXPECT_EQ(get("mine/mine/t/1"), "v");
  // What another mount hides is not listed either.
  file("all/mine/t/hidden", "v");
  file("all/yours/t/seen", "v");
  StorageLine listing;
  listing.command = Command::list;
  listing.config = path("config.toml");
  listing.from = "all";
  ran = run(listing);
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out, HasSubstr("yours/t/seen"));
  EXPECT_EQ(ran.out.find("hidden"), std::string::npos);
}

TEST_F(StorageCommandsTest, ALayoutIsChangedInPlace) {
  file("dir/r/t/1", "v");
  StorageLine change = line(Command::migrate, "dir");
  change.layout = "flat";
  const Ran ran = run(change);
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("set layout = \"flat\""));
  EXPECT_EQ(get(R"(dir/r\x2Ft\x2F1)"), "v");
  change.from = "mount";
  EXPECT_THAT(run(change).err, HasSubstr("local_fs:DIR"));
}

TEST_F(StorageCommandsTest, AnArchiveGoesOutAndIn) {
  file("a/r/t/1", "hush");
  file("password", "correct horse\n");
  StorageLine out = line(Command::export_, "a");
  out.file = path("archive");
  out.password_file = path("password");
  EXPECT_EQ(run(out).status, 0);
  StorageLine in = line(Command::import, "", "b");
  in.file = path("archive");
  in.password_file = path("password");
  EXPECT_EQ(run(in).status, 0);
  EXPECT_EQ(get("b/r/t/1"), "hush");
  put("password", "wrong");
  EXPECT_EQ(run(in).status, 1);
}

}  // namespace
}  // namespace kbs::server
