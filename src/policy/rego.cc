#include "policy/rego.h"

#include <exception>

#include "policy/engine_text.h"

namespace kbs::policy {
namespace {

/// One line of an engine's message, without the excerpt of the policy, which a guest need not see:
/// "\n--> policy.rego:2:7\n  |\n2 | allow { … }\n  | ^\nerror: …" becomes "policy.rego:2:7: …".
std::string headline(std::string_view message) {
  std::string place;
  std::string_view what = message;
  if (std::size_t arrow = message.find("--> "); arrow != std::string_view::npos) {
    std::string_view rest = message.substr(arrow + 4);
    place = std::string(rest.substr(0, rest.find('\n'))) + ": ";
  }
  if (std::size_t error = message.find("error: "); error != std::string_view::npos)
    what = message.substr(error + 7);
  return place + std::string(what.substr(0, what.find('\n')));
}

/// What the C callback needs: the lookup, and the text it lent out last.
struct LookupState {
  const ReferenceLookup* lookup;
  std::string value;
};

int look_up(void* context, KbsText id, KbsText* value) noexcept {
  auto* state = static_cast<LookupState*>(context);
  try {
    std::optional<std::string> found = (*state->lookup)(std::string_view(id.data, id.size));
    if (!found) return 0;
    state->value = std::move(*found);
    *value = lend(state->value);
    return 1;
  } catch (const std::exception&) {
    return -1;
  }
}

Result<Evaluation> finish(KbsStatus status, const EngineText& out) {
  switch (status) {
    case KBS_VALUE:
      return Evaluation{std::string(out.view()), false};
    case KBS_UNDEFINED:
      return Evaluation{};
    case KBS_RULE_MISSING:
      return Evaluation{std::nullopt, true};
    case KBS_REFUSED:
      return fail(ErrorKind::invalid_request, std::string(out.view()));
    case KBS_FAILED:
      return fail(ErrorKind::internal, "Failed to eval policy: " + headline(out.view()),
                  std::string(out.view()));
    case KBS_TIMED_OUT:
      return fail(ErrorKind::unavailable,
                  "Failed to eval policy: it took too long and was stopped");
    case KBS_PANICKED:
      break;
  }
  return fail(ErrorKind::internal, "Failed to eval policy: the policy engine failed");
}

}  // namespace

Result<std::shared_ptr<const RegoInput>> RegoInput::parse(std::string_view text,
                                                          std::size_t max_bytes) {
  if (text.size() > max_bytes)
    return fail(ErrorKind::too_large, "the policy input is too large",
                std::to_string(text.size()) + " bytes, at most " + std::to_string(max_bytes));
  KbsDocument* document = nullptr;
  EngineText why;
  if (kbs_document_parse(lend(text), &document, why.out()) != KBS_VALUE)
    return fail(ErrorKind::invalid_request, "the policy input is not valid JSON",
                std::string(why.view()));
  return std::shared_ptr<const RegoInput>(new RegoInput(document));
}

RegoInput::~RegoInput() { kbs_document_free(static_cast<KbsDocument*>(document_)); }

Result<std::shared_ptr<const RegoPolicy>> RegoPolicy::compile(std::string_view text,
                                                              bool with_reference_values) {
  std::shared_ptr<RegoPolicy> policy(new RegoPolicy);
  KbsPolicy* engine = nullptr;
  EngineText why;
  KbsStatus status =
      kbs_policy_compile(lend(text), with_reference_values ? 1 : 0, &engine, why.out());
  if (status != KBS_VALUE)
    return fail(ErrorKind::invalid_request, headline(why.view()), std::string(why.view()));
  policy->engine_ = engine;
  policy->text_ = text;
  return std::shared_ptr<const RegoPolicy>(std::move(policy));
}

RegoPolicy::~RegoPolicy() { kbs_policy_free(static_cast<KbsPolicy*>(engine_)); }

Result<Evaluation> RegoPolicy::evaluate(std::string_view rule, std::string_view input,
                                        std::string_view data, const EvalLimits& limits,
                                        const ReferenceLookup* lookup) const {
  KBS_TRY(std::shared_ptr<const RegoInput> parsed, RegoInput::parse(input, limits.max_input_bytes));
  return evaluate(rule, *parsed, data, limits, lookup);
}

Result<Evaluation> RegoPolicy::evaluate(std::string_view rule, const RegoInput& input,
                                        std::string_view data, const EvalLimits& limits,
                                        const ReferenceLookup* lookup) const {
  const std::string rule_name(rule);
  LookupState state{lookup, {}};
  KbsEvaluation evaluation{};
  evaluation.rule = rule_name.c_str();
  evaluation.input = static_cast<const KbsDocument*>(input.document_);
  evaluation.data = lend(data == "{}" ? std::string_view() : data);
  evaluation.time_limit_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(limits.time).count());
  if (lookup != nullptr) {
    evaluation.lookup = look_up;
    evaluation.lookup_context = &state;
  }
  EngineText out;
  KbsStatus status =
      kbs_policy_evaluate(static_cast<const KbsPolicy*>(engine_), &evaluation, out.out());
  return finish(status, out);
}

}  // namespace kbs::policy
