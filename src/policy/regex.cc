#include "policy/regex.h"

#include "policy/engine_text.h"

namespace kbs::policy {

Result<Regex> Regex::compile(std::string_view pattern) {
  KbsRegex* compiled = nullptr;
  EngineText why;
  if (kbs_regex_compile(lend(pattern), &compiled, why.out()) != KBS_VALUE)
    return fail(ErrorKind::invalid_request,
                "not a usable regular expression: " + std::string(why.view()));
  Regex regex;
  regex.compiled_ =
      std::shared_ptr<void>(compiled, [](void* p) { kbs_regex_free(static_cast<KbsRegex*>(p)); });
  return regex;
}

bool Regex::matches(std::string_view text) const noexcept {
  return kbs_regex_matches(static_cast<const KbsRegex*>(compiled_.get()), lend(text)) == 1;
}

}  // namespace kbs::policy
