#include "kbs/config/interpret.h"
#include "kbs/config/load.h"

namespace kbs::config {

Config dev_config() {
  Config out;
  out.source = "--dev";
  out.dialect = "built in";
  out.http_server.insecure_http = true;  // on 127.0.0.1:8080, the default
  out.admin.mode = Admin::Mode::allow_all;
  out.attestation_token.own_service_suffices = true;
  out.plugins.emplace_back(ResourcePlugin{});
  out.mounts.push_back(historic_mount({}, out.storage_backend));  // in memory
  out.plugins.emplace_back(SamplePlugin{});
  out.warnings = {
      "--dev: for trying out only. Everything is kept in memory, administrators are not asked who "
      "they are, and "
      "HTTP is clear; the server listens on 127.0.0.1 only"};
  return out;
}

}  // namespace kbs::config
