// SPDX-License-Identifier: Apache-2.0
#include "actors/observe_options.h"

#include "models/op_listener.h"
#include "runtime/core/error.h"
#include "runtime/observe/live_view.h"
#include "runtime/observe/log.h"
#include "runtime/observe/trace.h"

namespace midpo {

void add_observe_options(OptionTable& table, ObserveConfig& config) {
  table.group("Watching");
  table.text("trace", &config.trace, "FILE",
             "Time line of all actors, for ui.perfetto.dev; default: none");
  table.flag("trace_ops", &config.traces_ops,
             "Tensor operations and kernels in the trace as well: a large file, a slower run");
  table.text("metrics_address", &config.metrics_address, "HOST:PORT",
             "Serve Prometheus metrics there, loopback only; default: not");
  table.choice("view", &config.view, {"bar", "actors"},
               "On a terminal: a progress bar, or a line for every actor as well");
}

Observation::Observation(const ObserveConfig& config) {
  if (!config.metrics_address.empty()) endpoint_ = MetricsEndpoint::open(config.metrics_address);
  require(!config.traces_ops || !config.trace.empty(), ErrorCode::kConfig,
          "trace_ops needs a file for the trace; give --trace FILE");
  if (!config.trace.empty()) trace::open(config.trace);
  if (config.traces_ops) listen_to_ops(trace::add_op);
  show_actors(config.view == "actors");
}

Observation::~Observation() {
  show_actors(false);
  try {
    trace::close();
  } catch (const Error& error) {
    log::warn("trace_incomplete", {{"reason", error.what()}});
  }
}

}  // namespace midpo
