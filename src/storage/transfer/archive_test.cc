#include "storage/transfer/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace kbs::storage::transfer {
namespace {

using ::testing::HasSubstr;

struct Record {
  ArchiveEntry entry;
  std::string value;
};

ArchiveEntry entry(std::string path, bool current = true) {
  ArchiveEntry made;
  made.path = std::move(path);
  made.current = current;
  return made;
}

std::string write(const std::vector<Record>& records) {
  std::string text;
  ArchiveWriter writer([&text](auto bytes) {
    text += as_text(bytes);
    return Result<>();
  });
  EXPECT_TRUE(writer.begin({SysTime(std::chrono::microseconds(1)), "r/", true}));
  for (const Record& record : records) {
    EXPECT_TRUE(writer.add(record.entry, Secret::from_text(record.value)));
  }
  EXPECT_TRUE(writer.finish());
  return text;
}

/// Gives `text` in small pieces.
ByteSource source_of(const std::string& text) {
  return [&text, at = std::size_t{0}](std::span<std::byte> into) mutable -> Result<std::size_t> {
    const std::size_t size = std::min({into.size(), text.size() - at, std::size_t{1000}});
    std::ranges::copy(as_bytes(text).subspan(at, size), into.begin());
    at += size;
    return size;
  };
}

Result<std::vector<Record>> read(const std::string& text) {
  ArchiveReader reader(source_of(text));
  KBS_OK(reader.begin());
  std::vector<Record> records;
  for (;;) {
    KBS_TRY(std::optional<ArchiveEntry> next, reader.next());
    if (!next) return records;
    KBS_TRY(const Secret value, reader.value());
    records.push_back({std::move(*next), std::string(value.expose_text())});
  }
}

/// One record of the format as docs/storage-commands.md has it.
std::string record(std::string_view header, std::string_view value = {}) {
  std::string text(4, '\0');
  text[2] = static_cast<char>(header.size() >> 8);
  text[3] = static_cast<char>(header.size() & 0xFF);
  return text.append(header).append(value);
}

TEST(Archive, WhatWasWrittenIsRead) {
  ArchiveEntry full = entry("r/t/1", false);
  full.version = "v-1";
  full.content_type = "text/plain";
  full.updated = SysTime(std::chrono::microseconds(1'785'700'000'123'456));
  full.not_after = SysTime(std::chrono::microseconds(1'885'700'000'000'001));
  const auto records = read(
      write({{full, "old"}, {entry("r/t/1"), ""}, {entry("r/t/2"), std::string(200'000, 'x')}}));
  ASSERT_TRUE(records) << describe(records.error());
  ASSERT_EQ(records->size(), 3u);
  const ArchiveEntry& first = (*records)[0].entry;
  EXPECT_EQ(first.path, "r/t/1");
  EXPECT_EQ(first.version, "v-1");
  EXPECT_EQ(first.content_type, "text/plain");
  EXPECT_EQ(first.updated, full.updated);
  EXPECT_EQ(first.not_after, full.not_after);
  EXPECT_EQ(first.size, 3u);
  EXPECT_FALSE(first.current);
  EXPECT_TRUE((*records)[1].entry.current);
  EXPECT_FALSE((*records)[1].entry.not_after);
  EXPECT_EQ((*records)[0].value, "old");
  EXPECT_EQ((*records)[2].value, std::string(200'000, 'x'));
}

TEST(Archive, AnEmptyOneIsAnArchive) {
  const auto records = read(write({}));
  ASSERT_TRUE(records);
  EXPECT_TRUE(records->empty());
}

TEST(Archive, TheFormatStaysAsItIsDocumented) {
  EXPECT_EQ(
      write({{entry("r/t/1"), "value"}}),
      record(
          R"({"format":"vouchsafe-archive","version":1,"created":1,"prefix":"r/","history":true})") +
          record(
              R"({"path":"r/t/1","version":"","current":true,"content_type":"","updated":0,"size":5})",
              "value") +
          record(R"({"end":true,"resources":1,"versions":1,"bytes":5})"));
}

TEST(Archive, APieceOfAnArchiveIsRefused) {
  const std::string whole = write({{entry("r/t/1"), "value"}, {entry("r/t/2"), "another"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto records = read(whole.substr(0, size));
    ASSERT_FALSE(records) << size;
    EXPECT_EQ(records.error().kind, ErrorKind::invalid_request);
  }
}

TEST(Archive, WhatDoesNotAddUpIsRefused) {
  const std::string head = record(
      R"({"format":"vouchsafe-archive","version":1,"created":1,"prefix":"","history":false})");
  const std::string one = record(
      R"({"path":"r/t/1","version":"","current":true,"content_type":"","updated":0,"size":1})",
      "v");
  const std::string end = record(R"({"end":true,"resources":1,"versions":1,"bytes":1})");
  ASSERT_TRUE(read(head + one + end));
  struct Case {
    std::string text;
    const char* why;
  };
  const Case cases[] = {
      {one + end, "no head"},
      {head + end, "a record less than its end says"},
      {head + one + one + end, "a record more than its end says"},
      {head + one + end + "x", "bytes behind its end"},
      {head + head + end, "a head in the middle"},
      {head + one + record(R"({"end":false,"resources":1,"versions":1,"bytes":1})"), "no end"},
      {head + one + record(R"({"end":true,"resources":1,"versions":1,"bytes":2})"), "other bytes"},
      {head + one + record(R"({"end":true,"resources":1,"versions":1})"), "an end without counts"},
      {head + record("{") + end, "no JSON"},
      {head + record("[]") + end, "no object"},
      {head + record(R"({"path":"r/t/1"})") + end, "members missing"},
      {head +
           record(
               R"({"path":"../t/1","version":"","current":true,"content_type":"","updated":0,"size":0})"),
       "a path that is none"},
      {head +
           record(
               R"({"path":"r/t/1","version":"","current":true,"content_type":"","updated":0,"size":-1})"),
       "a negative size"},
      {head +
           record(
               R"({"path":"r/t/1","version":"","current":true,"content_type":"","updated":0,"size":268435457})"),
       "a size over the bound: nothing is allocated for it"},
      {head + std::string("\x7F\xFF\xFF\xFF", 4), "a header over the bound"},
  };
  for (const Case& c : cases) {
    const auto records = read(c.text);
    ASSERT_FALSE(records) << c.why;
    EXPECT_EQ(records.error().kind, ErrorKind::invalid_request) << c.why;
  }
}

TEST(Archive, OneOfANewerReleaseIsNotCalledDamaged) {
  const auto records = read(record(
      R"({"format":"vouchsafe-archive","version":2,"created":1,"prefix":"","history":true})"));
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(records.error().message, HasSubstr("newer release"));
}

TEST(Archive, PiecesOfAValueAreAlwaysCutTheSameWay) {
  const std::string text = write({{entry("r/t/1"), std::string(3 * kArchivePiece + 7, 'x')}});
  ArchiveReader reader(source_of(text));
  ASSERT_TRUE(reader.begin());
  ASSERT_TRUE(reader.next());
  std::vector<std::size_t> sizes;
  ASSERT_TRUE(reader.value([&sizes](auto piece) { sizes.push_back(piece.size()); }));
  EXPECT_THAT(sizes,
              ::testing::ElementsAre(kArchivePiece, kArchivePiece, kArchivePiece, std::size_t{7}));
}

}  // namespace
}  // namespace kbs::storage::transfer
