#include "kbs/plugins/resource.h"

#include <charconv>

#include "base/json.h"
#include "base/time_text.h"

namespace kbs::plugins {
namespace {

using http::Method;
using metrics::Metrics;

std::string quoted(const std::string& version) { return '"' + version + '"'; }

/// A strong entity tag (RFC 9110 §8.8.3) back to the version inside, or as it stands when unquoted.
std::string unquoted(std::string_view tag) {
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
    tag = tag.substr(1, tag.size() - 2);
  return std::string(tag);
}

Result<storage::WriteOptions> write_options(const http::Request& request) {
  storage::WriteOptions options;
  options.content_type = std::string(request.header("Content-Type"));
  if (request.has_header("If-None-Match")) {
    if (request.header("If-None-Match") != "*") {
      return fail(ErrorKind::invalid_request,
                  "If-None-Match on a write must be \"*\": create, never replace");
    }
    options.create_only = true;
  }
  if (request.has_header("If-Match")) options.if_version = unquoted(request.header("If-Match"));
  return options;
}

Result<storage::ListOptions> list_options(const std::map<std::string, std::string>& query) {
  storage::ListOptions options;
  if (auto it = query.find("prefix"); it != query.end()) options.prefix = it->second;
  if (auto it = query.find("cursor"); it != query.end()) options.cursor = it->second;
  if (auto it = query.find("limit"); it != query.end()) {
    const std::string& text = it->second;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), options.limit);
    if (error != std::errc() || end != text.data() + text.size() || options.limit < 1 ||
        options.limit > 1000) {
      return fail(ErrorKind::invalid_request, "`limit` must be a number from 1 to 1000");
    }
  }
  return options;
}

std::string page_json(const storage::Page& page) {
  std::string text = R"({"resources":[)";
  for (const storage::Entry& entry : page.entries) {
    if (&entry != &page.entries.front()) text += ',';
    text += R"({"path":)";
    append_json_string(text, entry.path);
    text += R"(,"version":)";
    append_json_string(text, entry.version);
    text += R"(,"size":)" + std::to_string(entry.metadata.size) + R"(,"updated":)";
    append_json_string(text, rfc3339(entry.metadata.updated));
    text += '}';
  }
  text += R"(],"next":)";
  if (page.next.empty()) {
    text += "null";
  } else {
    append_json_string(text, page.next);
  }
  text += '}';
  return text;
}

class ResourcePlugin final : public Plugin {
 public:
  ResourcePlugin(storage::BackendPtr backend, Metrics& metrics)
      : backend_(std::move(backend)), metrics_(metrics) {}

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
        co_return co_await read(std::move(id));
      case Method::head:
        co_return co_await describe(std::move(id));
      case Method::post:
        co_return co_await write(std::move(id), call.request);
      case Method::del:
        co_return co_await remove(std::move(id), call.request);
      default:
        break;
    }
    co_return fail(ErrorKind::unsupported, "resources are written with POST");
  }

  awaitable<Result<>> health() override { co_return co_await backend_->health(); }

 private:
  template <class T>
  void count(Metrics::Operation operation, std::string_view path, const Result<T>& outcome) {
    metrics_.resource(operation, path, outcome.has_value());
    if (!outcome) metrics_.resource_error(operation, outcome.error().kind);
  }

  awaitable<Result<Reply>> read(ResourceId id) {
    const std::string path = id.path();
    storage::ReadOptions options;
    auto resource = co_await backend_->read(std::move(id), std::move(options));
    count(Metrics::Operation::read, path, resource);
    if (!resource) co_return tl::unexpected(std::move(resource).error());
    Reply reply;
    reply.body = std::move(resource->value);
    reply.version = std::move(resource->version);
    co_return reply;
  }

  /// Metadata for administrators. The value is read, because backends differ in what they know
  /// without reading, and goes no further than this function.
  awaitable<Result<Reply>> describe(ResourceId id) {
    storage::ReadOptions options;
    KBS_CO_TRY(storage::Resource resource,
               co_await backend_->read(std::move(id), std::move(options)));
    Reply reply;
    reply.version = resource.version;
    reply.headers.emplace_back("ETag", quoted(resource.version));
    reply.headers.emplace_back("Last-Modified", http_date(resource.metadata.updated));
    reply.headers.emplace_back("X-Resource-Size", std::to_string(resource.value.size()));
    co_return reply;
  }

  awaitable<Result<Reply>> write(ResourceId id, http::Request& request) {
    KBS_CO_TRY(storage::WriteOptions options, write_options(request));
    const std::string path = id.path();
    Secret value = std::exchange(request.body, Secret());
    auto version = co_await backend_->write(std::move(id), std::move(value), std::move(options));
    count(Metrics::Operation::write, path, version);
    if (!version) co_return tl::unexpected(std::move(version).error());
    Reply reply;
    reply.headers.emplace_back("ETag", quoted(*version));
    reply.version = std::move(*version);
    co_return reply;
  }

  awaitable<Result<Reply>> remove(ResourceId id, const http::Request& request) {
    const std::string path = id.path();
    storage::RemoveOptions options;
    if (request.has_header("If-Match")) options.if_version = unquoted(request.header("If-Match"));
    auto removed = co_await backend_->remove(std::move(id), std::move(options));
    count(Metrics::Operation::remove, path, removed);
    if (!removed) co_return tl::unexpected(std::move(removed).error());
    co_return Reply();
  }

  awaitable<Result<Reply>> list(const Call& call) {
    KBS_CO_TRY(storage::ListOptions options, list_options(call.query));
    KBS_CO_TRY(storage::Page page, co_await backend_->list(std::move(options)));
    Reply reply;
    reply.content_type = "application/json";
    reply.body = Secret::from_text(page_json(page));
    co_return reply;
  }

  storage::BackendPtr backend_;
  Metrics& metrics_;
};

}  // namespace

PluginPtr make_resource(storage::BackendPtr backend, metrics::Metrics& metrics) {
  return std::make_shared<ResourcePlugin>(std::move(backend), metrics);
}

}  // namespace kbs::plugins
