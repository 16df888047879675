// SPDX-License-Identifier: Apache-2.0
// Who waits for whom, for what, since when: in words.
#include <sstream>

#include "runtime/transport/spoken_time.h"
#include "runtime/transport/worker_table.h"

namespace midpo {

std::vector<std::string> WorkerTable::describe(Clock::time_point now) const {
  std::vector<std::string> lines;
  for (const auto& [peer, session] : sessions_) {
    std::ostringstream line;
    line << "worker " << session.hello.name << " (" << session.hello.host << ", pid "
         << session.hello.pid << "): ";
    if (session.state == State::kLoading) line << "loads models";
    if (session.state == State::kDraining) line << "drains, ";
    if (session.state != State::kLoading && session.held.all().empty()) line << "waits for a task";
    const char* separator = "computes ";
    for (const HeldTask& held : session.held.all()) {
      line << separator << "task " << held.task << " attempt " << held.attempt << " since "
           << spoken_time(now - held.since);
      separator = ", ";
    }
    line << "; heard " << spoken_time(now - session.link.last_heard()) << " ago";
    lines.push_back(line.str());
  }
  return lines;
}

}  // namespace midpo
