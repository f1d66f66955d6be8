// Reading everything, and saying what is not as it should be.
#include <set>

#include "storage/encrypted/store.h"

namespace kbs::storage::encrypted {
namespace {

using Finding = std::optional<std::string>;

/// What a failed read tells of the store. What cannot be had now is no finding.
Result<Finding> finding_of(const std::string& path, const Error& error) {
  if (error.kind == ErrorKind::not_found) return Finding();
  if (error.kind == ErrorKind::internal) return Finding(path + ": " + error.message);
  return tl::unexpected(error);
}

}  // namespace

awaitable<Result<std::vector<std::string>>> Store::verify() {
  std::set<std::string> paths;
  if (can_.list) {
    auto note = [&paths](ResourceId id) -> awaitable<Result<>> {
      paths.insert(id.path());
      co_return Result<>();
    };
    KBS_CO_OK(co_await for_each_resource(*uncached_, note));
  }
  if (journal_) {
    KBS_CO_OK(co_await journal_->catch_up());
    for (const State::Kind kind : {State::Kind::live, State::Kind::kept}) {
      for (std::string& path : journal_->ledger().all(kind)) paths.insert(std::move(path));
    }
  }
  std::vector<std::string> findings;
  for (const std::string& path : paths) {
    auto id = ResourceId::parse(path);
    if (!id) continue;
    KBS_CO_TRY(Finding current, co_await verify_current(*id));
    if (current) findings.push_back(std::move(*current));
    KBS_CO_TRY(Finding earlier, co_await verify_versions(std::move(*id)));
    if (earlier) findings.push_back(std::move(*earlier));
  }
  co_return findings;
}

awaitable<Result<std::optional<std::string>>> Store::verify_current(ResourceId id) {
  const std::string path = id.path();
  auto resource = co_await read_current(id);
  if (!resource) {
    KBS_CO_TRY(Finding finding, finding_of(path, resource.error()));
    if (finding) co_return finding;
  }
  if (journal_ && journal_->ledger().current(path).kind == State::Kind::kept) {
    KBS_CO_TRY(const bool kept, co_await is_kept(std::move(id)));
    if (!kept) co_return Finding(path + ": what was kept for undelete is gone");
  }
  co_return Finding();
}

awaitable<Result<std::optional<std::string>>> Store::verify_versions(ResourceId id) {
  if (!can_.versions) co_return Finding();
  KBS_CO_TRY(const std::vector<Entry> all, co_await all_versions(id));
  for (Entry entry : all) {
    if (entry.current) continue;
    const VersionId inner = entry.version;
    KBS_CO_OK(co_await describe_version(id, entry));
    VersionId version = entry.version;
    auto resource = co_await read_version(id, std::move(version));
    if (resource) continue;
    KBS_CO_TRY(Finding finding,
               finding_of(id.path() + " (version " + inner + ")", resource.error()));
    if (finding) co_return finding;
  }
  co_return Finding();
}

}  // namespace kbs::storage::encrypted
