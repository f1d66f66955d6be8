#pragma once
/// `If-Match` and `If-None-Match` of a write (RFC 9110 §13.1).

#include <string>
#include <string_view>
#include <vector>

#include "kbs/http/message.h"
#include "storage/backend.h"

namespace kbs::plugins {

/// What must hold for the write to happen. At most one of the three.
struct Precondition {
  bool absent = false;                       ///< If-None-Match: *
  bool exists = false;                       ///< If-Match: *
  std::vector<storage::VersionId> versions;  ///< If-Match: one of these is the current one

  bool met_by(const storage::VersionId& current) const;
};

/// Reads both fields, all their lines. `invalid_request` for what cannot be a condition of a write:
/// both at once, `If-None-Match` with anything but `*`, a weak or malformed tag, over 64 tags.
Result<Precondition> read_precondition(const http::Request& request);

/// The entity tag of a version, and the version of one.
std::string entity_tag(const storage::VersionId& version);

}  // namespace kbs::plugins
