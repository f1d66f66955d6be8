#include "kbs/plugins/resource.h"

#include "base/time_text.h"
#include "kbs/plugins/current.h"
#include "kbs/plugins/pages.h"

namespace kbs::plugins {
namespace {

using http::Method;
using metrics::Metrics;
using storage::Mount;

/// A parameter of the query; "" when it is absent.
std::string parameter(const Call& call, const char* name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? std::string() : found->second;
}

class ResourcePlugin final : public Plugin {
 public:
  ResourcePlugin(std::shared_ptr<storage::Mounts> mounts, Metrics& metrics, const Clock& clock)
      : mounts_(std::move(mounts)), metrics_(metrics), clock_(clock) {}

  std::string_view name() const noexcept override { return "resource"; }

  Gate gate(const Call& call) const override {
    const Method method = call.request.method;
    if (method == Method::get && call.path.empty()) return Gate::admin;  // the listing
    // PUT takes the attested road in the reference and fails at its end; so that only those who may
    // know learn that it is not there, it does here too.
    return method == Method::get || method == Method::put ? Gate::attested : Gate::admin;
  }

  bool encrypted(const Call& call) const override { return call.request.method == Method::get; }

  awaitable<Result<Reply>> handle(const Call& call) override {
    const Method method = call.request.method;
    if (method == Method::get && call.path.empty()) co_return co_await list(call);
    KBS_CO_TRY(ResourceId id, ResourceId::parse(call.joined_path()));
    switch (method) {
      case Method::get:
        co_return co_await read(std::move(id), call);
      case Method::head:
        co_return co_await describe(std::move(id));
      case Method::post:
        co_return co_await write(std::move(id), call);
      case Method::del:
        co_return co_await remove(std::move(id), call);
      default:
        break;
    }
    co_return fail(ErrorKind::unsupported, "resources are written with POST");
  }

  awaitable<Result<>> health() override { co_return co_await mounts_->health(); }

 private:
  template <class T>
  void count(Metrics::Operation operation, std::string_view path, const Result<T>& outcome) {
    metrics_.resource(operation, path, outcome.has_value());
    if (!outcome) metrics_.resource_error(operation, outcome.error().kind);
  }

  awaitable<Result<Reply>> read(ResourceId id, const Call& call) {
    const std::string path = id.path();
    auto resource = co_await read_version(std::move(id), call);
    count(Metrics::Operation::read, path, resource);
    if (!resource) co_return tl::unexpected(std::move(resource).error());
    Reply reply;
    reply.body = std::move(resource->value);
    reply.version = std::move(resource->version);
    co_return reply;
  }

  /// A rotated secret must not be fetched again, unless its mount says so; the current one may be
  /// asked for by its name.
  awaitable<Result<storage::Resource>> read_version(ResourceId id, const Call& call) {
    std::string wanted = parameter(call, "version");
    const Mount* mount = mounts_->find(id);
    const bool granted = mount != nullptr && mount->options.guest_versions;
    // The reference looks at no query, so in its mode one that is not granted is none.
    if (!granted && !call.precise) wanted.clear();
    storage::ReadOptions options;
    if (granted) options.version = wanted;
    auto resource = co_await mounts_->read(std::move(id), std::move(options));
    if (resource && !granted && !wanted.empty() && resource->version != wanted) {
      co_return fail(ErrorKind::denied,
                     "guests get the current version of this resource only: leave `version` out "
                     "(its mount would have to set `guest_versions`)");
    }
    co_return resource;
  }

  /// Metadata for administrators.
  awaitable<Result<Reply>> describe(ResourceId id) {
    KBS_CO_TRY(storage::Entry entry, co_await find_current(*mounts_, std::move(id)));
    Reply reply;
    reply.headers.emplace_back("ETag", entity_tag(entry.version));
    reply.headers.emplace_back("Last-Modified", http_date(entry.metadata.updated));
    reply.headers.emplace_back("X-Resource-Size", std::to_string(entry.metadata.size));
    if (entry.metadata.not_after)
      reply.headers.emplace_back("X-Resource-Not-After", rfc3339(*entry.metadata.not_after));
    reply.version = std::move(entry.version);
    co_return reply;
  }

  Result<storage::WriteOptions> write_options(const Call& call) const {
    storage::WriteOptions options;
    options.content_type = std::string(call.request.header("Content-Type"));
    if (!call.query.contains("not_after")) return options;
    const auto expiry = parse_rfc3339(parameter(call, "not_after"));
    if (!expiry) {
      return fail(ErrorKind::invalid_request,
                  "`not_after` is " + expiry.error().message + " (write a + in it as %2B)");
    }
    if (*expiry <= clock_.now()) {
      return fail(ErrorKind::invalid_request,
                  "`not_after` is in the past: such a value could never be read");
    }
    options.not_after = *expiry;
    return options;
  }

  awaitable<Result<Reply>> write(ResourceId id, const Call& call) {
    KBS_CO_TRY(Precondition condition, read_precondition(call.request));
    KBS_CO_TRY(storage::WriteOptions options, write_options(call));
    const std::string path = id.path();
    Secret value = std::exchange(call.request.body, Secret());
    auto version = co_await write_if(*mounts_, std::move(id), std::move(value), std::move(options),
                                     std::move(condition));
    count(Metrics::Operation::write, path, version);
    if (!version) co_return tl::unexpected(std::move(version).error());
    Reply reply;
    reply.headers.emplace_back("ETag", entity_tag(*version));
    reply.version = std::move(*version);
    co_return reply;
  }

  awaitable<Result<Reply>> remove(ResourceId id, const Call& call) {
    KBS_CO_TRY(Precondition condition, read_precondition(call.request));
    if (condition.absent) {
      co_return fail(ErrorKind::invalid_request, "If-None-Match makes no sense on DELETE");
    }
    const std::string path = id.path();
    storage::RemoveOptions options;
    const Mount* mount = mounts_->find(id);
    options.keep_for_undelete = mount != nullptr && mount->options.keep_deleted;
    auto removed =
        co_await remove_if(*mounts_, std::move(id), std::move(options), std::move(condition));
    count(Metrics::Operation::remove, path, removed);
    if (!removed) co_return tl::unexpected(std::move(removed).error());
    co_return Reply();
  }

  awaitable<Result<Reply>> list(const Call& call) {
    KBS_CO_TRY(storage::ListOptions options, list_options(call.query));
    KBS_CO_TRY(storage::Page page, co_await mounts_->list(std::move(options)));
    Reply reply;
    reply.content_type = "application/json";
    reply.body = Secret::from_text(resources_page(page));
    co_return reply;
  }

  std::shared_ptr<storage::Mounts> mounts_;
  Metrics& metrics_;
  const Clock& clock_;
};

}  // namespace

PluginPtr make_resource(std::shared_ptr<storage::Mounts> mounts, metrics::Metrics& metrics,
                        const Clock& clock) {
  return std::make_shared<ResourcePlugin>(std::move(mounts), metrics, clock);
}

}  // namespace kbs::plugins
