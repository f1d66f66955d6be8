#include "attestation/embedded/rvps.h"

#include <array>
#include <charconv>

#include "base/log.h"
#include "base/time_text.h"

namespace kbs::attestation::embedded {
namespace {

constexpr std::string_view kVersion = "0.1.0";

auto refused(std::string what, boost::source_location where = BOOST_CURRENT_LOCATION) {
  return fail(ErrorKind::invalid_request, std::move(what), {}, where);
}

/// Extractor `sample`: each member of the payload's object is one value under its own name.
Result<json::object> extract_sample(std::string_view payload) {
  auto bytes = from_base64(payload);
  if (!bytes) return refused("`payload` must be standard base64");
  auto values = parse_json_object(as_text(*bytes));
  if (!values) return refused("`payload` must hold a JSON object");
  return std::move(*values);
}

Result<json::object> extract(std::string_view message) {
  auto parsed = parse_json_object(message);
  if (!parsed) return refused("the message must be a JSON object with `type` and `payload`");
  if (const json::value* version = parsed->if_contains("version")) {
    if (!version->is_string() || version->get_string() != kVersion) {
      return refused("`version` must be \"0.1.0\", or left out");
    }
  }
  const auto type = string_member(*parsed, "type");
  const auto payload = string_member(*parsed, "payload");
  if (!type) return refused("`type` must be a string");
  if (!payload) return refused("`payload` must be a string");
  if (*type != "sample")
    return refused("this build extracts reference values of type \"sample\" only");
  return extract_sample(*payload);
}

/// Twelve calendar months on; the 29th of February becomes the 28th.
SysTime a_year_after(SysTime now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const auto time_of_day = std::chrono::floor<std::chrono::seconds>(now - day);
  std::chrono::year_month_day date = std::chrono::year_month_day(day) + std::chrono::years{1};
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;
  return std::chrono::sys_days(date) + time_of_day;
}

std::string record_of(std::string_view id, const json::value& value, SysTime expiration) {
  std::string record = R"({"version":"0.1.0","name":)";
  append_json_string(record, id);
  record += R"(,"expiration":")" + rfc3339(expiration) + R"(","value":)" + to_json(value) + "}";
  return record;
}

/// "YYYY-MM-DDTHH:MM:SSZ" and nothing else.
std::optional<SysTime> parse_time(std::string_view text) {
  if (text.size() != 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text[19] != 'Z') {
    return std::nullopt;
  }
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kFields = {
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  std::array<int, 6> n{};
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const std::string_view digits = text.substr(kFields[i].first, kFields[i].second);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n[i]);
    if (error != std::errc() || end != digits.data() + digits.size() || n[i] < 0)
      return std::nullopt;
  }
  const auto date = std::chrono::year{n[0]} / n[1] / n[2];
  if (!date.ok() || n[3] > 23 || n[4] > 59 || n[5] > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours{n[3]} + std::chrono::minutes{n[4]} +
         std::chrono::seconds{n[5]};
}

}  // namespace

awaitable<Result<>> Rvps::register_message(std::string message) {
  KBS_CO_TRY(json::object values, extract(message));
  const SysTime expiration = a_year_after(clock_.now());
  for (const auto& member : values) {
    if (member.key().empty()) co_return refused("a reference value needs a name");
  }
  for (const auto& member : values) {
    std::string id(member.key());
    Secret record = Secret::from_text(record_of(id, member.value(), expiration));
    KBS_CO_TRY(bool stored, co_await store_->set(std::move(id), std::move(record), true));
    (void)stored;
  }
  co_return Result<>();
}

awaitable<Result<std::optional<std::string>>> Rvps::query(std::string id) {
  std::optional<std::string> none;
  KBS_CO_TRY(std::optional<Secret> stored, co_await store_->get(id));
  if (!stored) co_return none;
  auto record = parse_json_object(stored->expose_text());
  const json::value* value = record ? record->if_contains("value") : nullptr;
  const auto expiration = record ? string_member(*record, "expiration") : std::nullopt;
  const auto ends = expiration ? parse_time(*expiration) : std::nullopt;
  if (!value || !ends) {
    co_return fail(ErrorKind::internal, "a stored reference value is damaged: register it again",
                   "id " + id);
  }
  if (*ends < clock_.now()) {
    log_line(LogLevel::warn, "rvps",
             "an expired reference value counts as unknown: register it again",
             {{"id", id}, {"expired", *expiration}});
    co_return none;
  }
  co_return std::optional(to_json(*value));
}

awaitable<Result<>> Rvps::health() {
  KBS_CO_TRY(std::optional<Secret> probe, co_await store_->get("__health__"));
  (void)probe;
  co_return Result<>();
}

}  // namespace kbs::attestation::embedded
