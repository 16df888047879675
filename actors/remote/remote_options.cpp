// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/remote_options.h"

#include "actors/remote/run_identity.h"
#include "actors/stop_request.h"
#include "runtime/core/error.h"
#include "runtime/observe/log.h"
#include "runtime/transport/tcp_address.h"

namespace midpo {
namespace {

/// Workers send values only: far less than tasks or weights may take.
constexpr std::size_t kMaxFrameBytes = std::size_t{16} << 20;

}  // namespace

void add_remote_options(OptionTable& table, RemoteConfig& config) {
  table.group("Workers of other processes and hosts");
  table.text("listen", &config.listen, "ADDRESS",
             "Let midpo worker join here: tcp://HOST:PORT, HOST an interface of this machine");
  table.text("listen_key", &config.listen_key, "FILE",
             "Secret key of this run (NAME.key of midpo keygen); needed beyond the loopback");
  table.text(
      "allowed_keys", &config.allowed_keys, "FILE",
      "Public keys of the workers that may join, one a line (cat node*.pub), each with the roles "
      "it may have, if not all; SIGHUP: read again");
  table.flag("insecure_plaintext", &config.insecure_plaintext,
             "Listen beyond the loopback without keys: on an isolated network only");
  table.number("wait_for_workers", &config.wait_for_workers, 1.0, 1e6,
               "Seconds without any scorer after which the run stops");
}

std::shared_ptr<RemoteJob> make_remote_job(const RemoteConfig& config) {
  if (config.listen.empty()) return nullptr;
  require(config.listen_key.empty() == config.allowed_keys.empty(), ErrorCode::kConfig,
          "--listen-key and --allowed-keys belong together; give both or none");
  auto remote = std::make_shared<RemoteJob>();
  remote->server.address = config.listen;
  remote->server.allows_plaintext = config.insecure_plaintext;
  remote->server.limits.max_frame_bytes = kMaxFrameBytes;
  if (!config.listen_key.empty()) {
    remote->server.keys = read_secret_key(config.listen_key);
    remote->server.allowed = std::make_shared<AllowedKeys>(config.allowed_keys);
  }
  check_may_bind(parse_tcp_address(config.listen), remote->server.keys.has_value(),
                 config.insecure_plaintext);
  // Models take a while to load: who asks for a reload meanwhile must not end the job.
  install_reload_signal();
  remote->server.notice = [](const std::string& text) { log::warn("transport", {{"text", text}}); };
  remote->wait_limit = std::chrono::duration<double>(config.wait_for_workers);
  return remote;
}

void identify(RemoteJob& remote, const std::string& run_dir) {
  const RunIdentity identity = next_identity(run_dir);
  remote.id = identity.job;
  remote.epoch = identity.epoch;
}

}  // namespace midpo
