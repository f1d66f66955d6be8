#include "kbs-client/resource_uri.h"

#include "resource/resource_id.h"

namespace kbs::client {

Result<ResourceUri> parse_guest_uri(std::string_view text) {
  KBS_TRY(ResourceUri uri, ResourceUri::parse(text));
  if (uri.plugin == "resource" && !ResourceId::parse(uri.path)) {
    return fail(ErrorKind::invalid_request,
                "`" + uri.path + "` is not the name of a resource" + std::string(kResourceForms));
  }
  return uri;
}

Result<ResourceUri> parse_admin_uri(std::string_view text) {
  KBS_TRY(ResourceUri uri, ResourceUri::parse(text));
  if (uri.plugin != "resource") {
    return fail(ErrorKind::invalid_request, "only the resource plugin stores resources, not " +
                                                uri.plugin + std::string(kResourceForms));
  }
  return uri;
}

}  // namespace kbs::client
