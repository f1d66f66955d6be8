#pragma once
/// The stores that `kbs storage` is told of, opened.

#include <optional>
#include <string>

#include "kbs/config/config.h"
#include "storage/encrypted/encrypted.h"
#include "storage/transfer/transfer.h"

namespace kbs::server {

/// Opens stores for one command. Blocks. Used from one thread; outlives what it opened.
class StorageHost {
 public:
  /// `config_file` may be "": then only stores spelled out can be opened. `threads` wait for disks.
  StorageHost(std::string config_file, std::size_t threads);
  ~StorageHost();
  StorageHost(const StorageHost&) = delete;
  StorageHost& operator=(const StorageHost&) = delete;

  enum class Use {
    read,  ///< a local directory must be there
    write  ///< a local directory is made
  };
  /// `text` is the name of a mount in `config_file` ("" = that of the constructor), or
  /// `kind:path?key=value&…` with the keys of a mount.
  Result<storage::transfer::Side> open(const std::string& text, const std::string& config_file,
                                       Use use);
  /// The decorator of an encrypted mount alone.
  Result<std::shared_ptr<storage::encrypted::Encrypted>> open_encrypted(const std::string& mount);
  /// The directory of a store spelled `local_fs:DIR`.
  static Result<std::string> directory(const std::string& text);

  storage::Services services();

 private:
  Result<config::Config> load(const std::string& file) const;

  const std::string config_file_;
  asio::thread_pool pool_;
};

}  // namespace kbs::server
