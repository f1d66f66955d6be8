#pragma once
/// The place of a run: a temporary directory and the servers that live in it.

#include <filesystem>
#include <string>

#include "bench/cores.h"
#include "bench/http_load.h"
#include "bench/server_process.h"
#include "kbs-client/evidence.h"

namespace kbs::bench {

/// What a server keeps things in, and how it is reached.
enum class State { local_fs, memory, local_fs_tls };
/// As the table names it.
std::string describe(State state);

/// A server with the allow-all policy and two resources.
struct Bench {
  ServerProcess server;
  State state;
  std::string certificate;  ///< PEM; only under TLS

  /// Under TLS `connections` must be 1.
  Result<LoadClientPtr> connect(std::size_t connections) const;
};

class Lab {
 public:
  static constexpr std::string_view kSmall = "/kbs/v0/resource/default/bench/small";  ///< 1 KiB
  static constexpr std::string_view kLarge = "/kbs/v0/resource/default/bench/large";  ///< 64 KiB

  /// Makes a directory below `where`, which is removed at the end.
  static Result<Lab> open(std::string binary, const std::filesystem::path& where, Cores cores);
  Lab(Lab&&) noexcept;
  Lab& operator=(Lab&&) = delete;
  ~Lab();

  const Cores& cores() const noexcept { return cores_; }
  const client::AttesterSet& attesters() const noexcept { return attesters_; }
  const std::string& small() const noexcept { return small_; }
  const std::string& large() const noexcept { return large_; }

  /// A new server in a directory of its own, provisioned through its own admin API.
  Result<Bench> start(State state);
  /// The same, empty: nothing but started. `repository`: where its resources lie already.
  Result<Bench> start_bare(State state, const std::filesystem::path& repository = {});
  /// A new directory, which goes with the lab.
  Result<std::filesystem::path> make_directory(const std::string& name) const;

 private:
  Lab(std::string binary, std::filesystem::path dir, Cores cores);
  Result<std::string> write_config(State state, const std::filesystem::path& dir,
                                   const std::filesystem::path& repository,
                                   std::string& certificate);
  Result<> provision(const Bench& bench) const;

  std::string binary_;
  std::filesystem::path dir_;
  Cores cores_;
  int started_ = 0;
  client::AttesterSet attesters_;
  std::string small_, large_;
};

}  // namespace kbs::bench
