#pragma once
/// What a storage command found out, for people or machines.

#include <string>

#include "storage/encrypted/encrypted.h"
#include "storage/transfer/layout.h"
#include "storage/transfer/transfer.h"

namespace kbs::server {

/// Two texts: the result for stdout, and what must be known besides, a line each, for stderr ("" in
/// JSON: there all is in the first).
struct Told {
  std::string out;
  std::string err;
  bool good = true;
};

/// `verb` is what was done: "copied", "exported", "imported".
Told tell(const storage::transfer::Report& report, const std::string& verb, bool dry_run,
          bool json);
Told tell(const storage::transfer::Comparison& report, bool json);
Told tell(const storage::transfer::Migration& report, bool dry_run, bool json);
Told tell(const storage::transfer::LayoutReport& report, const std::string& layout, bool dry_run,
          bool json);
Told tell(const storage::encrypted::RewrapReport& report, bool json);
/// Of an encrypted mount: the paths that disagree with the manifest.
Told tell(const std::vector<std::string>& disagreeing, const std::string& mount, bool json);
/// One resource of a listing, with its line end.
std::string tell(const storage::Entry& entry, bool json);

}  // namespace kbs::server
