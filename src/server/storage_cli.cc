#include <CLI/CLI.hpp>

#include "server/storage_line.h"

namespace kbs::server {
namespace {

using Command = StorageLine::Command;

/// The options that several commands share, one function each.
class StorageCli {
 public:
  StorageCli(CLI::App& storage, StorageLine& line) : storage_(storage), line_(line) {}

  CLI::App* add(const char* name, const char* help, Command command) {
    CLI::App* app = storage_.add_subcommand(name, help);
    app->callback([&line = line_, command] { line.command = command; });
    app->add_option("-c,--config-file", line_.config,
                    "The configuration whose [[mounts]] are meant");
    app->add_flag("--json", line_.json, "Tell the outcome as JSON");
    return app;
  }
  void from(CLI::App* app, bool required) {
    auto* option = app->add_option("--from", line_.from,
                                   "A mount of the configuration, or a store such as local_fs:DIR");
    if (required) option->required();
    app->add_option("--from-config", line_.from_config,
                    "Another configuration, in which --from is a mount");
  }
  void to(CLI::App* app, bool required) {
    auto* option = app->add_option("--to", line_.to,
                                   "A mount of the configuration, or a store such as "
                                   "local_fs:DIR?layout=flat");
    if (required) option->required();
  }
  void mount(CLI::App* app, bool required) {
    auto* option = app->add_option("--mount", line_.mount, "An encrypted mount");
    if (required) option->required();
  }
  void select(CLI::App* app) {
    app->add_option("--prefix", line_.prefix, "Only resources whose path begins so");
  }
  void history(CLI::App* app, const char* help) { app->add_flag("--history", line_.history, help); }
  void work(CLI::App* app) {
    app->add_option("--jobs", line_.jobs, "How many resources at a time")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    app->add_flag("-v,--verbose", line_.verbose, "Tell of each resource, on stderr");
  }
  void writing(CLI::App* app) {
    app->add_flag("--dry-run", line_.dry_run, "Write nothing; tell what would be done");
    app->add_option("--if-exists", line_.if_exists,
                    "What to do where the target has another value: fail (that resource), skip, "
                    "overwrite")
        ->check(CLI::IsMember({"fail", "skip", "overwrite"}))
        ->capture_default_str();
    app->add_flag("--drop-expiry", line_.drop_expiry,
                  "Copy what expires into a store that cannot let it expire");
  }
  StorageLine& line() { return line_; }

 private:
  CLI::App& storage_;
  StorageLine& line_;
};

void add_copy(StorageCli& cli) {
  CLI::App* copy = cli.add("copy", "Copy resources from one store to another", Command::copy);
  cli.from(copy, true);
  cli.to(copy, true);
  cli.select(copy);
  cli.history(copy, "Earlier versions too, oldest first");
  cli.writing(copy);
  cli.work(copy);
}

void add_migrate(StorageCli& cli) {
  CLI::App* migrate = cli.add(
      "migrate", "Copy, compare and then remove from the source; or change a directory's layout",
      Command::migrate);
  cli.from(migrate, true);
  cli.to(migrate, false);
  migrate
      ->add_option("--layout", cli.line().layout,
                   "Instead of --to: spell the files of --from local_fs:DIR so, in place")
      ->check(CLI::IsMember({"tree", "flat"}));
  cli.select(migrate);
  cli.history(migrate, "Insist on earlier versions (they go along where both stores have them)");
  migrate->add_flag("--drop-history", cli.line().drop_history, "Leave earlier versions behind");
  migrate->add_flag("--remove-source", cli.line().remove_source,
                    "Remove from the source what arrived, history included");
  cli.writing(migrate);
  cli.work(migrate);
}

void add_verify(StorageCli& cli) {
  CLI::App* verify = cli.add(
      "verify", "Compare two stores, or an encrypted mount with its manifest", Command::verify);
  cli.from(verify, false);
  cli.to(verify, false);
  cli.mount(verify, false);
  cli.select(verify);
  cli.history(verify, "Earlier versions too");
  cli.work(verify);
}

void add_archives(StorageCli& cli) {
  CLI::App* out = cli.add("export", "Write resources into an encrypted archive", Command::export_);
  out->add_option("FILE", cli.line().file, "The archive to be")->required();
  cli.from(out, true);
  cli.select(out);
  cli.history(out, "Earlier versions too");
  out->add_option("--recipient", cli.line().recipients,
                  "A certificate (PEM) whose key opens the archive; may be repeated");
  out->add_option("--password-file", cli.line().password_file,
                  "A file with a password that opens the archive");
  out->add_flag("--replace", cli.line().replace, "An archive of that name");
  out->add_flag("--keep-going", cli.line().keep_going,
                "Keep the archive even though some resources could not be read");
  out->add_flag("-v,--verbose", cli.line().verbose, "Tell of each resource, on stderr");

  CLI::App* in = cli.add("import", "Write what is in an archive into a store", Command::import);
  in->add_option("FILE", cli.line().file, "The archive")->required();
  cli.to(in, true);
  cli.select(in);
  cli.history(in, "The earlier versions in the archive too");
  in->add_option("--key", cli.line().key_file, "The private key (PEM) of a recipient");
  in->add_option("--password-file", cli.line().password_file, "A file with the password");
  cli.writing(in);
  cli.work(in);
}

}  // namespace

void add_storage_commands(CLI::App& app, StorageLine& line) {
  CLI::App* storage = app.add_subcommand(
      "storage", "Copy, compare, move, export and import resources, on this host");
  storage->require_subcommand(1);
  StorageCli cli(*storage, line);
  add_copy(cli);
  add_migrate(cli);
  add_verify(cli);
  add_archives(cli);
  CLI::App* rewrap =
      cli.add("rewrap", "Put an encrypted mount under its current key", Command::rewrap);
  cli.mount(rewrap, true);
  CLI::App* list = cli.add("list", "List resources, never values", Command::list);
  cli.from(list, true);
  cli.select(list);
}

}  // namespace kbs::server
