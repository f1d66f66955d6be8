#include "storage/settings.h"

#include <cstdlib>

#include "base/file.h"

namespace kbs::storage {

Result<Secret> SecretSource::read() const {
  switch (kind) {
    case Kind::text:
      return text ? text->clone() : Secret();
    case Kind::file: {
      KBS_TRY(std::string bytes, read_file(name, 1u << 20));
      std::string_view kept = bytes;
      if (kept.ends_with('\n')) kept.remove_suffix(1);
      if (kept.ends_with('\r')) kept.remove_suffix(1);
      Secret secret = Secret::from_text(kept);
      wipe(bytes.data(), bytes.size());
      return secret;
    }
    case Kind::environment:
      break;
  }
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (value == nullptr) {
    return fail(ErrorKind::invalid_request, "the environment variable " + name + " is not set");
  }
  return Secret::from_text(value);
}

}  // namespace kbs::storage
