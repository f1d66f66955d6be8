#pragma once
/// The decorator itself, split over store.cc, read.cc, change.cc,
/// deleted.cc, listing.cc, rewrap.cc, verify.cc.

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "storage/encrypted/encrypted.h"
#include "storage/encrypted/envelope.h"
#include "storage/encrypted/journal.h"

namespace kbs::storage::encrypted {

/// What lies in the inner backend under one name, not yet believed.
struct Actual {
  bool found = false;
  bool plain = false;          ///< found, and no envelope
  VersionId inner;             ///< its id there
  std::optional<State> state;  ///< what its head says; nullopt when damaged
  std::string content_type;
};

/// What a change starts from.
struct Ground {
  Actual actual;
  State now;               ///< what the resource is, after `settle`
  bool trusted = true;     ///< the store and the manifest agree
  std::vector<Op> settle;  ///< a change that turned out to have happened
};

/// A version id of ours.
struct OwnVersion {
  std::optional<Seq> seq;  ///< nullopt: not encrypted
  VersionId inner;
};
VersionId write_version(const std::optional<Seq>& seq, const VersionId& inner);
std::optional<OwnVersion> parse_version(const VersionId& version);

/// What an envelope says of itself.
State state_of(const Envelope& envelope);

class Store final : public Encrypted, public std::enable_shared_from_this<Store> {
 public:
  struct Parts {
    BackendPtr inner;
    BackendPtr uncached;
    StoreKeys keys;
    std::shared_ptr<Journal> journal;  ///< null: no manifest
    Services services;
    Options options;
    std::string mount;
  };
  explicit Store(Parts parts);

  const Capabilities& capabilities() const noexcept override { return can_; }
  awaitable<Result<Resource>> read(ResourceId id, ReadOptions options) override;
  awaitable<Result<VersionId>> write(ResourceId id, Secret value, WriteOptions options) override;
  awaitable<Result<>> remove(ResourceId id, RemoveOptions options) override;
  awaitable<Result<>> undelete(ResourceId id) override;
  awaitable<Result<Page>> list(ListOptions options) override;
  awaitable<Result<Page>> versions(ResourceId id, ListOptions options) override;
  awaitable<Result<>> destroy(ResourceId id, VersionId version) override;
  std::shared_ptr<void> watch(ChangeListener listener) override;
  awaitable<Result<>> health() override;
  awaitable<Result<RewrapReport>> rewrap() override;
  awaitable<Result<std::vector<std::string>>> verify() override;

  /// Settles what a crash left open, where the store shows that it happened.
  awaitable<Result<>> settle_all();
  /// What an envelope of this name says of itself once it has authenticated; nullopt when nothing
  /// encrypted lies there.
  awaitable<Result<std::optional<State>>> authentic(ResourceId id);

 private:
  using Held = Gate::Pass;
  using Self = std::shared_ptr<Store>;

  // store.cc
  /// The shape of a name; only `write` minds its length, too.
  Result<> admit(const ResourceId& id) const;
  Gate& gate(const std::string& path);
  bool expired(const State& state) const;

  // read.cc
  awaitable<Result<Resource>> read_current(ResourceId id);
  awaitable<Result<Resource>> read_version(ResourceId id, VersionId version);
  awaitable<Result<Secret>> data_key(const Envelope& envelope);
  awaitable<Result<Resource>> opened(const std::string& path, Resource stored,
                                     const Envelope& envelope);
  Result<Resource> plaintext(Resource stored) const;
  bool plausible(const std::string& path, const std::optional<Resource>& stored,
                 const std::optional<Envelope>& envelope, std::uint64_t since) const;
  awaitable<Error> alarm(std::string path, std::optional<Resource> stored,
                         std::optional<Envelope> envelope);
  void follow_sometimes(const asio::any_io_executor& executor);
  awaitable<void> follow_now(Self self);

  // change.cc
  awaitable<Result<Actual>> look(ResourceId id);
  awaitable<Result<bool>> is_kept(ResourceId id);
  awaitable<Result<bool>> settle_with(const ResourceId& id, const View& view, Ground& ground);
  awaitable<Result<Ground>> ground(ResourceId id);
  bool exists(const Ground& ground) const;
  Result<> check_conditions(const std::optional<VersionId>& if_version, const Ground& ground) const;
  awaitable<Result<Wrapping>> wrap(const Secret& data_key, const Seq& seq);
  awaitable<Result<Secret>> sealed(const ResourceId& id, const Bound& bound, const Secret& value);
  awaitable<Result<std::uint64_t>> announce(const std::string& path, Ground& ground, State next);
  awaitable<Result<>> confirm(const std::string& path, std::uint64_t intent);
  awaitable<void> give_up(const ResourceId& id, std::uint64_t intent, const State& next,
                          ErrorKind kind);
  awaitable<Result<VersionId>> write_held(Self self, Held held, ResourceId id, Secret value,
                                          WriteOptions options);
  awaitable<Result<>> remove_held(Self self, Held held, ResourceId id, RemoveOptions options);

  // deleted.cc
  awaitable<Result<>> undelete_held(Self self, Held held, ResourceId id);
  awaitable<Result<>> destroy_held(Self self, Held held, ResourceId id, OwnVersion version);
  awaitable<Result<std::optional<State>>> next_kept(const ResourceId& id, const VersionId& leaving);
  awaitable<Result<>> settle_one(std::string path);

  // listing.cc
  awaitable<Result<bool>> describe_entry(Entry& entry);
  awaitable<Result<>> describe_version(const ResourceId& id, Entry& entry);

  // rewrap.cc
  awaitable<Result<RewrapReport>> rewrap_resource(Self self, Held held, ResourceId id);
  awaitable<Result<RewrapReport>> rewrap_kept(ResourceId id);
  awaitable<Result<RewrapReport>> rewrap_versions(const ResourceId& id);
  awaitable<Result<>> rewrap_version(const ResourceId& id, const Entry& entry,
                                     RewrapReport& report);
  awaitable<Result<bool>> rewrap_envelope(const ResourceId& id, const Entry& entry,
                                          const Envelope& envelope);
  awaitable<Result<bool>> encrypt_version(const ResourceId& id, const Entry& entry,
                                          const Resource& stored);
  awaitable<Result<>> put_in_place(const ResourceId& id, const Entry& entry, Secret bytes);
  awaitable<Result<std::vector<Entry>>> all_versions(const ResourceId& id);
  awaitable<Result<>> drop_old_keys();

  // verify.cc
  awaitable<Result<std::optional<std::string>>> verify_current(ResourceId id);
  awaitable<Result<std::optional<std::string>>> verify_versions(ResourceId id);

  const BackendPtr inner_;
  const BackendPtr uncached_;  ///< the same without a cache: what changes start from
  const StoreKeys keys_;
  const std::shared_ptr<Journal> journal_;
  const Services services_;
  const bool accept_plaintext_;
  const std::string mount_;
  Capabilities can_;
  std::array<Gate, 1024> gates_;  ///< one change of a resource at a time
};

/// As `make`, with the manifest's measures.
awaitable<Result<std::shared_ptr<Store>>> open_store(BackendPtr inner, Options options,
                                                     Services services, std::string mount,
                                                     BackendPtr uncached, Tuning tuning);

/// The names of all resources in `inner`, but for those of the store itself.
template <class Each>
awaitable<Result<>> for_each_resource(Backend& inner, Each each) {
  ListOptions options;
  do {
    ListOptions page_options = options;
    KBS_CO_TRY(Page page, co_await inner.list(std::move(page_options)));
    for (Entry& entry : page.entries) {
      auto id = ResourceId::parse(entry.path);
      if (!id || id->repository == kOwnRepository) continue;
      ResourceId name = std::move(*id);
      KBS_CO_OK(co_await each(std::move(name)));
    }
    options.cursor = std::move(page.next);
  } while (!options.cursor.empty());
  co_return Result<>();
}

}  // namespace kbs::storage::encrypted
