// SPDX-License-Identifier: Apache-2.0
#include "actors/online/generator_crew.h"

#include <utility>

#include "actors/online/round_generator_actor.h"
#include "actors/online/written_rows.h"
#include "actors/remote/remote_job.h"
#include "actors/row_lines.h"
#include "runtime/observe/log.h"

namespace midpo {

GeneratorCrew::GeneratorCrew(caf::local_actor* coordinator, std::shared_ptr<const OnlineJob> job,
                             const OnlineCoordinatorActor& me, RoundDeskActor desk,
                             BridgeActor bridge, std::shared_ptr<PromptQuarantine> quarantine,
                             Company& company, std::size_t stage)
    : job_(std::move(job)),
      desk_(std::move(desk)),
      bridge_(std::move(bridge)),
      quarantine_(std::move(quarantine)),
      alone_since_(Clock::now()) {
  for (std::uint32_t i = 0; i < job_->generation.num_generators; ++i) {
    generators_.push_back(
        coordinator->spawn<caf::detached>(round_generator_actor, job_, i, me, desk_));
    company.join(generators_.back(), name_of(i), stage);
    parts_.join(i, 1, true);
  }
}

std::string GeneratorCrew::name_of(std::uint64_t generator) const {
  const auto name = names_.find(generator);
  return name == names_.end() ? "generator " + std::to_string(generator) : "worker " + name->second;
}

void GeneratorCrew::publish(const PublishedWeights& weights, std::uint64_t oldest) {
  const bool is_new = published_.empty() || weights.version > published_.rbegin()->first;
  published_[weights.version] = weights;
  published_.erase(published_.begin(), published_.lower_bound(oldest));
  models_.erase(models_.begin(), models_.lower_bound(oldest));
  // A learner that continues publishes its version again: with the same bytes.
  if (bridge_ && is_new) caf::anon_send(bridge_, PublishVersion{open_weights(weights), oldest});
}

void GeneratorCrew::write_round(std::uint64_t round) {
  std::vector<std::uint64_t> prompts;
  for (const std::uint64_t prompt : BatchPlan(job_->learner.batches).rows_of(round)) {
    if (quarantine_->excludes(round, job_->prompts[prompt].row)) {
      caf::anon_send(desk_, PromptLeftOut{round, prompt});
    } else {
      prompts.push_back(prompt);
    }
  }
  if (!prompts.empty()) parts_.add_round(round, job_->version_of(round), prompts);
  hand_out();
}

void GeneratorCrew::hand_out() {
  for (const PartDesk::Given& given : parts_.hand_out()) {
    const RoundPart& part = given.part;
    if (given.generator < generators_.size()) {
      caf::anon_send(generators_[given.generator], GeneratePart{part, published_.at(part.version)});
    } else {
      caf::anon_send(
          bridge_, RemotePrompts{given.generator, part.id, part.attempt, prompt_task(*job_, part)});
    }
  }
}

void GeneratorCrew::adopt(const GeneratorJoined& joined) {
  names_[joined.generator] = joined.name;
  parts_.join(joined.generator, joined.credits, false);
}

void GeneratorCrew::release(const GeneratorLeft& left) {
  names_.erase(left.generator);
  parts_.leave(left.generator);
  hand_out();
}

std::optional<Error> GeneratorCrew::confirm(const WeightsAreLive& live) {
  ++num_confirmations_;
  if (published_.count(live.version) == 0) return std::nullopt;  // needed no more
  const std::string& known = models_.emplace(live.version, live.model).first->second;
  if (known == live.model) {
    parts_.confirm(live.generator, live.version);
    hand_out();
    return std::nullopt;
  }
  const std::string text = name_of(live.generator) + ": with weights of version " +
                           std::to_string(live.version) + " its model has content " + live.model +
                           ", another generator's has " + known +
                           "; bring every host the same files";
  if (live.generator < generators_.size()) return Error(ErrorCode::kCheckpoint, text);
  log::error("generator_refused", {{"reason", text}});  // it is given nothing
  return std::nullopt;
}

void GeneratorCrew::finish(const PartGenerated& done) {
  parts_.finish(done.generator, done.part);
  hand_out();
}

void GeneratorCrew::finish(const PromptsWritten& written) {
  const auto part = parts_.finish(written.generator, written.part);
  if (part) {
    auto rows = std::make_shared<const std::vector<WrittenRow>>(
        written_rows(*job_, *part, *written.result, models_.at(part->version)));
    caf::anon_send(desk_, RoundPartGenerated{part->round, name_of(written.generator), part->version,
                                             std::move(rows)});
  }
  hand_out();
}

std::optional<Error> GeneratorCrew::fail(const PromptsFailed& failed) {
  const auto dead = failed.killed_generator ? parts_.blame(failed.part)
                                            : parts_.fail(failed.generator, failed.part);
  const std::string who = failed.killed_generator ? "a lost worker" : name_of(failed.generator);
  log::warn("part_failed", {{"generator", who}, {"reason", failed.text}});
  hand_out();
  return dead ? give_up(*dead, failed) : std::nullopt;
}

std::optional<Error> GeneratorCrew::give_up(const RoundPart& part, const PromptsFailed& failed) {
  const std::uint64_t first = part.prompts.front();
  const std::size_t num_more = part.prompts.size() - 1;
  std::string place = row_place(*job_, job_->prompts[first].position);
  if (num_more > 0) place += " and the " + std::to_string(num_more) + " other prompts of its part";
  const std::string reason = failed.text + ", " + std::to_string(PartDesk::kMaxFailures) + " times";
  if (!failed.killed_generator || job_->on_bad_row != BadRowPolicy::kQuarantine) {
    return Error(failed.code, place + ": " + reason);
  }
  quarantine_->add(part.round, job_->prompts[first], reason);
  log::warn("prompt_quarantined", {{"prompt", place}, {"round", part.round}, {"reason", reason}});
  caf::anon_send(desk_, PromptLeftOut{part.round, first});
  return std::nullopt;
}

std::optional<Error> GeneratorCrew::tick(Clock::time_point now) {
  hand_out();
  if (parts_.num_generators() > 0 || parts_.num_waiting() == 0) alone_since_ = now;
  if (!job_->remote || now - alone_since_ < job_->remote->wait_limit) return std::nullopt;
  return Error(ErrorCode::kTransport,
               "no generator has joined at " + job_->remote->server.address + " for " +
                   std::to_string(static_cast<int>(job_->remote->wait_limit.count())) +
                   " s; start midpo worker --connect there, or give --online.generators");
}

void GeneratorCrew::report() const {
  log::info("waits", {{"who", "generators"},
                      {"generators", static_cast<std::uint64_t>(parts_.num_generators())},
                      {"parts_waiting", static_cast<std::uint64_t>(parts_.num_waiting())},
                      {"parts_out", static_cast<std::uint64_t>(parts_.num_out())}});
}

}  // namespace midpo
