// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace midpo::simulation {

struct RunReport {
  std::string violation;  ///< empty: every promise was kept
  std::string summary;    ///< what the seed meant: sizes, faults, how long it took
  std::uint64_t story_hash = 0;
};

/// One seed: a job, workers, a network and what goes wrong with them. In phase one things break; in
/// phase two everything is healed and the job must end in bounded virtual time. Then the output
/// must be what an undisturbed run writes.
RunReport run_seed(std::uint64_t seed, bool is_verbose);

}  // namespace midpo::simulation
