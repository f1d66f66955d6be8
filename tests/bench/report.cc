#include "bench/report.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/time_text.h"

namespace kbs::bench {
namespace {

std::string number(std::optional<double> value, int digits) {
  if (!value) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, *value);
  return text;
}

std::optional<double> over_floor(const Row& row) {
  if (!row.cpu_us || !row.floor_us) return std::nullopt;
  return *row.cpu_us - *row.floor_us;
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

json::object to_object(const Row& row) {
  json::object out;
  out["name"] = row.name;
  const auto put = [&](std::string_view name, std::optional<double> value) {
    if (value) out[name] = rounded(*value);
  };
  put("cpu_us", row.cpu_us);
  put("floor_us", row.floor_us);
  put("over_floor_us", over_floor(row));
  put("rps", row.rps);
  put("p50_ms", row.p50_ms);
  put("p99_ms", row.p99_ms);
  if (!row.policy.empty()) out["policy"] = row.policy;
  if (!row.state.empty()) out["state"] = row.state;
  for (const auto& member : row.more) out[member.key()] = member.value();
  if (row.target) {
    out["target"] = {{"text", row.target->text},
                     {"limit", row.target->limit},
                     {"reached", rounded(row.target->reached)},
                     {"met", row.target->met()}};
  }
  return out;
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "unknown";
}

json::object machine() {
  double load[1] = {0};
  getloadavg(load, 1);
  return {
      {"cpu", cpu_model()},
      {"cpus", sysconf(_SC_NPROCESSORS_ONLN)},
      {"load_average", rounded(load[0])},  // well over 2: others were busy, mistrust the figures
      {"openssl", OpenSSL_version(OPENSSL_VERSION)}};
}

constexpr const char* kLine = "%-26s %9s %9s %9s %9s %8s %8s  %-5s %-14s %s\n";

}  // namespace

void print_header() {
  std::printf(kLine, "row", "cpu us", "floor us", "over us", "per s", "p50 ms", "p99 ms", "met",
              "target", "policy; state");
}

void print(const Row& row) {
  std::string about = row.note;
  for (const std::string& part : {row.policy, row.state}) {
    if (!about.empty() && !part.empty()) about += "; ";
    about += part;
  }
  const char* met = !row.target ? "" : row.target->met() ? "yes" : "NO";
  std::printf(kLine, row.name.c_str(), number(row.cpu_us, 1).c_str(),
              number(row.floor_us, 1).c_str(), number(over_floor(row), 1).c_str(),
              number(row.rps, 0).c_str(), number(row.p50_ms, 3).c_str(),
              number(row.p99_ms, 3).c_str(), met, row.target ? row.target->text.c_str() : "",
              about.c_str());
  std::fflush(stdout);
}

Result<> write_json(const std::vector<Row>& rows, const std::string& path, bool quick) {
  json::array list;
  for (const Row& row : rows) list.push_back(to_object(row));
  const json::object report = {{"at", rfc3339(system_clock().now())},
                               {"quick", quick},
                               {"machine", machine()},
                               {"rows", std::move(list)}};
  return write_file_durably(system_files(), path, as_bytes(to_json(report) + "\n"), 0644);
}

}  // namespace kbs::bench
