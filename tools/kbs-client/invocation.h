#pragma once
/// A command line, understood. Which option stands where: spec/kbs-client-cli.md §1.1 and
/// docs/kbs-client.md.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kbs-client/output.h"
#include "kbs-client/reference_value.h"

namespace kbs::client {

/// Which TEE key and init-data a guest attests with.
struct GuestOptions {
  std::string tee_key_file = {};
  std::optional<std::string> init_data = {};
};

struct Attest {
  GuestOptions guest = {};
};
struct GetResource {
  GuestOptions guest = {};
  std::string path = {};
  std::string attestation_token = {};
  bool raw = false;
  std::string output_file = {};
};

struct SetAttestationPolicy {
  std::string policy_file = {};
  std::string type = "rego";
  std::optional<std::string> id = {};
};
enum class PolicyChoice { none, file, allow_all, deny_all, affirming, stock };
struct SetResourcePolicy {
  PolicyChoice choice = PolicyChoice::none;
  std::string policy_file = {};
};
struct GetResourcePolicy {};
struct SetResource {
  std::string path = {};
  std::string resource_file = {};
  std::string not_after = {};  ///< RFC 3339
  std::string if_match = {};   ///< a version, its ETag, or "*"
  bool create_only = false;
};
struct DeleteResource {
  std::string path = {};
};
struct ListResources {
  std::string prefix = {};
  std::uint64_t limit = 0;  ///< 0: all
};
struct ShowResource {
  std::string path = {};
};
struct ListVersions {
  std::string path = {};
  std::uint64_t limit = 0;  ///< 0: all
};
struct Rollback {
  std::string path = {};
  std::string version = {};
};
struct Undelete {
  std::string path = {};
};
struct Destroy {
  std::string path = {};
  std::string version = {};  ///< or:
  bool all = false;
};
struct ListMounts {};
struct ShowHealth {};
struct GetReferenceValue {
  std::optional<std::string> id = {};  ///< nullopt: the old `get-reference-values`
};
struct SetSampleReferenceValue {
  std::string name = {};
  std::string value = {};
  ValueType type = ValueType::text;
  bool single_value = false;
};

struct Apply {
  std::string manifest = {};  ///< "-": standard input
  bool dry_run = false;
  bool yes = false;
  bool keep_going = false;
};

struct Keygen {
  std::string file = {};
};
struct MakeToken {
  std::string key_file = {};
  std::string role = "admin";
  std::string issuer = {};
  std::string audience = "KBS";
  std::string lifetime = "2h";
  std::string output_file = {};
};

using Command =
    std::variant<std::monostate, Attest, GetResource, SetAttestationPolicy, SetResourcePolicy,
                 GetResourcePolicy, SetResource, DeleteResource, ListResources, ShowResource,
                 ListVersions, Rollback, Undelete, Destroy, ListMounts, ShowHealth,
                 GetReferenceValue, SetSampleReferenceValue, Apply, Keygen, MakeToken>;

/// How `config` and `apply` prove an administrator.
struct AdminAccess {
  std::string token_file = {};
  std::string private_key = {};
  std::string role = "admin";
  std::string issuer = {};
  std::string audience = "KBS";
};

struct Invocation {
  std::string url = "http://127.0.0.1:8080";
  std::string cert_file = {};
  OutputFormat output = OutputFormat::text;
  AdminAccess access;
  Command command;
};

}  // namespace kbs::client
