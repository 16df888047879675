// SPDX-License-Identifier: Apache-2.0
// The one function that libmidpo_collectives.so exports.
#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <csignal>
#include <cstdlib>

#include "runtime/core/error.h"
#include "runtime/distributed/c10d_collective.h"

namespace {

/// c10d warns of every connection that ends, with a stack trace; our errors say what it meant.
void silence_warnings() {
  constexpr int kError = 2;
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = kError;
}

/// Gloo writes to sockets whose other end may have been killed: an error to be named by us, where
/// the signal would end this rank without a word. A handler of the program's own stays.
void ignore_broken_pipes() {
  struct sigaction present {};
  if (sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) {
    signal(SIGPIPE, SIG_IGN);
  }
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void midpo_open_collective(
    const midpo::CollectiveOptions& options, std::unique_ptr<midpo::Collective>* collective) {
  using midpo::Error;
  using midpo::ErrorCode;
  silence_warnings();
  ignore_broken_pipes();
  const std::string where =
      "rank " + std::to_string(options.rank) + " joining at " + options.rendezvous.text() + ": ";
  try {
    auto joined = std::make_unique<midpo::C10dCollective>(options);
    // One that left now would break the connections of those who are still making theirs.
    joined->gather({});
    *collective = std::move(joined);
  } catch (const Error& error) {
    throw Error(error.code(), where + error.what());
  } catch (const c10::Error& failure) {
    throw Error(ErrorCode::kTransport, where + failure.what_without_backtrace());
  } catch (const std::exception& failure) {
    throw Error(ErrorCode::kTransport, where + failure.what());
  }
}
