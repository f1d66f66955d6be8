#include "storage/encrypted/encrypted.h"

#include "base/log.h"
#include "crypto/random.h"
#include "storage/encrypted/journal_names.h"
#include "storage/encrypted/kek.h"
#include "storage/encrypted/store.h"

namespace kbs::storage::encrypted {
namespace {

/// What the manifest's journal needs of a backend.
bool can_keep_manifest(const Capabilities& can) {
  return can.write && can.remove && can.list && can.compare_and_set;
}

std::shared_ptr<Journal> journal_of(const Store::Parts& parts, const Era& era, Tuning tuning) {
  JournalKeys keys{parts.keys.store, parts.keys.derive("kbs journal 1", era.id),
                   parts.keys.derive("kbs checkpoint 1", era.id)};
  return std::make_shared<Journal>(parts.uncached, std::move(keys), era.first, parts.services,
                                   tuning, parts.mount);
}

Store::Parts copy_of(const Store::Parts& parts) {
  StoreKeys keys{parts.keys.store, parts.keys.store_key.clone(), parts.keys.keys, parts.keys.header,
                 parts.keys.fresh};
  return {parts.inner,    parts.uncached, std::move(keys), parts.journal,
          parts.services, parts.options,  parts.mount};
}

/// Everything that lies in the store and is genuine: what a manifest that begins late starts from.
awaitable<Result<Books>> take_stock(const Store::Parts& parts) {
  const auto reader = std::make_shared<Store>(copy_of(parts));
  Books books;
  auto each = [&](ResourceId id) -> awaitable<Result<>> {
    const std::string path = id.path();
    auto state = co_await reader->authentic(std::move(id));
    if (state && *state) books.current.emplace(path, **state);
    if (!state) {
      log_error(LogLevel::warn, "storage", "a stored value does not join the manifest",
                state.error(), {{"mount", parts.mount}, {"path", path}});
    }
    co_return Result<>();
  };
  KBS_CO_OK(co_await for_each_resource(*parts.uncached, each));
  co_return books;
}

/// A number beyond all that an abandoned journal left behind.
awaitable<Result<std::uint64_t>> unused_number(Backend& inner) {
  std::uint64_t highest = 0;
  ListOptions options;
  options.prefix = std::string(kOwnRepository) + '/';
  do {
    ListOptions page_options = options;
    KBS_CO_TRY(const Page page, co_await inner.list(std::move(page_options)));
    for (const Entry& entry : page.entries) {
      const auto id = ResourceId::parse(entry.path);
      if (!id) continue;
      const auto part = part_of(id->tag);
      const auto number = part ? std::optional(part->number) : from_fixed_hex(id->tag, 16);
      highest = std::max(highest, number.value_or(0));
    }
    options.cursor = page.next;
  } while (!options.cursor.empty());
  co_return highest + 2;
}

/// Gives a store that had none a manifest. Its first checkpoint is complete before the header says
/// that there is one.
awaitable<Result<>> begin_manifest(Store::Parts& parts, Tuning tuning) {
  KBS_LOG(warn, "storage",
          "the encrypted store gets a manifest: what lies in it now is taken as it is",
          {{"mount", parts.mount}});
  Era era;
  crypto::random_bytes(era.id);
  KBS_CO_TRY(era.first, co_await unused_number(*parts.uncached));
  KBS_CO_TRY(Books books, co_await take_stock(parts));
  const auto journal = journal_of(parts, era, tuning);
  KBS_CO_OK(co_await journal->begin(std::move(books)));
  HeaderEdit edit = [&era](Header& header) -> Result<bool> {
    if (header.manifest) return false;
    header.manifest = era;
    return true;
  };
  KBS_CO_TRY(parts.keys.header,
             co_await edit_header(parts.uncached, parts.keys.store_key, std::move(edit)));
  // Another process was quicker: ours must not be mistaken for a damaged one of theirs.
  if (parts.keys.header.manifest->id != era.id) co_return co_await journal->abandon();
  co_return Result<>();
}

/// A journal that is not kept up would call every later change a forgery.
awaitable<Result<>> end_manifest(Store::Parts& parts) {
  KBS_LOG(
      warn, "storage",
      "the encrypted store gives up its manifest: older or missing values are no longer noticed",
      {{"mount", parts.mount}});
  HeaderEdit edit = [](Header& header) -> Result<bool> {
    if (!header.manifest) return false;
    header.manifest.reset();
    return true;
  };
  KBS_CO_TRY(parts.keys.header,
             co_await edit_header(parts.uncached, parts.keys.store_key, std::move(edit)));
  co_return Result<>();
}

awaitable<Result<>> prepare_manifest(Store::Parts& parts, bool able, Tuning tuning) {
  if (!able) {
    if (parts.options.manifest) {
      KBS_LOG(warn, "storage",
              "this backend cannot hold the manifest (it takes writing, deleting, listing and "
              "creating under a condition): older or missing values will not be noticed",
              {{"mount", parts.mount}});
    }
    co_return Result<>();
  }
  if (!parts.options.manifest) {
    if (!parts.keys.header.manifest) {
      KBS_LOG(warn, "storage",
              "the encrypted store keeps no manifest: older or missing values are not noticed",
              {{"mount", parts.mount}});
      co_return Result<>();
    }
    co_return co_await end_manifest(parts);
  }
  if (!parts.keys.header.manifest) KBS_CO_OK(co_await begin_manifest(parts, tuning));
  parts.journal = journal_of(parts, *parts.keys.header.manifest, tuning);
  co_return co_await parts.journal->load();
}

}  // namespace

awaitable<Result<std::shared_ptr<Store>>> open_store(BackendPtr inner, Options options,
                                                     Services services, std::string mount,
                                                     BackendPtr uncached, Tuning tuning) {
  if (!uncached) uncached = inner;
  const bool able = can_keep_manifest(uncached->capabilities());
  Options effective = options;
  effective.manifest = options.manifest && able;
  KBS_CO_TRY(StoreKeys keys, co_await open_keys(uncached, std::move(effective), services, mount));
  Store::Parts parts{std::move(inner), std::move(uncached), std::move(keys), nullptr,
                     services,         std::move(options),  std::move(mount)};
  KBS_CO_OK(co_await prepare_manifest(parts, able, tuning));
  const auto store = std::make_shared<Store>(std::move(parts));
  KBS_CO_OK(co_await store->settle_all());
  co_return store;
}

awaitable<Result<std::shared_ptr<Encrypted>>> make(BackendPtr inner, Options options,
                                                   Services services, std::string mount,
                                                   BackendPtr uncached) {
  auto store = co_await open_store(std::move(inner), std::move(options), services, std::move(mount),
                                   std::move(uncached), Tuning{});
  if (!store) co_return tl::unexpected(std::move(store).error());
  co_return std::shared_ptr<Encrypted>(std::move(*store));
}

}  // namespace kbs::storage::encrypted
