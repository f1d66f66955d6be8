#include "bench/lab.h"

#include <stdlib.h>

#include <fstream>

#include "base/encoding.h"
#include "base/file.h"
#include "bench/guests.h"
#include "bench/tls_load.h"
#include "crypto/random.h"
#include "policy/stock_policies.h"

namespace kbs::bench {
namespace {

// As deployed, with three differences: one worker, tokens that outlast the run, and an admin API
// without tokens.
constexpr std::string_view kCommon = R"(
[http_server]
sockets = ["127.0.0.1:0"]
worker_count = 1
@HTTP@
[admin]
authorization_mode = "InsecureAllowAll"
[attestation_service]
type = "CoCoASBuiltIn"
[attestation_service.attestation_token_broker]
duration_min = 240
[attestation_token]
insecure_header_jwk = true
[audit]
sink = "file"
path = "@DIR@/audit.log"
)";
constexpr std::string_view kLocalFs = R"(
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "@DIR@/state"
[[plugins]]
name = "resource"
type = "LocalFs"
dir_path = "@REPOSITORY@"
)";
constexpr std::string_view kMemory = R"(
[storage_backend]
storage_type = "Memory"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
)";
constexpr std::string_view kTls = R"(private_key = "@DIR@/tls.key"
certificate = "@DIR@/tls.crt")";

void replace(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

Result<> write_text(const std::filesystem::path& path, std::string_view text) {
  return write_file_durably(system_files(), path, as_bytes(text));
}

Result<> post(LoadClient& client, std::string_view target, std::string_view body) {
  std::size_t once = 1;
  Streams streams;
  streams.push_back(std::make_unique<RepeatStream>(post_request(target, body), once));
  KBS_OK(client.run(streams));
  return {};
}

}  // namespace

std::string describe(State state) {
  switch (state) {
    case State::local_fs:
      return "LocalFs, audit file";
    case State::memory:
      return "Memory, audit file";
    case State::local_fs_tls:
      return "LocalFs, audit file, HTTPS";
  }
  return {};
}

Lab::Lab(std::string binary, std::filesystem::path dir, Cores cores)
    : binary_(std::move(binary)), dir_(std::move(dir)), cores_(cores) {
  attesters_.primary = client::sample_attester();
  small_ = as_text(crypto::random_secret(1024).expose());
  large_ = as_text(crypto::random_secret(65536).expose());
}

Lab::Lab(Lab&& other) noexcept = default;

Lab::~Lab() {
  std::error_code ignored;
  if (!dir_.empty()) std::filesystem::remove_all(dir_, ignored);
}

Result<Lab> Lab::open(std::string binary, const std::filesystem::path& where, Cores cores) {
  std::error_code failed;
  std::filesystem::create_directories(where, failed);
  std::string dir = (where / "bench-XXXXXX").string();
  if (failed || mkdtemp(dir.data()) == nullptr) {
    return fail(ErrorKind::unavailable, "cannot make a directory below " + where.string());
  }
  return Lab(std::move(binary), std::filesystem::absolute(dir), cores);
}

Result<std::filesystem::path> Lab::make_directory(const std::string& name) const {
  const std::filesystem::path path = dir_ / name;
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed) return fail(ErrorKind::unavailable, "cannot make " + path.string());
  return path;
}

Result<std::string> Lab::write_config(State state, const std::filesystem::path& dir,
                                      const std::filesystem::path& repository,
                                      std::string& certificate) {
  std::string text(kCommon);
  if (state == State::local_fs_tls) {
    KBS_TRY(ServerCertificate made, ServerCertificate::make());
    KBS_OK(write_text(dir / "tls.key", made.key));
    KBS_OK(write_text(dir / "tls.crt", made.certificate));
    certificate = std::move(made.certificate);
    replace(text, "@HTTP@", kTls);
  } else {
    replace(text, "@HTTP@", "insecure_http = true");
  }
  text += state == State::memory ? kMemory : kLocalFs;
  replace(text, "@REPOSITORY@", repository.string());
  replace(text, "@DIR@", dir.string());
  const std::filesystem::path path = dir / "kbs.toml";
  KBS_OK(write_text(path, text));
  return path.string();
}

Result<Bench> Lab::start_bare(State state, const std::filesystem::path& repository) {
  const std::string name = std::to_string(started_++);
  KBS_TRY(const std::filesystem::path empty, make_directory(name + "/repository"));
  const std::filesystem::path dir = empty.parent_path();
  std::string certificate;
  KBS_TRY(std::string config,
          write_config(state, dir, repository.empty() ? empty : repository, certificate));
  KBS_TRY(ServerProcess server, ServerProcess::start(binary_, config, (dir / "kbs.log").string(),
                                                     cores_.server, state == State::local_fs_tls));
  return Bench{std::move(server), state, std::move(certificate)};
}

Result<Bench> Lab::start(State state) {
  KBS_TRY(Bench bench, start_bare(state));
  KBS_OK(provision(bench));
  return bench;
}

Result<> Lab::provision(const Bench& bench) const {
  KBS_TRY(LoadClientPtr admin, bench.connect(1));
  const std::string policy = base64url(as_bytes(policy::allow_all_resource_policy()));
  KBS_OK(post(*admin, "/kbs/v0/resource-policy", R"({"policy":")" + policy + R"("})"));
  KBS_OK(post(*admin, kSmall, small_));
  return post(*admin, kLarge, large_);
}

Result<LoadClientPtr> Bench::connect(std::size_t connections) const {
  if (state != State::local_fs_tls) return connect_plain(server.port(), connections);
  std::string negotiated;
  return connect_tls(server.port(), certificate, negotiated);
}

}  // namespace kbs::bench
