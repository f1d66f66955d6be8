#include "kbs/config/interpret.h"

namespace kbs::config {

void read_audit(Section section, Audit& out) {
  using Sink = Audit::Sink;
  section.read("path", out.path);
  if (!out.path.empty()) out.sink = Sink::file;
  if (const auto i = section.read_word("sink", {"file", "stdout", "none", "syslog"})) {
    static constexpr Sink kSinks[] = {Sink::file, Sink::standard_output, Sink::none, Sink::none};
    out.sink = kSinks[*i];
    if (*i == 3)
      section.report().not_in_this_build("[audit] sink = \"syslog\"; use \"file\" or \"stdout\"");
    if (*i != 0 && !out.path.empty()) section.problem("path", "goes with sink = \"file\" only");
    if (out.sink == Sink::none && *i != 3) {
      section.warn("sink = \"none\": nothing is recorded of who got which secret");
    }
  }
  if (out.sink == Sink::file && out.path.empty()) section.problem("sink = \"file\" needs path");
  if (const auto i = section.read_word("sync", {"batch", "write"})) out.sync_every_write = *i == 1;
  if (const auto i = section.read_word("on_failure", {"deny", "allow"}))
    out.deny_on_failure = *i == 0;
  section.finish();
}

}  // namespace kbs::config
