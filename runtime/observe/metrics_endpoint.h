// SPDX-License-Identifier: Apache-2.0
// What Prometheus scrapes: GET /metrics.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/observe/activity.h"

namespace midpo {

/// Serves the figures of all actors of this process while it lives, in a thread of its own. There
/// is no other path, no request body is read, and names come from this program alone.
class MetricsEndpoint {
 public:
  /// @param address  "127.0.0.1:9464"; loopback only: put a proxy with access control in front
  /// for others. @throws Error kConfig for another address, kTransport if it is taken.
  static std::unique_ptr<MetricsEndpoint> open(const std::string& address);
  virtual ~MetricsEndpoint() = default;
};

/// The text exposition format, version 0.0.4.
std::string prometheus_text(const std::vector<ActorFigures>& actors);

}  // namespace midpo
