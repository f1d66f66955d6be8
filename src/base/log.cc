#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/encoding.h"
#include "base/json.h"
#include "base/time_text.h"

namespace kbs {
namespace {

std::atomic<LogLevel> current_level{LogLevel::info};
std::atomic<LogFormat> current_format{LogFormat::automatic};

std::mutex test_sink_mutex;
std::string* test_sink = nullptr;

std::string_view name_of(LogLevel level) {
  constexpr std::string_view names[] = {"trace", "debug", "info", "warn", "error", "off"};
  return names[static_cast<std::size_t>(level)];
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::trace, spdlog::level::debug,
                                                  spdlog::level::info,  spdlog::level::warn,
                                                  spdlog::level::err,   spdlog::level::off};
  return levels[static_cast<std::size_t>(level)];
}

/// Writes each line with one fwrite to stderr, which is unbuffered: one write(2). Never destroyed,
/// so that threads may log until the very end.
spdlog::logger& output() {
  static spdlog::logger& logger = *[] {
    auto* made = new spdlog::logger("kbs", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);  // `log_enabled` has already decided
    return made;
  }();
  return logger;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b,
                            [](unsigned char x, unsigned char y) { return std::tolower(x) == y; });
}

std::optional<LogLevel> level_from(std::string_view name) {
  for (LogLevel level : {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn,
                         LogLevel::error, LogLevel::off}) {
    if (equals_ignoring_case(name, name_of(level))) return level;
  }
  return std::nullopt;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Appends `text` as a JSON string in which no byte can move a terminal's cursor: DEL and the C1
/// controls are escaped too.
void append_quoted(std::string& out, std::string_view text) {
  const std::size_t from = out.size();
  append_json_string(out, text);
  for (std::size_t i = from; i < out.size(); ++i) {
    const auto c = static_cast<unsigned char>(out[i]);
    const auto next = static_cast<unsigned char>(i + 1 < out.size() ? out[i + 1] : 0);
    const bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
    if (c != 0x7f && !c1) continue;
    const auto code = static_cast<std::byte>(c1 ? next : c);
    out.replace(i, c1 ? 2 : 1, "\\u00" + hex({&code, 1}));
  }
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("-_./:,@+").find(c) != std::string_view::npos;
  });
}

void append_json_line(std::string& line, LogLevel level, std::string_view where,
                      std::string_view message, std::span<const LogField> fields) {
  line += R"({"ts":")";
  append_rfc3339_micros(line, system_clock().now());
  ((line += R"(","level":")") += name_of(level)) += R"(","where":)";
  append_quoted(line, where);
  line += R"(,"msg":)";
  append_quoted(line, message);
  for (const LogField& field : fields) {
    line += ',';
    append_quoted(line, field.name);
    line += ':';
    append_quoted(line, field.value);
  }
  line += '}';
}

/// For eyes: the message as it is, except for what could be taken for another line or move the
/// cursor.
void append_text_line(std::string& line, LogLevel level, std::string_view where,
                      std::string_view message, std::span<const LogField> fields) {
  append_rfc3339_micros(line, system_clock().now());
  ((line += ' ') += name_of(level)).append(6 - name_of(level).size(), ' ');
  (line += where) += ": ";
  std::string quoted;
  append_quoted(quoted, message);
  const bool as_it_is = quoted.size() == message.size() + 2;
  line += as_it_is ? message : std::string_view(quoted);
  for (const LogField& field : fields) {
    ((line += ' ') += field.name) += '=';
    if (is_plain(field.value)) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
}

void write_line(LogLevel level, std::string_view where, std::string_view message,
                std::span<const LogField> fields) {
  static const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
  const LogFormat format = current_format.load(std::memory_order_relaxed);
  std::string line;
  line.reserve(256);
  if (format == LogFormat::text || (format == LogFormat::automatic && on_terminal)) {
    append_text_line(line, level, where, message, fields);
  } else {
    append_json_line(line, level, where, message, fields);
  }
  output().log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
  const std::lock_guard lock(test_sink_mutex);
  if (test_sink) (*test_sink += line) += '\n';
}

}  // namespace

Result<> configure_log(std::string_view filter, LogFormat format) {
  current_format = format;
  filter =
      trim(filter.substr(0, filter.find('/')));  // after the slash: a regex over messages, not ours
  std::optional<LogLevel> general, ours;
  bool known = filter.empty();
  for (std::size_t at = 0; at < filter.size();) {
    const std::size_t comma = std::min(filter.find(',', at), filter.size());
    const std::string_view directive = trim(filter.substr(at, comma - at));
    at = comma + 1;
    const std::size_t equals = directive.find('=');
    const std::string_view target =
        equals == directive.npos ? "" : trim(directive.substr(0, equals));
    const auto level =
        level_from(equals == directive.npos ? directive : trim(directive.substr(equals + 1)));
    if (!level) continue;
    known = true;
    if (target.empty()) general = level;
    if (target == "kbs") ours = level;
  }
  if (!known) {
    return fail(ErrorKind::invalid_request,
                "the log filter \"" + to_valid_utf8(filter) +
                    "\" names no level: use trace, debug, info, warn, error or off");
  }
  current_level = ours ? *ours : general.value_or(LogLevel::info);
  return {};
}

bool log_enabled(LogLevel level) noexcept {
  return level != LogLevel::off && level >= current_level.load(std::memory_order_relaxed);
}

void log_line(LogLevel level, std::string_view where, std::string_view message,
              std::initializer_list<LogField> fields) {
  if (log_enabled(level)) write_line(level, where, message, {fields.begin(), fields.size()});
}

void log_error(LogLevel level, std::string_view where, std::string_view message, const Error& error,
               std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  const std::string description = describe(error);
  std::vector<LogField> all(fields);
  all.emplace_back("kind", to_string(error.kind));
  all.emplace_back("error", error.message);
  if (!error.detail.empty()) all.emplace_back("detail", error.detail);
  all.emplace_back("at", std::string_view(description).substr(description.rfind(" at ") + 4));
  write_line(level, where, message, all);
}

void set_log_sink_for_testing(std::string* sink) {
  const std::lock_guard lock(test_sink_mutex);
  test_sink = sink;
}

}  // namespace kbs
