#include "kbs/admin/admin.h"

#include <vector>

#include "base/encoding.h"
#include "kbs/admin/acl.h"
#include "kbs/admin/provider.h"

namespace kbs::admin {
namespace {

// The reference's texts (spec/admin.md §4); clients and their tests look for them.
constexpr const char* kDenyAll =
    "Admin access denied: Admin access denied as DenyAll authorization_mode is enabled";
constexpr const char* kNoHeader = "Failed to parse HTTP Auth Bearer header";
constexpr const char* kNoIssuer =
    "Admin access denied: Cannot verify token with any of the issuers";
constexpr const char* kNoRole =
    "Admin access denied: Failed to parse claims from token: AdminAccessDenied { reason: \"Missing "
    "required `role` "
    "claim in JWT\" }";

class AllowAll final : public AdminGate {
 public:
  Result<AdminIdentity> authorize(std::string_view, std::string_view,
                                  std::string_view) const override {
    return AdminIdentity{"Anonymous", ""};
  }
};

class DenyAll final : public AdminGate {
 public:
  Result<AdminIdentity> authorize(std::string_view, std::string_view,
                                  std::string_view) const override {
    return fail(ErrorKind::denied, kDenyAll);
  }
};

/// "Bearer", exactly so, one space, the token.
Result<std::string_view> bearer_token(std::string_view header) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!header.starts_with(kScheme) || header.size() == kScheme.size()) {
    return fail(ErrorKind::unauthenticated, kNoHeader);
  }
  return header.substr(kScheme.size());
}

std::string subject_of(const json::object& claims) {
  constexpr std::size_t kLongest = 256;  // it goes into every record
  const auto sub = string_member(claims, "sub");
  return sub ? to_valid_utf8(sub->substr(0, kLongest)) : std::string();
}

class Authenticated final : public AdminGate {
 public:
  Authenticated(std::vector<Provider> providers, Acl acl, const Clock& clock)
      : providers_(std::move(providers)), acl_(std::move(acl)), clock_(clock) {}

  Result<AdminIdentity> authorize(std::string_view header, std::string_view method,
                                  std::string_view decoded_path) const override {
    KBS_TRY(const std::string_view token, bearer_token(header));
    KBS_TRY(AdminIdentity who, identify(token));
    if (!acl_.allows(who.role, method, decoded_path)) {
      return fail(ErrorKind::denied,
                  "Admin access denied: Role " + who.role + " not allowed for path " +
                      to_valid_utf8(decoded_path),
                  "no rule of the role has this path and the method " + std::string(method));
    }
    return who;
  }

 private:
  /// The first provider that knows the token says who it is; the operator is told what each had
  /// against it.
  Result<AdminIdentity> identify(std::string_view token) const {
    auto parsed = crypto::parse_jws(token);
    if (!parsed) return fail(ErrorKind::unauthenticated, kNoIssuer, "the token is not a JWT");
    std::string against;
    for (std::size_t i = 0; i < providers_.size(); ++i) {
      const Provider& provider = providers_[i];
      const auto object_to = [&against, i](const Error& error) {
        against += (against.empty() ? "" : "; ") + std::string("identity provider ") +
                   std::to_string(i + 1) + ": " + error.message;
      };
      auto claims = provider.verify(*parsed, clock_.now());
      if (!claims) {
        object_to(claims.error());
        continue;
      }
      if (provider.fixed_role()) return AdminIdentity{*provider.fixed_role(), subject_of(*claims)};
      const auto role = string_member(*claims, "role");
      // Final, as in the reference: whoever signed it is known, and the token is of the wrong kind.
      if (!role) return fail(ErrorKind::unauthenticated, kNoRole);
      if (auto ours = provider.check_issuer_and_audience(*claims); !ours) {
        object_to(ours.error());
        continue;
      }
      return AdminIdentity{std::string(*role), subject_of(*claims)};
    }
    return fail(ErrorKind::unauthenticated, kNoIssuer, std::move(against));
  }

  std::vector<Provider> providers_;
  Acl acl_;
  const Clock& clock_;
};

}  // namespace

Result<std::unique_ptr<AdminGate>> AdminGate::make(const config::Admin& config,
                                                   const Clock& clock) {
  using Mode = config::Admin::Mode;
  if (config.mode == Mode::allow_all) return std::make_unique<AllowAll>();
  if (config.mode == Mode::deny_all) return std::make_unique<DenyAll>();
  if (config.providers.empty()) {
    return fail(ErrorKind::invalid_request, "[admin] identity_providers must name at least one");
  }
  std::vector<Provider> providers;
  for (const config::IdentityProvider& from : config.providers) {
    KBS_TRY(Provider provider, Provider::make(from));
    providers.push_back(std::move(provider));
  }
  KBS_TRY(Acl acl, Acl::make(config));
  return std::make_unique<Authenticated>(std::move(providers), std::move(acl), clock);
}

}  // namespace kbs::admin
