// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace midpo {

/// From now on SIGINT and SIGTERM ask the job to stop with its state saved; a second one ends the
/// process at once (exit status 130, 143). SIGUSR1 asks for a report.
void install_stop_signals();

/// Whether a stop was asked for.
bool stop_requested();

/// Asks for a stop, as a signal would.
void request_stop();

/// Whether SIGUSR1 asked, since the last call, who waits for whom.
bool report_requested();

}  // namespace midpo
