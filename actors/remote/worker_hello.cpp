// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_hello.h"

#include <unistd.h>

#include <random>

namespace midpo {
namespace {

std::uint64_t random_number() {
  std::random_device entropy;
  return std::uint64_t{entropy()} << 32 | entropy();
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

WorkerSessionOptions session_options(const WorkerConfig& config) {
  WorkerSessionOptions options;
  options.seed = random_number();
  options.hello.version = MIDPO_VERSION;
  options.hello.name = config.name;
  options.hello.instance = random_number();
  options.hello.host = host_name();
  options.hello.pid = static_cast<std::uint64_t>(getpid());
  options.hello.devices = config.devices;
  options.hello.roles = config.roles;
  options.hello.num_lanes = config.num_lanes;
  return options;
}

}  // namespace midpo
