#include "storage/encrypted/store.h"

#include "base/encoding.h"

namespace kbs::storage::encrypted {
namespace {

constexpr char kMark = '~';
constexpr std::string_view kPlain = "-";

/// What the decorator can do over a backend that can do `inner`.
Capabilities over(const Capabilities& inner, const KeyEncryptionKey& kek) {
  Capabilities can = inner;
  can.expiry = inner.write;
  can.replace = false;
  if (inner.max_value_bytes != 0) {
    const std::uint64_t overhead = kEnvelopeBytes + kMaxContentType + kek.id().size() + 128;
    can.max_value_bytes = inner.max_value_bytes > overhead ? inner.max_value_bytes - overhead : 1;
  }
  return can;
}

}  // namespace

Store::Store(Parts parts)
    : inner_(std::move(parts.inner)),
      uncached_(std::move(parts.uncached)),
      keys_(std::move(parts.keys)),
      journal_(std::move(parts.journal)),
      services_(parts.services),
      accept_plaintext_(parts.options.accept_plaintext),
      mount_(std::move(parts.mount)),
      can_(over(inner_->capabilities(), keys_.current())) {}

Result<> Store::admit(const ResourceId& id) const {
  if (id.repository == kOwnRepository) {
    return fail(ErrorKind::invalid_request,
                "the repository name _kbs is reserved for the encrypted store's own records");
  }
  return check(id, Capabilities());
}

Gate& Store::gate(const std::string& path) {
  return gates_[std::hash<std::string>()(path) % gates_.size()];
}

bool Store::expired(const State& state) const {
  const auto expiry = state.expiry();
  return state.kind == State::Kind::live && expiry && services_.clock.now() > *expiry;
}

awaitable<Result<>> Store::health() {
  KBS_CO_OK(co_await inner_->health());
  if (journal_) KBS_CO_OK(co_await journal_->catch_up());
  co_return Result<>();
}

std::shared_ptr<void> Store::watch(ChangeListener listener) {
  ChangeListener others = [listener = std::move(listener)](std::string_view prefix) {
    if (!prefix.starts_with(std::string(kOwnRepository) + '/')) listener(prefix);
  };
  return inner_->watch(std::move(others));
}

VersionId write_version(const std::optional<Seq>& seq, const VersionId& inner) {
  std::string text = seq ? hex(*seq) : std::string(kPlain);
  return text.append(1, kMark).append(inner);
}

std::optional<OwnVersion> parse_version(const VersionId& version) {
  const std::size_t mark = version.find(kMark);
  if (mark == std::string::npos || mark + 1 == version.size()) return std::nullopt;
  OwnVersion own{std::nullopt, version.substr(mark + 1)};
  if (std::string_view(version).substr(0, mark) == kPlain) return own;
  auto bytes = from_hex(std::string_view(version).substr(0, mark));
  if (!bytes || bytes->size() != sizeof(Seq)) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), own.seq.emplace().begin());
  return own;
}

State state_of(const Envelope& envelope) {
  const auto& not_after = envelope.bound.not_after;
  return State{envelope.bound.seq, envelope.value_bytes(),
               not_after ? not_after->time_since_epoch().count() : State::kForever,
               State::Kind::live};
}

}  // namespace kbs::storage::encrypted
