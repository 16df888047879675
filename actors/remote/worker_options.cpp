// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_options.h"

#include <unistd.h>

#include "actors/model_options.h"
#include "runtime/core/control_group.h"
#include "runtime/core/error.h"
#include "runtime/observe/log.h"
#include "runtime/transport/worker_roles.h"

namespace midpo {
namespace {

std::string default_name() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(getpid());
}

}  // namespace

void add_worker_options(OptionTable& table, WorkerArguments& arguments) {
  table.group("Coordinator");
  table
      .text("connect", &arguments.connect, "ADDRESS",
            "Where the job listens (its --listen): tcp://HOST:PORT")
      .is_required = true;
  table.text("key", &arguments.key, "FILE", "This worker's secret key (NAME.key of midpo keygen)");
  table.text("server_key", &arguments.server_key, "FILE",
             "The job's public key (NAME.pub of its --listen-key)");
  table.flag("insecure_plaintext", &arguments.insecure_plaintext,
             "Connect to another host without keys: on an isolated network only");
  table.number("give_up_after", &arguments.give_up_after, 1.0, 1e9,
               "Seconds without a coordinator before the worker ends");
  table.text("name", &arguments.name, "NAME",
             "The same over restarts, and no other worker's; default: HOST-PID");
  table.group("Computing");
  table.text("roles", &arguments.roles, "ROLES",
             "What to do for the job, where it has such work: scorer, generator, learner-rank");
  table.text("device", &arguments.device, "DEVICE", "cpu, cuda:0, or several: cuda:0,cuda:1");
  table.integer("threads", &arguments.threads, 0, 1024,
                "Tasks computed side by side; 0: one per core (CPU), two per device");
  add_path_map_option(table, arguments.model_map);
  table.flag("allow_pickle", &arguments.allow_pickle,
             "Read .bin weights, through a reader that runs no code");
}

WorkerConfig make_worker_config(const WorkerArguments& arguments) {
  WorkerConfig config;
  require(arguments.key.empty() == arguments.server_key.empty(), ErrorCode::kConfig,
          "--key and --server-key belong together; give both or none");
  config.connection.address = arguments.connect;
  config.connection.allows_plaintext = arguments.insecure_plaintext;
  if (!arguments.key.empty()) {
    config.connection.keys =
        ClientOptions::Keys{read_secret_key(arguments.key), read_public_key(arguments.server_key)};
  }
  config.connection.notice = [](const std::string& text) {
    log::warn("transport", {{"text", text}});
  };
  ComputeConfig compute;
  compute.device = arguments.device;
  config.devices = device_list(compute);
  config.roles = parse_worker_roles(arguments.roles, "roles");
  const std::size_t automatic = arguments.device == "cpu" ? num_cores() : 2 * config.devices.size();
  config.num_lanes = static_cast<std::uint32_t>(
      arguments.threads > 0 ? static_cast<std::size_t>(arguments.threads) : automatic);
  config.name = arguments.name.empty() ? default_name() : arguments.name;
  config.allow_pickle = arguments.allow_pickle;
  config.model_map = PathMap(arguments.model_map);
  config.give_up_after = std::chrono::duration<double>(arguments.give_up_after);
  return config;
}

}  // namespace midpo
