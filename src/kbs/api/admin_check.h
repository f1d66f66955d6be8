#pragma once
/// Administration: who, and on the record.

#include "kbs/api/routes.h"

namespace kbs::api {

/// The administrator behind the request, or a refusal of type `type` whose trustee detail begins
/// with the reference's prefix for it. Refused administrators whom we know are recorded; strangers
/// are counted.
awaitable<ApiResult<admin::AdminIdentity>> check_admin(Context& context, ErrorType type);

/// Writes `record` to the trail of this worker; a failure is counted and comes back as
/// `audit_failure`.
awaitable<ApiResult<>> write_record(Context& context, audit::Record record);

/// A record with what every admin record says.
audit::Record admin_record(const Context& context, const admin::AdminIdentity& who,
                           std::string_view event, std::string object);
/// A record of something that the method does not say: "rollback" of "resource/default/key/1" at
/// `version`. Below: the intent before it is tried (a failure means: change nothing), and how it
/// ended (a failure is reported to the caller: the change may have happened).
struct AdminAction {
  std::string_view name;
  std::string object;
  std::string version;
};
awaitable<ApiResult<>> record_intent(Context& context, const admin::AdminIdentity& who,
                                     const AdminAction& action);
awaitable<ApiResult<>> record_outcome(Context& context, const admin::AdminIdentity& who,
                                      const AdminAction& action, const Error* failure);
/// Writes the intent before anything is changed; a failure means: change nothing.
awaitable<ApiResult<>> record_intent(Context& context, const admin::AdminIdentity& who,
                                     std::string object);
/// Writes how it ended. A failure here is reported to the caller: the change may have happened.
awaitable<ApiResult<>> record_outcome(Context& context, const admin::AdminIdentity& who,
                                      std::string object, const Error* failure,
                                      std::string version = {});

}  // namespace kbs::api
