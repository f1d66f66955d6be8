// Configuration texts of any form: an error or a configuration that can be explained.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "kbs/config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  static const char* const kFormats[] = {"toml", "yaml", "json"};
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto config = kbs::config::load_text(text, kFormats[data[0] % 3], "fuzz");
  if (config && kbs::config::explain(*config).empty()) std::abort();
  if (!config && config.error().message.empty()) std::abort();
  return 0;
}
