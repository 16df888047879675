// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace midpo {

/// From now on SIGINT, SIGTERM and SIGHUP ask the job to stop with its state saved; a second one
/// ends the process at once (exit status 130, 143, 129). SIGHUP stays what it is under nohup or in
/// a job that listens. SIGUSR1 asks for a report. A broken pipe ends nothing. To be called before
/// there are threads that compute: this one and those it starts are not interrupted any more.
void install_stop_signals();

/// From now on SIGHUP, too, asks for something and ends nothing: a job that listens reads its list
/// of keys again.
void install_reload_signal();

/// Whether a stop was asked for.
bool stop_requested();

/// Asks for a stop, as a signal would.
void request_stop();

/// Takes back what SIGINT, and nothing else, has asked for: what it interrupted goes on elsewhere.
void forget_interrupt();

/// Whether SIGUSR1 has asked who waits for whom: each owner of one of these sees every request.
class ReportRequests {
 public:
  ReportRequests();
  /// Since the last call.
  bool take();

 private:
  std::uint64_t num_seen_;
};

/// The same for SIGHUP, from the start of the process on: what was asked for before anybody could
/// do it is done then.
class ReloadRequests {
 public:
  bool take();

 private:
  std::uint64_t num_seen_ = 0;
};

}  // namespace midpo
