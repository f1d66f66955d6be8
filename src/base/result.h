#pragma once
/// Errors as values. Every function that can fail returns a `Result`; exceptions mean a bug.

#include <string>
#include <string_view>
#include <utility>

#include <boost/assert/source_location.hpp>
#include <tl/expected.hpp>

namespace kbs {

/// What the caller can act on. The HTTP status of each stands in one table,
/// `kbs/http/error_response.cc`.
enum class ErrorKind {
  invalid_request,  ///< malformed or out of bounds: asking again in the same way cannot help
  unauthenticated,  ///< not, or no longer, proved who it is: prove it (again)
  denied,           ///< known, and not allowed
  not_found,        ///< truly absent; never used for "could not look"
  unsupported,      ///< this backend or build cannot do it
  conflict,         ///< somebody else changed it first, or it exists already
  too_large,        ///< over a documented limit
  rate_limited,     ///< slow down
  unavailable,      ///< something we need is down, full or slow: asking again later may help
  internal,         ///< our bug or a damaged store
};

/// The enumerator's name, for logs and metrics: "not_found".
std::string_view to_string(ErrorKind kind) noexcept;

/// One failure. `message` is safe for the client: it names no path of ours, host or secret.
/// `detail` is for the operator's log: the errno, CK_RV or HTTP status behind it.
struct Error {
  ErrorKind kind;
  std::string message;
  std::string detail;
  boost::source_location where;
};

/// tl::expected that may not be ignored: dropping a failure is a compiler warning.
template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(tl::expected<T, Error> e) : tl::expected<T, Error>(std::move(e)) {}
};

/// Builds the failure of any `Result`: `return fail(ErrorKind::not_found, "no such resource");`
tl::unexpected<Error> fail(ErrorKind kind, std::string message, std::string detail = {},
                           boost::source_location where = BOOST_CURRENT_LOCATION);

/// "message (detail) at file:line", for logs and for commands that run on the operator's own host.
std::string describe(const Error& error);

}  // namespace kbs

// `decl` is a declaration and `leave` a keyword: neither can stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define KBS_CONCAT_INNER(a, b) a##b
#define KBS_CONCAT(a, b) KBS_CONCAT_INNER(a, b)

/// Unwraps `expr` into `decl`, or returns its error.
#define KBS_TRY(decl, expr) KBS_TRY_IMPL(KBS_CONCAT(kbs_result_, __LINE__), decl, expr, return)
/// The same inside a coroutine.
#define KBS_CO_TRY(decl, expr) \
  KBS_TRY_IMPL(KBS_CONCAT(kbs_result_, __LINE__), decl, expr, co_return)
/// Returns the error of `expr`, which has no value to unwrap.
#define KBS_OK(expr) KBS_OK_IMPL(KBS_CONCAT(kbs_result_, __LINE__), expr, return)
/// The same inside a coroutine.
#define KBS_CO_OK(expr) KBS_OK_IMPL(KBS_CONCAT(kbs_result_, __LINE__), expr, co_return)

#define KBS_TRY_IMPL(result, decl, expr, leave)                     \
  auto result = (expr);                                             \
  if (!(result)) leave ::tl::unexpected(std::move(result).error()); \
  decl = std::move(*(result))
#define KBS_OK_IMPL(result, expr, leave) \
  if (auto result = (expr); !(result)) leave ::tl::unexpected(std::move(result).error())
// NOLINTEND(bugprone-macro-parentheses)
