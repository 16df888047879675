// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/generation_run.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "actors/error_boundary.h"
#include "actors/generation/generator_actor.h"
#include "actors/generation/prompt_desk_actor.h"
#include "actors/job_actors.h"
#include "actors/stop_request.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{100};
/// The longest that actors may take to end once told to: a step of long prompts.
constexpr std::chrono::minutes kEndDeadline{5};

/// The actors of a job, until each of them has ended.
class GenerationCrew {
 public:
  GenerationCrew(const std::shared_ptr<const GenerationJob>& job,
                 const std::shared_ptr<PromptDesk>& desk)
      : self_(actors_.system) {
    const auto desk_actor =
        self_->spawn<caf::detached>(prompt_desk_actor, desk, job->num_generators);
    watch(desk_actor, "prompt desk");
    for (std::uint32_t i = 0; i < job->num_generators; ++i) {
      watch(self_->spawn<caf::detached>(generator_actor, job, i, desk_actor),
            "generator " + std::to_string(i));
    }
  }

  /// @return the first error, if any.
  std::optional<Error> wait() {
    while (!alive_.empty()) {
      self_->receive([&](const caf::down_msg& down) { note_end(down); },
                     caf::after(kTick) >> [&] { tick(); });
    }
    return error_;
  }

 private:
  struct Member {
    std::string name;
    caf::actor handle;
  };

  template <class Handle>
  void watch(const Handle& handle, const std::string& name) {
    self_->monitor(handle);
    alive_.emplace(handle.address(), Member{name, caf::actor_cast<caf::actor>(handle)});
  }

  void note_end(const caf::down_msg& down) {
    const auto member = alive_.find(down.source);
    if (member == alive_.end()) return;
    const std::string name = member->second.name;
    alive_.erase(member);
    if (down.reason && down.reason != caf::exit_reason::normal) {
      end(from_caf_error(down.reason, name));
    }
  }

  void end(Error reason) {
    if (error_) return;
    error_ = std::move(reason);
    deadline_ = Clock::now() + kEndDeadline;
    for (const auto& [address, member] : alive_) caf::anon_send(member.handle, EndGeneration{});
  }

  void tick() {
    if (stop_requested()) {
      end(Error(ErrorCode::kShutdown, "stopped on request; --resume continues where it ended"));
    }
    if (!error_ || Clock::now() < deadline_) return;
    std::string late;
    for (const auto& [address, member] : alive_) late += " " + member.name + ",";
    alive_.clear();
    error_ = Error(ErrorCode::kInternal,
                   "these did not end in time:" + late + " after: " + error_->what());
  }

  JobActors actors_;
  caf::scoped_actor self_;
  std::map<caf::actor_addr, Member> alive_;
  std::optional<Error> error_;
  Clock::time_point deadline_;
};

}  // namespace

GenerationOutcome run_generation_job(std::shared_ptr<const GenerationJob> job,
                                     std::unique_ptr<RowReader> reader,
                                     std::unique_ptr<GrowingFile> output) {
  const Clock::time_point start = Clock::now();
  const auto desk = std::make_shared<PromptDesk>(job, std::move(reader), std::move(output));
  const std::optional<Error> error = GenerationCrew(job, desk).wait();
  if (error) throw Error(*error);
  return {desk->totals(), std::chrono::duration<double>(Clock::now() - start).count()};
}

}  // namespace midpo
