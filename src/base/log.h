#pragma once
/// The operator's log: JSON lines on stderr, or text on a terminal. Nothing is formatted unless its
/// level is on. Never a secret, token, key, cookie or PIN: a test greps for them.

#include <atomic>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kbs {

enum class LogLevel { trace, debug, info, warn, error, off };

/// One `name: value` of a line.
struct LogField {
  std::string_view name;
  std::string value;
  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, std::int64_t v) : name(n), value(std::to_string(v)) {}
};

enum class LogFormat { automatic, json, text };

/// Sets the level from an env_logger-style filter as RUST_LOG holds it ("info", "debug,hyper=warn":
/// the bare level counts; directives for unknown targets are ignored). Fails on a filter without
/// any known level.
Result<> configure_log(std::string_view filter, LogFormat format = LogFormat::automatic);

bool log_enabled(LogLevel level) noexcept;
/// Thread-safe; one write(2) per line, so that lines never mix. `where` names the part: "rcar",
/// "storage".
void log_line(LogLevel level, std::string_view where, std::string_view message,
              std::initializer_list<LogField> fields = {});
/// Logs `error` with its kind, detail and place.
void log_error(LogLevel level, std::string_view where, std::string_view message, const Error& error,
               std::initializer_list<LogField> fields = {});

/// For tests: every line from now on goes to `sink` as well, until it is set to nullptr.
void set_log_sink_for_testing(std::string* sink);

}  // namespace kbs

#define KBS_LOG(level, ...)                                 \
  do {                                                      \
    if (::kbs::log_enabled(::kbs::LogLevel::level))         \
      ::kbs::log_line(::kbs::LogLevel::level, __VA_ARGS__); \
  } while (false)
