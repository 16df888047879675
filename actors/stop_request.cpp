// SPDX-License-Identifier: Apache-2.0
#include "actors/stop_request.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

namespace midpo {
namespace {

std::atomic<bool> g_stop_requested{false};
std::atomic<bool> g_is_interrupt{false};  ///< whether SIGINT was what asked for it
std::atomic<std::uint64_t> g_reports_requested{0};
std::atomic<std::uint64_t> g_reloads_requested{0};
static_assert(std::atomic<bool>::is_always_lock_free &&
                  std::atomic<std::uint64_t>::is_always_lock_free,
              "read and written in a signal handler");

void on_signal(int signal_number) {
  g_is_interrupt.store(signal_number == SIGINT);
  if (g_stop_requested.exchange(true)) _exit(128 + signal_number);
}

void on_report_signal(int) { ++g_reports_requested; }
void on_reload_signal(int) { ++g_reloads_requested; }

void install(int signal_number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(signal_number, &action, nullptr);
}

/// Not over what was asked for before: nohup's ignoring, or the handler of a job that listens.
void install_over_default(int signal_number, void (*handler)(int)) {
  struct sigaction present {};
  sigaction(signal_number, nullptr, &present);
  if (present.sa_handler == SIG_DFL) install(signal_number, handler);
}

/// Handlers run in a thread that does nothing else. Compute kernels of oneDNN let the stack pointer
/// point into the heap for a while: a handler's frame would be written over what lies below.
void keep_signals_from_this_thread_on() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    sigaddset(&ours, signal_number);
  }
  static std::once_flag once;
  std::call_once(once, [&ours] {
    std::thread([ours] {
      pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
      while (true) ::pause();
    }).detach();
  });
  pthread_sigmask(SIG_BLOCK, &ours, nullptr);
}

bool has_grown(const std::atomic<std::uint64_t>& requests, std::uint64_t& num_seen) {
  const std::uint64_t num_before = std::exchange(num_seen, requests.load());
  return num_seen != num_before;
}

}  // namespace

void install_stop_signals() {
  install(SIGINT, &on_signal);
  install(SIGTERM, &on_signal);
  install(SIGUSR1, &on_report_signal);
  // A terminal that closes is no reason to lose what was computed.
  install_over_default(SIGHUP, &on_signal);
  // A reader of stderr that is gone (tee, at the same Ctrl-C) must not cost the state.
  install_over_default(SIGPIPE, SIG_IGN);
  // A file size limit is an error of write(), to be named and resumed from, not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  keep_signals_from_this_thread_on();
}

void install_reload_signal() { install(SIGHUP, &on_reload_signal); }

bool stop_requested() { return g_stop_requested.load(); }

ReportRequests::ReportRequests() : num_seen_(g_reports_requested.load()) {}

bool ReportRequests::take() { return has_grown(g_reports_requested, num_seen_); }

bool ReloadRequests::take() { return has_grown(g_reloads_requested, num_seen_); }

void request_stop() { g_stop_requested.store(true); }

void forget_interrupt() {
  if (g_is_interrupt.exchange(false)) g_stop_requested.store(false);
}

}  // namespace midpo
