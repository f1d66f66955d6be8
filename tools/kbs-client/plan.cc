#include "kbs-client/plan.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/encoding.h"
#include "kbs-client/files.h"
#include "kbs-client/reference_value.h"
#include "kbs-client/resource_uri.h"

namespace kbs::client {
namespace {

constexpr std::size_t kMaxValueBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxAllBytes = std::size_t{256} << 20;

std::string bytes(std::uint64_t count) { return std::to_string(count) + " bytes"; }

/// Reads sources, all of them together bounded.
class Loader {
 public:
  explicit Loader(const PlanSources& sources) : sources_(sources) {}

  Result<Secret> load(const ManifestSource& from) {
    KBS_TRY(Secret value, read(from));
    total_ += value.size();
    if (total_ > kMaxAllBytes) {
      return fail(ErrorKind::too_large,
                  "the manifest stands for more than 256 MiB; part it into several");
    }
    return value;
  }

 private:
  Result<Secret> read(const ManifestSource& from) const {
    if (from.kind == ManifestSource::Kind::inline_value) return from.value.clone();
    if (from.kind == ManifestSource::Kind::file)
      return read_file_beneath(sources_.folder, from.name, kMaxValueBytes);
    auto value = sources_.environment ? sources_.environment(from.name) : std::nullopt;
    if (value) return std::move(*value);
    return fail(ErrorKind::not_found, "the environment variable " + from.name +
                                          " of the manifest is not set; export it and run again");
  }

  const PlanSources& sources_;
  std::size_t total_ = 0;
};

/// What is known of a stored resource.
struct Stored {
  enum class Is { absent, there, unknown } is = Is::unknown;
  std::string etag;
  std::string size;
};

/// The listing, for servers that answer no HEAD; a reference KBS has neither.
Result<Stored> find_in_listing(const std::string& path, AdminClient& admin) {
  auto response = admin.get("/kbs/v0/resource?limit=1&prefix=" + encode_query_value(path));
  if (!response) {
    if (response.error().kind == ErrorKind::unavailable) return tl::unexpected(response.error());
    return Stored{};
  }
  auto document = parse_json_object(response->text());
  const json::value* list = document ? document->if_contains("resources") : nullptr;
  if (!list || !list->is_array()) return Stored{};
  for (const json::value& entry : list->get_array()) {
    const json::object* object = entry.if_object();
    if (!object || string_member(*object, "path") != path) continue;
    Stored stored{.is = Stored::Is::there, .etag = {}, .size = {}};
    if (auto version = string_member(*object, "version"); version && !version->empty())
      stored.etag = '"' + std::string(*version) + '"';
    if (const json::value* size = object->if_contains("size")) stored.size = to_json(*size);
    return stored;
  }
  return Stored{.is = Stored::Is::absent, .etag = {}, .size = {}};
}

Result<Stored> find_stored(const std::string& path, AdminClient& admin) {
  auto head = admin.head("/kbs/v0/resource/" + path);
  if (head) {
    Stored stored{.is = Stored::Is::there, .etag = head->etag, .size = {}};
    if (head->resource_size) stored.size = std::to_string(*head->resource_size);
    return stored;
  }
  if (head.error().kind == ErrorKind::not_found)
    return Stored{.is = Stored::Is::absent, .etag = {}, .size = {}};
  if (head.error().kind == ErrorKind::unsupported) return find_in_listing(path, admin);
  return tl::unexpected(std::move(head).error());
}

/// The answer to a question that not every server and role may ask; nullopt when there is none.
Result<std::optional<HttpResponse>> ask(AdminClient& admin, const std::string& target) {
  auto response = admin.get(target);
  if (response) return std::optional(std::move(*response));
  if (response.error().kind == ErrorKind::unavailable) return tl::unexpected(response.error());
  return std::optional<HttpResponse>();
}

Result<PlannedWrite> plan_reference_value(const ManifestReferenceValue& entry, AdminClient& admin) {
  PlannedWrite write{.kind = "reference value", .name = entry.name};
  write.note = to_json(entry.value);
  write.target = "/kbs/v0/reference-value";
  write.body = Secret::from_text(reference_value_message(entry.name, entry.value));
  const ResourceUri uri{.plugin = "reference-value", .path = entry.name, .query = {}};
  auto stored = admin.get(uri.target());
  if (!stored) {
    if (stored.error().kind == ErrorKind::unavailable) return tl::unexpected(stored.error());
    // Only 404 says that it is absent; a refusal says nothing.
    if (stored.error().kind == ErrorKind::not_found) write.action = PlannedAction::create;
    return write;
  }
  const auto value = parse_json(stored->text());
  const bool same = value && *value == entry.value;
  write.action = same ? PlannedAction::unchanged : PlannedAction::replace;
  if (!same && value) write.note += "; now " + to_json(*value);
  return write;
}

Result<PlannedWrite> plan_attestation_policy(const ManifestPolicy& entry, Loader& loader) {
  KBS_TRY(Secret text, loader.load(entry.source));
  PlannedWrite write{.kind = "attestation policy", .name = entry.id};
  write.note = bytes(text.size()) + " from " + entry.source.describe();
  write.target = "/kbs/v0/attestation-policy";
  const json::object document{
      {"type", "rego"}, {"policy_id", entry.id}, {"policy", base64url(text.expose())}};
  write.body = Secret::from_text(to_json(document));
  return write;
}

Result<PlannedWrite> plan_resource_policy(const ManifestPolicy& entry, Loader& loader,
                                          AdminClient& admin) {
  KBS_TRY(Secret text, loader.load(entry.source));
  PlannedWrite write{.kind = "resource policy"};
  write.note = bytes(text.size()) + " from " + entry.source.describe();
  write.target = "/kbs/v0/resource-policy";
  write.body = Secret::from_text(to_json(json::object{{"policy", base64url(text.expose())}}));
  KBS_TRY(std::optional<HttpResponse> stored, ask(admin, "/kbs/v0/admin/policy"));
  if (stored) {
    const bool same = stored->text() == text.expose_text();
    write.action = same ? PlannedAction::unchanged : PlannedAction::replace;
  }
  return write;
}

void decide(PlannedWrite& write, const Stored& stored, bool only_if_absent) {
  write.condition_is_demanded = only_if_absent;
  write.condition.if_absent = only_if_absent || stored.is == Stored::Is::absent;
  if (stored.is == Stored::Is::absent) write.action = PlannedAction::create;
  if (stored.is != Stored::Is::there) return;
  write.action = only_if_absent ? PlannedAction::keep : PlannedAction::replace;
  // What was shown is what is replaced.
  if (!only_if_absent) write.condition.if_match = stored.etag;
  write.note += "; now";
  if (!stored.size.empty()) write.note += ' ' + stored.size + " bytes,";
  write.note += stored.etag.empty() ? " of unknown version" : " version " + stored.etag;
}

Result<PlannedWrite> plan_resource(const ManifestResource& entry, Loader& loader,
                                   AdminClient& admin) {
  PlannedWrite write{.kind = "resource", .name = entry.path};
  KBS_TRY(write.body, loader.load(entry.source));
  write.content_type = entry.content_type;
  write.note = bytes(write.body.size()) + " from " + entry.source.describe();
  if (!entry.not_after.empty()) write.note += ", until " + entry.not_after;
  ResourceUri uri{.plugin = "resource", .path = entry.path, .query = {}};
  if (!entry.not_after.empty()) uri.query = "not_after=" + encode_query_value(entry.not_after);
  write.target = uri.target();
  KBS_TRY(const Stored stored, find_stored(entry.path, admin));
  decide(write, stored, entry.only_if_absent);
  return write;
}

}  // namespace

std::string_view to_string(PlannedAction action) noexcept {
  switch (action) {
    case PlannedAction::create:
      return "create";
    case PlannedAction::replace:
      return "replace";
    case PlannedAction::set:
      return "set";
    case PlannedAction::unchanged:
      return "unchanged";
    case PlannedAction::keep:
      return "keep";
  }
  return "set";
}

Result<std::vector<PlannedWrite>> make_plan(const Manifest& manifest, const PlanSources& sources,
                                            AdminClient& admin) {
  Loader loader(sources);
  std::vector<PlannedWrite> plan;
  for (const ManifestReferenceValue& entry : manifest.reference_values) {
    KBS_TRY(PlannedWrite write, plan_reference_value(entry, admin));
    plan.push_back(std::move(write));
  }
  for (const ManifestPolicy& entry : manifest.attestation_policies) {
    KBS_TRY(PlannedWrite write, plan_attestation_policy(entry, loader));
    plan.push_back(std::move(write));
  }
  if (manifest.resource_policy) {
    KBS_TRY(PlannedWrite write, plan_resource_policy(*manifest.resource_policy, loader, admin));
    plan.push_back(std::move(write));
  }
  for (const ManifestResource& entry : manifest.resources) {
    KBS_TRY(PlannedWrite write, plan_resource(entry, loader, admin));
    plan.push_back(std::move(write));
  }
  return plan;
}

}  // namespace kbs::client
