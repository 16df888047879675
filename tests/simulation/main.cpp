// SPDX-License-Identifier: Apache-2.0
// simulation [--first N] [--count N] [--seed N]: runs seeds of the simulated cluster and stops at
// the first that breaks a promise. --seed N replays one and tells its story.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/simulation/run.h"

namespace {

using midpo::simulation::run_seed;
using midpo::simulation::RunReport;

constexpr std::uint64_t kRepeatEvery = 100;

char abort_text[200];  ///< built before each seed: a signal handler may not

/// An assertion of ours is a finding like any other.
extern "C" void name_seed(int) {
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, abort_text, std::strlen(abort_text));
  _exit(1);
}

/// @return whether every promise was kept, and the seed told the same story twice where it was
/// asked
bool passes(unsigned long long seed, bool is_verbose, const char* program) {
  std::snprintf(abort_text, sizeof abort_text,
                "seed %llu: an assertion failed\nreplay: %s --seed %llu\n", seed, program, seed);
  RunReport report = run_seed(seed, is_verbose);
  const bool is_repeated = seed % kRepeatEvery == 0 && report.violation.empty();
  if (is_repeated && run_seed(seed, false).story_hash != report.story_hash)
    report.violation = "the seed told two different stories";
  const bool is_kept = report.violation.empty();
  if (!is_kept || is_verbose) {
    std::printf("seed %llu: %s\n%s\n", seed, is_kept ? "passes" : report.violation.c_str(),
                report.summary.c_str());
  }
  if (!is_kept) std::printf("replay: %s --seed %llu\n", program, seed);
  return is_kept;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, name_seed);
  unsigned long long first = 0;
  unsigned long long count = 300;
  bool is_verbose = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    const unsigned long long value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--first") == 0) first = value;
    if (std::strcmp(argv[i], "--count") == 0) count = value;
    if (std::strcmp(argv[i], "--seed") == 0) {
      first = value;
      count = 1;
      is_verbose = true;
    }
  }
  for (unsigned long long seed = first; seed < first + count; ++seed) {
    if (!passes(seed, is_verbose, argv[0])) return 1;
  }
  std::printf("%llu seeds pass\n", count);
  return 0;
}
