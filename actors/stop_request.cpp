// SPDX-License-Identifier: Apache-2.0
#include "actors/stop_request.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <utility>

namespace midpo {
namespace {

std::atomic<bool> g_stop_requested{false};
std::atomic<std::uint64_t> g_reports_requested{0};
static_assert(std::atomic<bool>::is_always_lock_free &&
                  std::atomic<std::uint64_t>::is_always_lock_free,
              "read and written in a signal handler");

void on_signal(int signal_number) {
  if (g_stop_requested.exchange(true)) _exit(128 + signal_number);
}

void on_report_signal(int) { ++g_reports_requested; }

}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = &on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = &on_report_signal;
  sigaction(SIGUSR1, &action, nullptr);
  // A file size limit is an error of write(), to be named and resumed from, not a death.
  std::signal(SIGXFSZ, SIG_IGN);
}

bool stop_requested() { return g_stop_requested.load(); }

ReportRequests::ReportRequests() : num_seen_(g_reports_requested.load()) {}

bool ReportRequests::take() {
  const std::uint64_t num_before = std::exchange(num_seen_, g_reports_requested.load());
  return num_seen_ != num_before;
}

void request_stop() { g_stop_requested.store(true); }

}  // namespace midpo
