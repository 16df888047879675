// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/learning/step_companion.h"
#include "actors/online/weights_shelf.h"
#include "runtime/flow/version_schedule.h"

namespace midpo {

/// Safety, helpfulness.
inline constexpr std::size_t kNumExperts = 2;

/// Where the experts' job and the router's meet: the versions that the experts have published, on
/// disk until the run is done, and how far the router is with them. Any thread may call it; no
/// learner ever waits inside.
class ExpertVersions {
 public:
  /// Finds what an earlier process has published under `dir`.
  /// @param max_staleness  how many versions experts may be ahead of the router; none: they are not
  ///   held, since the router begins behind them.
  /// @throws Error(kStorage).
  ExpertVersions(const std::string& dir, std::optional<std::uint64_t> max_staleness);

  /// Once the experts' steps are known, before anything else. @throws Error(kConfig) if the run
  /// began under another schedule.
  void settle(const VersionSchedule& schedule);
  /// That of an earlier process, if there is none. @throws Error(kConfig) if it recorded none.
  const VersionSchedule& schedule();

  /// Publishes what stands behind so many steps of an expert, unless it is there.
  /// @throws Error(kConfig) if an earlier version is missing, which cannot be made any more.
  void publish(std::size_t expert, const Learner& learner, std::uint64_t steps_done);
  /// Why an expert may not take its next step.
  std::optional<StepWait> hold(std::size_t expert, const StepPlace& place) const;

  /// The router has done so many steps, and the next one uses `version`.
  void note_router(std::uint64_t version, std::uint64_t steps_done);
  /// The largest staleness() of a version while the router used it, in this process.
  std::uint64_t max_staleness_seen() const;
  /// Why the router cannot use a version.
  std::optional<StepWait> missing(std::uint64_t version) const;
  /// @param version  not missing()
  std::array<PublishedWeights, kNumExperts> weights(std::uint64_t version) const;
  /// By how many versions the newest one of any expert is ahead of `version`, which is not
  /// missing().
  std::uint64_t staleness(std::uint64_t version) const;

  void note_ranked();        ///< D_dual is complete
  void note_experts_done();  ///< every version is there
  void note_router_done();   ///< nobody is held any more
  void give_up();            ///< the experts' job has failed
  /// Blocks until the router can begin; the experts' job ends it in any case, and has deadlines.
  /// @return false: it has failed.
  bool wait_for_start();

 private:
  bool has(std::size_t expert, std::uint64_t version) const;
  std::uint64_t newest() const;

  std::string schedule_path_;
  std::vector<WeightsShelf> shelves_;
  std::optional<std::uint64_t> max_staleness_;
  std::optional<VersionSchedule> schedule_;  ///< does not change once it is there

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::map<std::uint64_t, PublishedWeights>, kNumExperts> published_;
  std::array<std::uint64_t, kNumExperts> expert_steps_{};
  std::optional<std::uint64_t> router_version_;
  std::uint64_t router_steps_ = 0;
  std::uint64_t max_staleness_seen_ = 0;
  bool is_ranked_ = false;
  bool are_experts_done_ = false;
  bool is_router_done_ = false;
  bool has_failed_ = false;
};

}  // namespace midpo
