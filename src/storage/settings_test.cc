#include "storage/settings.h"

#include <gtest/gtest.h>

#include <fstream>

#include "storage/testing/temp_dir.h"

namespace kbs::storage {
namespace {

TEST(SecretSource, ReadsATextAFileAndAVariable) {
  const testing::TempDir dir;
  const std::string file = (dir.path() / "pin").string();
  std::ofstream(file) << "1234\r\n";
  ::setenv("KBS_SETTINGS_TEST", "from outside", 1);
  SecretSource text;
  text.text = std::make_shared<const Secret>(Secret::from_text("inline"));
  EXPECT_EQ(text.read()->expose_text(), "inline");
  EXPECT_EQ((SecretSource{SecretSource::Kind::file, file, nullptr}.read()->expose_text()), "1234");
  EXPECT_EQ((SecretSource{SecretSource::Kind::environment, "KBS_SETTINGS_TEST", nullptr}
                 .read()
                 ->expose_text()),
            "from outside");
}

TEST(SecretSource, NamesWhatIsMissing) {
  auto file = SecretSource{SecretSource::Kind::file, "/nonexistent/pin", nullptr}.read();
  ASSERT_FALSE(file);
  EXPECT_NE(describe(file.error()).find("/nonexistent/pin"), std::string::npos);
  auto variable = SecretSource{SecretSource::Kind::environment, "KBS_NO_SUCH", nullptr}.read();
  ASSERT_FALSE(variable);
  EXPECT_NE(variable.error().message.find("KBS_NO_SUCH"), std::string::npos);
}

}  // namespace
}  // namespace kbs::storage
