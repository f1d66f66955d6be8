#pragma once
/// The whole HTTP API in one table (routes.cc). Facts: spec/http-api.md §1.

#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "kbs/api/app.h"
#include "kbs/api/error_response.h"
#include "kbs/http/message.h"

namespace kbs::api {

/// One request on its way through the API, with what was decided for it at the door: the snapshot
/// it sees from beginning to end and the decoded path.
struct Context {
  Worker& worker;
  App& app;
  std::shared_ptr<const Snapshot> snapshot;
  Request& request;
  std::string first;              ///< first segment after /kbs/v0/
  std::vector<std::string> rest;  ///< the others
  SteadyTime started;

  SysTime now() const { return app.clock.now(); }
  std::string rest_joined() const;
};

/// Answers any request: system routes, the API table, plugins, 404.
awaitable<Response> serve(Worker& worker, Request request);

/// Decodes a query: `application/x-www-form-urlencoded`, last of repeated keys wins.
std::map<std::string, std::string> parse_query(std::string_view query);

}  // namespace kbs::api
