#pragma once
/// Rego (v1) by regorus: parsed once per version, evaluated many times. Facts: spec/policy.md.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kbs::policy {

/// Bounds of one evaluation. An evaluation over its time is stopped and fails.
struct EvalLimits {
  std::chrono::milliseconds time{200};
  std::size_t max_input_bytes = 1u << 20;
};

/// Answers `query_reference_value(id)`: the JSON text of the value, or nullopt for null. Called on
/// the evaluating thread; must not block for long. An exception out of it fails the evaluation.
using ReferenceLookup = std::function<std::optional<std::string>(std::string_view id)>;

/// How an evaluation ended when it did not fail.
struct Evaluation {
  /// The rule's value as JSON text; nullopt when undefined.
  std::optional<std::string> value;
  /// The module has no such rule at all (other package, or no `allow`): the reference counts it as
  /// an error.
  bool rule_missing = false;
};

/// An `input` document parsed once for many evaluations, such as the claims of a cached token.
/// Immutable; usable from many threads at once. Costs about four times its text in memory.
class RegoInput {
 public:
  /// `invalid_request` when `text` is not JSON or deeper than 128 levels, `too_large` over
  /// `max_bytes`.
  static Result<std::shared_ptr<const RegoInput>> parse(
      std::string_view text, std::size_t max_bytes = EvalLimits{}.max_input_bytes);
  ~RegoInput();
  RegoInput(const RegoInput&) = delete;
  RegoInput& operator=(const RegoInput&) = delete;

 private:
  friend class RegoPolicy;
  explicit RegoInput(void* document) noexcept : document_(document) {}
  void* document_;
};

/// One compiled policy. Immutable; `evaluate` may be called from many threads at once, each with at
/// least 4 MiB of stack.
class RegoPolicy {
 public:
  /// Parses `text`. Refused as `invalid_request`: what does not parse as Rego v1 (the message is
  /// the parser's, with line and column; `detail` quotes the line), more than 1 MiB, 20,000 lines
  /// or 1,024 columns outside comments, and expressions nested so deeply that parsing or evaluating
  /// them would stop the server. Unknown functions and unsafe variables are accepted, as the
  /// reference does, and fail when evaluated. `with_reference_values` makes `query_reference_value`
  /// known.
  static Result<std::shared_ptr<const RegoPolicy>> compile(std::string_view text,
                                                           bool with_reference_values = false);
  ~RegoPolicy();
  RegoPolicy(const RegoPolicy&) = delete;
  RegoPolicy& operator=(const RegoPolicy&) = delete;

  /// Value of `rule` ("data.policy.allow") for JSON texts `input` and `data` (an object; "{}" or ""
  /// when there is none, which is the cheaper case). Errors: `internal` when evaluation fails
  /// (unknown function, conflicting values, built-in errors, recursion; the message says "Failed to
  /// eval policy: …"), `unavailable` when over time, `too_large` when the input is,
  /// `invalid_request` when `input` or `data` is not what it should be.
  Result<Evaluation> evaluate(std::string_view rule, std::string_view input, std::string_view data,
                              const EvalLimits& limits = {},
                              const ReferenceLookup* lookup = nullptr) const;
  Result<Evaluation> evaluate(std::string_view rule, const RegoInput& input, std::string_view data,
                              const EvalLimits& limits = {},
                              const ReferenceLookup* lookup = nullptr) const;

  const std::string& text() const noexcept { return text_; }

 private:
  RegoPolicy() = default;
  std::string text_;
  void* engine_ = nullptr;
};

}  // namespace kbs::policy
