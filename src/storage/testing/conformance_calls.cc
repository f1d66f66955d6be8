// The plain calls of the conformance suite, each run to its end.
#include <algorithm>

#include "storage/testing/conformance.h"

namespace kbs::storage::testing {

using kbs::testing::run;

Result<Resource> Conformance::read(const ResourceId& id, const VersionId& version) {
  return run(backend().read(id, ReadOptions{version}));
}
Result<VersionId> Conformance::write(const ResourceId& id, std::string_view value,
                                     WriteOptions options) {
  return run(backend().write(id, Secret::from_text(value), std::move(options)));
}
Result<> Conformance::remove(const ResourceId& id, RemoveOptions options) {
  return run(backend().remove(id, std::move(options)));
}
Result<> Conformance::undelete(const ResourceId& id) { return run(backend().undelete(id)); }
Result<> Conformance::destroy(const ResourceId& id, const VersionId& version) {
  return run(backend().destroy(id, version));
}
Result<> Conformance::replace(const ResourceId& id, const VersionId& version,
                              std::string_view value) {
  return run(backend().replace(id, version, Secret::from_text(value)));
}
Result<Page> Conformance::list(ListOptions options) {
  return run(backend().list(std::move(options)));
}
Result<Page> Conformance::versions(const ResourceId& id, ListOptions options) {
  return run(backend().versions(id, std::move(options)));
}

bool Conformance::put(const ResourceId& id, std::string_view value) {
  if (!can().write) return fixture_->put_by_hand(id, value);
  auto written = write(id, value);
  if (!written) ADD_FAILURE() << describe(written.error());
  return written.has_value();
}

std::vector<std::string> Conformance::list_all(const std::string& prefix, std::size_t limit) {
  std::vector<std::string> paths;
  ListOptions options{prefix, limit, ""};
  for (int pages = 0; pages < 1000; ++pages) {
    auto page = list(options);
    if (!page) {
      ADD_FAILURE() << describe(page.error());
      return paths;
    }
    EXPECT_LE(page->entries.size(), limit);
    for (const Entry& entry : page->entries) paths.push_back(entry.path);
    if (page->next.empty()) return paths;
    options.cursor = page->next;
  }
  ADD_FAILURE() << "the listing never ends";
  return paths;
}

std::vector<Entry> Conformance::history(const ResourceId& id, std::size_t limit) {
  std::vector<Entry> all;
  ListOptions options{"", limit, ""};
  for (int pages = 0; pages < 1000; ++pages) {
    auto page = versions(id, options);
    if (!page) {
      EXPECT_EQ(kind(page), "not_found");
      EXPECT_EQ(pages, 0) << "not found half-way";
      return all;
    }
    EXPECT_LE(page->entries.size(), limit);
    for (Entry& entry : page->entries) all.push_back(std::move(entry));
    if (page->next.empty()) break;
    options.cursor = page->next;
  }
  const auto older = [](const Entry& a, const Entry& b) {
    return a.metadata.updated > b.metadata.updated;
  };
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), older)) << "newest first";
  for (const Entry& entry : all) EXPECT_EQ(entry.path, id.path());
  return all;
}

std::vector<std::string> Conformance::texts(const ResourceId& id) {
  std::vector<std::string> all;
  for (const Entry& entry : history(id)) all.push_back(text_of(id, entry.version));
  return all;
}

std::string Conformance::text_of(const ResourceId& id, const VersionId& version) {
  auto resource = read(id, version);
  if (!resource) return '<' + std::string(to_string(resource.error().kind)) + '>';
  return std::string(resource->value.expose_text());
}

namespace {

template <class T>
awaitable<Result<>> drop_value(awaitable<Result<T>> work) {
  auto result = co_await std::move(work);
  if (!result) co_return tl::unexpected(std::move(result).error());
  co_return Result<>();
}

}  // namespace

std::vector<Conformance::Ask> Conformance::everything() {
  Backend& store = backend();
  std::vector<Ask> all = {
      {"read", [&] { return drop_value(store.read(kId, {})); }},
      {"read what is absent", [&] { return drop_value(store.read({"no", "such", "one"}, {})); }},
      {"health", [&] { return store.health(); }},
  };
  if (can().write) {
    all.push_back({"write", [&] {
                     return drop_value(store.write(kId, Secret::from_text("new"), WriteOptions()));
                   }});
  }
  if (can().list) all.push_back({"list", [&] { return drop_value(store.list({})); }});
  if (can().versions) {
    all.push_back({"versions", [&] { return drop_value(store.versions(kId, {})); }});
    all.push_back({"destroy", [&] { return store.destroy(kId, "no-such-version"); }});
  }
  if (can().replace) {
    all.push_back({"replace", [&] { return store.replace(kId, "", Secret::from_text("new")); }});
  }
  if (can().undelete) all.push_back({"undelete", [&] { return store.undelete(kId); }});
  if (can().remove) all.push_back({"remove", [&] { return store.remove(kOther, {}); }});
  return all;
}

}  // namespace kbs::storage::testing
