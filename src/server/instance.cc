#include "server/instance.h"

#include <thread>

#include <boost/asio/thread_pool.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/run.h"
#include "kbs/api/routes.h"
#include "kbs/audit/audit.h"
#include "server/assemble.h"
#include "server/mounts.h"

namespace kbs::server {
namespace {

// Threads for what blocks (fsync, later PKCS#11 and databases). They sleep until asked.
constexpr std::size_t kBlockingThreads = 16;

audit::Options audit_options(const config::Audit& from, unsigned workers) {
  audit::Options options;
  switch (from.sink) {
    case config::Audit::Sink::file:
      options.sink = audit::Options::Sink::file;
      break;
    case config::Audit::Sink::standard_output:
      options.sink = audit::Options::Sink::standard_output;
      break;
    case config::Audit::Sink::none:
      options.sink = audit::Options::Sink::none;
      break;
  }
  options.path = from.path;
  options.sync_every_write = from.sync_every_write;
  options.deny_on_failure = from.deny_on_failure;
  options.workers = workers;
  return options;
}

class RunningInstance final : public Instance {
 public:
  RunningInstance() = default;
  ~RunningInstance() override { RunningInstance::stop(std::chrono::milliseconds{0}); }

  Result<> build(const config::Config& config);
  std::vector<std::string> addresses() const override { return server_->addresses(); }
  void reopen_logs() override;
  void stop(std::chrono::milliseconds grace) override;

 private:
  Result<> build_parts(const config::Config& config, unsigned workers);
  Result<> build_server(const config::Config& config, unsigned workers);

  const Clock& clock_ = system_clock();
  FileOps& files_ = system_files();
  // Joined after the workers have stopped and before anything its jobs use goes: see stop().
  std::unique_ptr<asio::thread_pool> blocking_;
  std::unique_ptr<metrics::Metrics> metrics_;
  std::unique_ptr<MountMetrics> mount_metrics_;
  std::unique_ptr<audit::AuditLog> audit_;
  std::shared_ptr<attestation::AttestationService> attestation_;
  std::shared_ptr<ResourcePolicy> policy_;
  std::unique_ptr<rcar::SessionStore> sessions_;
  std::optional<rcar::ChallengeCodec> challenges_;
  std::shared_ptr<api::Snapshot> snapshot_;
  std::unique_ptr<api::App> app_;
  std::vector<std::unique_ptr<api::Worker>> workers_;
  std::unique_ptr<http::Server> server_;
};

Result<> RunningInstance::build(const config::Config& config) {
  const unsigned workers = config.http_server.worker_count
                               ? config.http_server.worker_count
                               : std::max(1u, std::thread::hardware_concurrency());
  blocking_ = std::make_unique<asio::thread_pool>(kBlockingThreads);
  metrics_ = metrics::Metrics::make();
  mount_metrics_ = std::make_unique<MountMetrics>(*metrics_);
  KBS_OK(build_parts(config, workers));
  return build_server(config, workers);
}

Result<> RunningInstance::build_parts(const config::Config& config, unsigned workers) {
  const storage::Services services{files_, clock_, *blocking_};
  KBS_TRY(audit_,
          audit::AuditLog::open(audit_options(config.audit, workers), clock_, files_, *blocking_));
  metrics_->take_audit_failures_from([log = audit_.get()] { return log->failures(); });
  KBS_TRY(attestation_, make_attestation(config, services));
  KBS_TRY(auto policy_store, open_namespace(config.storage_backend, std::nullopt, "kbs", services));
  KBS_TRY(std::string initial, initial_policy(config));
  KBS_TRY(policy_, run_to_end(ResourcePolicy::open(std::move(policy_store), std::move(initial),
                                                   clock_, *metrics_)));
  // Whatever storage the configuration names: files would put bearer credentials on disk (the
  // loader has warned).
  sessions_ = std::make_unique<rcar::MemorySessions>(clock_);
  KBS_TRY(challenges_, make_challenge_codec(config.attestation_service));

  snapshot_ = std::make_shared<api::Snapshot>();
  snapshot_->error_mode =
      config.http_server.trustee_errors ? api::ErrorMode::trustee : api::ErrorMode::precise;
  KBS_TRY(snapshot_->tokens, make_token_verifier(config, attestation_.get()));
  KBS_TRY(snapshot_->admin, admin::AdminGate::make(config.admin, clock_));
  KBS_TRY(snapshot_->mounts, open_mounts(config.mounts, services, mount_metrics_.get()));
  snapshot_->plugins = make_plugins(config, snapshot_->mounts, *metrics_);
  return {};
}

Result<> RunningInstance::build_server(const config::Config& config, unsigned workers) {
  app_ = std::make_unique<api::App>(
      api::App{clock_, *metrics_, *audit_, *policy_, attestation_.get(), *sessions_, *challenges_,
               std::chrono::minutes{config.attestation_service.timeout_minutes}});
  for (unsigned i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<api::Worker>(api::Worker{i, *app_, snapshot_}));
  }
  http::Options options;
  options.sockets = config.http_server.sockets;
  options.workers = workers;
  options.limits.max_body_bytes = config.http_server.payload_request_bytes;
  KBS_TRY(options.tls, make_tls(config.http_server));
  http::HandlerFactory factory = [this](unsigned index, asio::io_context&) -> http::Handler {
    api::Worker& worker = *workers_.at(index);
    return [&worker](http::Request request) { return api::serve(worker, std::move(request)); };
  };
  KBS_TRY(server_, http::Server::bind(std::move(options), std::move(factory)));
  server_->start();
  for (const std::string& address : server_->addresses()) {
    log_line(LogLevel::info, "server", "listening",
             {{"address", address}, {"tls", config.http_server.insecure_http ? "off" : "on"}});
  }
  return {};
}

void RunningInstance::reopen_logs() {
  if (auto reopened = audit_->reopen(); !reopened) {
    log_error(LogLevel::error, "audit",
              "the audit file could not be reopened; the old one stays in use", reopened.error());
  }
}

void RunningInstance::stop(std::chrono::milliseconds grace) {
  if (!blocking_) return;
  if (server_) server_->stop(grace);
  blocking_->join();
  server_.reset();
  workers_.clear();
  app_.reset();
  snapshot_.reset();
  policy_.reset();
  attestation_.reset();
  metrics_->take_audit_failures_from({});
  audit_.reset();
  blocking_.reset();
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::start(const config::Config& config) {
  auto instance = std::make_unique<RunningInstance>();
  KBS_OK(instance->build(config));
  return std::unique_ptr<Instance>(std::move(instance));
}

}  // namespace kbs::server
