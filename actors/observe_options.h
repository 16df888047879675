// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "runtime/config/options.h"
#include "runtime/observe/metrics_endpoint.h"

namespace midpo {

/// How a run may be watched.
struct ObserveConfig {
  std::string trace;
  bool traces_ops = false;
  std::string metrics_address;
  std::string view = "bar";
};

void add_observe_options(OptionTable& table, ObserveConfig& config);

/// Watches what its process does while it lives.
class Observation {
 public:
  /// @throws Error kStorage, kConfig, kTransport.
  explicit Observation(const ObserveConfig& config);
  ~Observation();
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

 private:
  std::unique_ptr<MetricsEndpoint> endpoint_;
};

}  // namespace midpo
