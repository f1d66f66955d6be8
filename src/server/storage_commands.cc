#include "server/storage_commands.h"

#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "base/run.h"
#include "server/signals.h"
#include "server/storage_report.h"
#include "server/storage_sides.h"
#include "storage/transfer/archive_file.h"
#include "storage/transfer/layout.h"

namespace kbs::server {
namespace {

namespace transfer = storage::transfer;
using transfer::Side;
using Use = StorageHost::Use;
using Command = StorageLine::Command;

constexpr int kWrongUsage = 2;

Result<Told> wrong(const std::string& message) { return fail(ErrorKind::invalid_request, message); }

void print_progress(const std::string& path, std::string_view outcome) {
  std::fprintf(stderr, "%.*s %s\n", static_cast<int>(outcome.size()), outcome.data(), path.c_str());
}

transfer::Options options_of(const StorageLine& line) {
  using transfer::IfExists;
  transfer::Options options;
  options.prefix = line.prefix;
  options.history = line.history;
  options.dry_run = line.dry_run;
  options.drop_expiry = line.drop_expiry;
  options.in_flight = line.jobs;
  if (line.if_exists == "skip") options.if_exists = IfExists::skip;
  if (line.if_exists == "overwrite") options.if_exists = IfExists::overwrite;
  if (line.verbose) options.progress = print_progress;
  return options;
}

struct Both {
  Side from;
  Side to;
};

Result<Both> open_both(StorageHost& host, const StorageLine& line, Use use) {
  if (line.from == line.to && line.from_config.empty()) {
    return fail(ErrorKind::invalid_request, "--from and --to are the same store");
  }
  Both both;
  KBS_TRY(both.from, host.open(line.from, line.from_config, Use::read));
  KBS_TRY(both.to, host.open(line.to, "", line.dry_run ? Use::read : use));
  return both;
}

Result<Told> copy(StorageHost& host, const StorageLine& line) {
  KBS_TRY(Both both, open_both(host, line, Use::write));
  KBS_TRY(const transfer::Report report,
          run_to_end(transfer::copy(both.from, both.to, options_of(line))));
  return tell(report, "copied", line.dry_run, line.json);
}

Result<Told> change_layout(StorageHost& host, const StorageLine& line) {
  KBS_TRY(const std::string root, StorageHost::directory(line.from));
  const auto layout =
      line.layout == "flat" ? storage::local_fs::Layout::flat : storage::local_fs::Layout::tree;
  KBS_TRY(const transfer::LayoutReport report,
          transfer::change_layout(root, layout, options_of(line), host.services()));
  Told told = tell(report, line.layout, line.dry_run, line.json);
  if (!line.dry_run && !line.json) {
    told.out += "servers go on writing the layout of their configuration: set layout = \"" +
                line.layout + "\" there\n";
  }
  return told;
}

Result<Told> migrate(StorageHost& host, const StorageLine& line) {
  if (line.to.empty() == line.layout.empty()) {
    return wrong("migrate takes either --to STORE, or --layout tree|flat for a directory");
  }
  if (!line.layout.empty()) return change_layout(host, line);
  if (line.history && line.drop_history) {
    return wrong("--history and --drop-history exclude each other");
  }
  KBS_TRY(Both both, open_both(host, line, Use::write));
  transfer::Options options = options_of(line);
  const bool both_have =
      both.from.backend->capabilities().versions && both.to.backend->capabilities().versions;
  options.history = line.history || (both_have && !line.drop_history);
  KBS_TRY(const transfer::Migration report,
          run_to_end(transfer::migrate(both.from, both.to, std::move(options), line.remove_source,
                                       line.drop_history)));
  return tell(report, line.dry_run, line.json);
}

Result<Told> verify(StorageHost& host, const StorageLine& line) {
  const bool two = !line.from.empty() && !line.to.empty();
  if (two == !line.mount.empty() || line.from.empty() != line.to.empty()) {
    return wrong("verify takes either --from STORE --to STORE, or --mount NAME");
  }
  if (!line.mount.empty()) {
    KBS_TRY(const auto encrypted, host.open_encrypted(line.mount));
    KBS_TRY(const std::vector<std::string> paths, run_to_end(encrypted->verify()));
    return tell(paths, line.mount, line.json);
  }
  KBS_TRY(Both both, open_both(host, line, Use::read));
  KBS_TRY(const transfer::Comparison report,
          run_to_end(transfer::verify(both.from, both.to, options_of(line))));
  return tell(report, line.json);
}

Result<Told> rewrap(StorageHost& host, const StorageLine& line) {
  KBS_TRY(const auto encrypted, host.open_encrypted(line.mount));
  KBS_TRY(const storage::encrypted::RewrapReport report, run_to_end(encrypted->rewrap()));
  return tell(report, line.json);
}

Result<Secret> read_password(const std::string& file) {
  storage::SecretSource source;
  source.kind = storage::SecretSource::Kind::file;
  source.name = file;
  return source.read();
}

Result<Told> export_archive(StorageHost& host, const StorageLine& line) {
  if (line.recipients.empty() && line.password_file.empty()) {
    return wrong(
        "who shall open the archive? give --recipient CERTIFICATE or --password-file FILE");
  }
  crypto::CmsRecipients recipients;
  for (const std::string& file : line.recipients) {
    KBS_TRY(std::string pem, read_file(file));
    recipients.certificates.push_back(std::move(pem));
  }
  if (!line.password_file.empty()) {
    KBS_TRY(recipients.password, read_password(line.password_file));
  }
  KBS_TRY(Side from, host.open(line.from, line.from_config, Use::read));
  transfer::ExportOptions options;
  options.prefix = line.prefix;
  options.history = line.history;
  options.replace = line.replace;
  options.keep_going = line.keep_going;
  if (line.verbose) options.progress = print_progress;
  KBS_TRY(const transfer::Report report,
          run_to_end(transfer::export_archive(std::move(from), line.file, std::move(recipients),
                                              std::move(options), system_files(), system_clock())));
  Told told = tell(report, "exported", false, line.json);
  if (!report.good() && !line.json) {
    told.err += line.keep_going ? "the archive " + line.file + " lacks these\n"
                                : "no archive was written; --keep-going writes one without these\n";
  }
  return told;
}

Result<crypto::CmsKey> read_key(const StorageLine& line) {
  if (line.key_file.empty() == line.password_file.empty()) {
    return fail(ErrorKind::invalid_request,
                "the archive is opened by --key FILE or by --password-file FILE: give one of them");
  }
  crypto::CmsKey key;
  if (!line.password_file.empty()) {
    KBS_TRY(key.password, read_password(line.password_file));
    return key;
  }
  KBS_TRY(std::string pem, read_file(line.key_file, 64u << 10));
  auto parsed = crypto::PrivateKey::from_pem(pem);
  wipe(pem.data(), pem.size());
  if (!parsed) {
    parsed.error().message = line.key_file + ": " + parsed.error().message;
    return tl::unexpected(std::move(parsed).error());
  }
  key.key = std::move(*parsed);
  return key;
}

Result<Told> import_archive(StorageHost& host, const StorageLine& line) {
  KBS_TRY(crypto::CmsKey key, read_key(line));
  KBS_TRY(Side to, host.open(line.to, "", line.dry_run ? Use::read : Use::write));
  KBS_TRY(const transfer::Report report,
          run_to_end(transfer::import_archive(std::move(to), line.file, std::move(key),
                                              options_of(line), system_files(), system_clock())));
  return tell(report, "imported", line.dry_run, line.json);
}

awaitable<Result<Told>> list_all(Side from, std::string prefix, bool json) {
  storage::ListOptions options;
  options.prefix = std::move(prefix);
  do {
    auto page = co_await from.backend->list(options);
    if (!page) co_return tl::unexpected(std::move(page).error());
    options.cursor = page->next;
    for (const storage::Entry& entry : page->entries) {
      const auto id = ResourceId::parse(entry.path);
      if (id && from.serves(*id)) std::fputs(tell(entry, json).c_str(), stdout);
    }
  } while (!options.cursor.empty());
  co_return Told();
}

Result<Told> list(StorageHost& host, const StorageLine& line) {
  KBS_TRY(Side from, host.open(line.from, line.from_config, Use::read));
  return run_to_end(list_all(std::move(from), line.prefix, line.json));
}

Result<Told> run(StorageHost& host, const StorageLine& line) {
  switch (line.command) {
    case Command::copy:
      return copy(host, line);
    case Command::migrate:
      return migrate(host, line);
    case Command::verify:
      return verify(host, line);
    case Command::rewrap:
      return rewrap(host, line);
    case Command::export_:
      return export_archive(host, line);
    case Command::import:
      return import_archive(host, line);
    case Command::list:
      return list(host, line);
    case Command::none:
      break;
  }
  return wrong("no command");
}

}  // namespace

int storage_command(const StorageLine& line) {
  protect_memory();
  const char* filter = std::getenv("RUST_LOG");
  (void)configure_log(filter && *filter ? filter : "warn");
  StorageHost host(line.config, line.jobs);
  const auto told = run(host, line);
  if (!told) {
    const Error& error = told.error();
    std::fprintf(stderr, "kbs storage: %s%s%s\n", error.message.c_str(),
                 error.detail.empty() ? "" : "\n  ", error.detail.c_str());
    return error.kind == ErrorKind::invalid_request ? kWrongUsage : 1;
  }
  std::fputs(told->out.c_str(), stdout);
  std::fflush(stdout);
  std::fputs(told->err.c_str(), stderr);
  return told->good ? 0 : 1;
}

}  // namespace kbs::server
