#include "kbs/api/routes.h"

#include <algorithm>
#include <map>

#include "base/encoding.h"
#include "base/log.h"
#include "kbs/api/handlers.h"

namespace kbs::api {
namespace {

using Handler = awaitable<ApiResult<Response>> (*)(Context&);

/// One row of the API below /kbs/v0/. The first that fits wins; only the first path segment is
/// looked at, as in the reference: `POST auth/x/y` is `POST auth`.
struct Route {
  std::string_view first;
  Method method;
  Handler handler;
  bool needs_attestation;  ///< does not exist on a resource-only server
};

constexpr Route kRoutes[] = {
    // first segment        method        handler                   needs the attestation service
    {"auth", Method::post, post_auth, true},
    {"attest", Method::post, post_attest, true},
    {"attestation-policy", Method::post, post_attestation_policy, true},
    {"reference-value", Method::get, get_reference_value, true},
    {"reference-value", Method::post, post_reference_value, true},
    {"resource-policy", Method::post, post_resource_policy, false},
    {"resource-policy", Method::get, get_resource_policy_ids, false},
};

/// What stands below /kbs/v0/admin/, whole paths; `*` is any one segment. Ours. The access rules
/// ask for more there (kbs/admin/acl.h).
struct AdminRoute {
  std::string_view path;
  Method method;
  Handler handler;
};

constexpr AdminRoute kAdminRoutes[] = {
    {"policy", Method::get, get_policy_text},
    {"mounts", Method::get, get_mounts},
    {"health", Method::get, get_health},
    {"resources/*/*/*/versions", Method::get, get_versions},
    {"resources/*/*/*/rollback", Method::post, post_rollback},
    {"resources/*/*/*/undelete", Method::post, post_undelete},
    {"resources/*/*/*/destroy", Method::post, post_destroy},
};

constexpr std::string_view kPrefix = "/kbs/v0/";

Response plain(unsigned status) {
  Response response;
  response.status = status;
  return response;
}

Response not_allowed(std::string allow) {
  Response response = plain(405);
  response.headers.emplace_back("Allow", std::move(allow));
  return response;
}

std::vector<std::string> split_path(std::string_view text) {
  std::vector<std::string> segments;
  while (true) {
    const auto slash = text.find('/');
    segments.emplace_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    text.remove_prefix(slash + 1);
  }
}

bool fits(std::string_view pattern, const std::vector<std::string>& path) {
  const std::vector<std::string> want = split_path(pattern);
  return std::equal(want.begin(), want.end(), path.begin(), path.end(),
                    [](const std::string& a, const std::string& b) { return a == "*" || a == b; });
}

/// Every way out asks for an administrator first: strangers are not told what exists.
awaitable<ApiResult<Response>> serve_admin_route(Context& context) {
  Handler handler = no_admin_route;
  for (const AdminRoute& route : kAdminRoutes) {
    if (!fits(route.path, context.rest)) continue;
    handler = route.method == context.request.method ? route.handler : foreign_admin_method;
    break;
  }
  co_return co_await handler(context);
}

/// A built-in name asked with a method it does not have: nothing there in the reference, 405 in
/// precise mode.
ApiError foreign_method(std::string_view name) {
  Error cause{ErrorKind::unsupported,
              std::string(name) + " does not know this method",
              {},
              BOOST_CURRENT_LOCATION};
  return {ErrorType::plugin_not_found, std::move(cause),
          "Plugin " + std::string(name) + " not found"};
}

awaitable<ApiResult<Response>> dispatch(Context& context) {
  if (context.first == "admin") co_return co_await serve_admin_route(context);
  bool built_in = false;
  for (const Route& route : kRoutes) {
    if (context.first != route.first || (route.needs_attestation && !context.app.attestation))
      continue;
    if (context.request.method == route.method) co_return co_await route.handler(context);
    built_in = true;
  }
  if (built_in && !context.snapshot->find_plugin(context.first))
    co_return tl::unexpected(foreign_method(context.first));
  co_return co_await call_plugin(context);
}

/// Takes the method that was just refused out of `Allow`.
void correct_allow(Response& response, std::string_view method) {
  for (auto& [name, value] : response.headers) {
    if (name != "Allow") continue;
    std::string others;
    for (std::string_view one : {"GET", "POST", "PUT", "DELETE"}) {
      if (one != method) others += (others.empty() ? "" : ", ") + std::string(one);
    }
    value = std::move(others);
  }
}

awaitable<Response> serve_api(Worker& worker, Request& request) {
  const std::shared_ptr<const Snapshot> snapshot = worker.snapshot;
  const bool head = request.method == Method::head && snapshot->error_mode == ErrorMode::precise &&
                    request.path.starts_with("/kbs/v0/resource/");
  if (request.method == Method::other || (request.method == Method::head && !head)) {
    co_return not_allowed("GET, POST, PUT, DELETE");
  }
  std::vector<std::string> segments =
      split_path(std::string_view(request.path).substr(kPrefix.size()));
  std::string first = std::move(segments.front());
  segments.erase(segments.begin());
  Context context{worker,
                  worker.app,
                  snapshot,
                  request,
                  std::move(first),
                  std::move(segments),
                  worker.app.clock.steady_now()};
  auto response = co_await dispatch(context);
  if (response) co_return std::move(*response);
  Response refusal = error_response(response.error(), snapshot->error_mode);
  correct_allow(refusal, request.method_name);
  co_return refusal;
}

awaitable<Response> serve_system(Worker& worker, Request& request) {
  const bool get = request.method == Method::get;
  if (request.path == "/healthz") co_return plain(get ? 200 : 404);
  Context context{
      worker, worker.app, worker.snapshot, request, {}, {}, worker.app.clock.steady_now()};
  if (request.path == "/readyz" && get) co_return co_await get_readyz(context);
  if (request.path == "/metrics") {
    if (!get) co_return not_allowed("GET, POST");
    co_return get_metrics(context);
  }
  co_return plain(404);
}

/// Counts one request, whatever becomes of it: an exception or a cancelled coroutine ends it too.
class Counted {
 public:
  Counted(App& app, const Request& request) : app_(app), started_(app.clock.steady_now()) {
    app_.metrics.request_started(request.body.size());
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { app_.metrics.request_finished(app_.clock.steady_now() - started_, bytes_, status_); }
  void answered(const Response& response) {
    bytes_ = response.body_text().size();
    status_ = response.status;
  }

 private:
  App& app_;
  SteadyTime started_;
  std::size_t bytes_ = 0;
  unsigned status_ = 500;
};

}  // namespace

std::string Context::rest_joined() const {
  std::string text;
  for (const std::string& segment : rest) {
    if (&segment != &rest.front()) text += '/';
    text += segment;
  }
  return text;
}

std::map<std::string, std::string> parse_query(std::string_view query) {
  std::map<std::string, std::string> pairs;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    if (!pair.empty()) {
      const auto equals = pair.find('=');
      std::string key = to_valid_utf8(form_decode(pair.substr(0, equals)));
      const std::string_view value =
          equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
      pairs[std::move(key)] = to_valid_utf8(form_decode(value));
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return pairs;
}

awaitable<Response> serve(Worker& worker, Request request) {
  if (!request.path.starts_with("/kbs")) co_return co_await serve_system(worker, request);
  Counted counted(worker.app, request);
  Response response;
  if (request.path.starts_with(kPrefix)) {
    response = co_await serve_api(worker, request);
  } else {
    response = co_await serve_system(worker, request);
  }
  counted.answered(response);
  co_return response;
}

}  // namespace kbs::api
