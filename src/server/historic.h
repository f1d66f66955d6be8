#pragma once
/// What installations up to v0.18 kept in files of their own: attestation policies and reference
/// values. Read at start into the stores of today, which count from then on.

#include <string>

#include "base/result.h"
#include "storage/key_value.h"

namespace kbs::server {

/// Every `<id>.rego` in `dir` becomes the policy `id` unless `store` (namespace
/// attestation_service_policy) has one of that id; the log tells of each. Nothing when there is no
/// such directory. A policy that does not compile is an error that names the file: guests would be
/// judged by another one than the operator believes.
Result<> load_attestation_policies(const std::string& dir, storage::KeyValue& store);

/// The same for reference values: `file` holds a list of records `{"name","expiration","value"}`
/// or, of the oldest releases, `{"name","expiration","hash-value":[{"alg","value"}…]}`; or it is a
/// LocalJson file of today, an object of base64url records. `store` is namespace reference_value.
Result<> load_reference_values(const std::string& file, storage::KeyValue& store);

}  // namespace kbs::server
