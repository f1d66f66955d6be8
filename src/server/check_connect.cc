#include "server/check_connect.h"

#include <algorithm>
#include <vector>

#include "base/run.h"
#include "server/assemble.h"
#include "server/looking.h"

namespace kbs::server {
namespace {

struct Row {
  std::string store;
  bool good = false;
  std::string state;
  std::string can;
};

std::string reason(const Error& error) {
  return error.message + (error.detail.empty() ? "" : " (" + error.detail + ")");
}

std::string capabilities_text(const storage::Capabilities& can, bool read_only) {
  struct Ability {
    bool has;
    bool changing;
    const char* name;
  };
  const Ability all[] = {{can.list, false, "list"},
                         {can.versions, false, "versions"},
                         {can.notices_changes, false, "notices changes"},
                         {can.write, true, "write"},
                         {can.remove, true, "delete"},
                         {can.undelete, true, "undelete"},
                         {can.compare_and_set, true, "compare-and-set"}};
  // Not `expiry`: some backends must write to find out.
  std::string out = "read";
  for (const Ability& one : all) {
    if (one.has && !(read_only && one.changing)) out += std::string(", ") + one.name;
  }
  return out;
}

/// What went wrong, told apart from what a server would mend by itself when it starts.
std::string failure_text(const Error& error, bool would_make) {
  if (!would_make) return "FAILED: " + reason(error);
  return "NOT THERE YET: " + reason(error) + "; a server would make it at its start";
}

/// Each store gets surroundings of its own, so that what it tried is known.
struct Surroundings {
  LookingFiles files;
  asio::thread_pool blocking{2};
  std::atomic<bool> refused{false};
  ~Surroundings() { blocking.join(); }
};

Row look_at(const config::MountConfig& mount, const Clock& clock) {
  const storage::MountOptions& options = mount.options;
  Row row{"mount " + options.name + " (" + options.backend + ")", false, "", ""};
  Surroundings around;
  const storage::Services services{around.files, clock, around.blocking};
  auto raw = mount.make(services);
  if (!raw) {
    row.state = failure_text(raw.error(), around.files.refused());
    return row;
  }
  // What the files refused from here on (a backend may try what its file system can do) says
  // nothing about what is missing.
  auto looking = looking_backend(std::move(*raw), around.refused);
  auto opened = run_to_end(storage::decorate(options, std::move(looking), services, nullptr));
  if (!opened) {
    row.state = failure_text(opened.error(), around.refused);
    return row;
  }
  row.can = capabilities_text(opened->backend->capabilities(), options.read_only);
  const auto healthy = run_to_end(opened->backend->health());
  row.good = healthy.has_value();
  row.state = healthy ? "ok" : failure_text(healthy.error(), false);
  const std::string unwritable = around.files.unwritable();
  if (row.good && !options.read_only && !unwritable.empty()) {
    row.state = "read-only: " + unwritable + " cannot be written to";
  }
  return row;
}

Row look_at(const config::StorageBackend& config, std::optional<storage::KeyValueType> type,
            const std::string& name, const Clock& clock) {
  static constexpr const char* kTypes[] = {"memory", "local_fs", "local_json"};
  const auto index = static_cast<std::size_t>(type.value_or(config.type));
  Row row{"store " + name + " (" + kTypes[index] + ")", false, "", ""};
  Surroundings around;
  auto opened = open_namespace(config, type, name, {around.files, clock, around.blocking});
  if (!opened) {
    row.state = failure_text(opened.error(), around.files.refused());
    return row;
  }
  const auto keys = run_to_end((*opened)->list());
  row.good = keys.has_value();
  row.state = keys ? "ok" : failure_text(keys.error(), around.files.refused());
  if (keys) {
    row.can = std::to_string(keys->size()) + (keys->size() == 1 ? " entry" : " entries");
    if (const std::string unwritable = around.files.unwritable(); !unwritable.empty())
      row.state = "read-only: " + unwritable + " cannot be written to";
  }
  return row;
}

std::vector<Row> look_at_all(const config::Config& config, const Clock& clock) {
  std::vector<Row> rows;
  rows.reserve(config.mounts.size() + 3);
  for (const config::MountConfig& mount : config.mounts) rows.push_back(look_at(mount, clock));
  const config::StorageBackend& storage = config.storage_backend;
  rows.push_back(look_at(storage, std::nullopt, "kbs", clock));
  const config::AttestationService& service = config.attestation_service;
  if (service.type == config::AttestationService::Type::embedded) {
    rows.push_back(look_at(storage, service.policy_storage, "attestation_service_policy", clock));
    rows.push_back(look_at(storage, service.reference_storage, "reference_value", clock));
  }
  return rows;
}

}  // namespace

ConnectReport check_connect(const config::Config& config, const Clock& clock) {
  const std::vector<Row> rows = look_at_all(config, clock);
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.store.size());
  ConnectReport report;
  for (const Row& row : rows) {
    report.good = report.good && row.good;
    report.text += row.store + std::string(width - row.store.size() + 2, ' ') + row.state;
    if (!row.can.empty()) report.text += "; " + row.can;
    report.text += '\n';
  }
  return report;
}

}  // namespace kbs::server
