// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/company.h"
#include "actors/online/online_job.h"
#include "actors/online/online_messages.h"
#include "actors/online/prompt_quarantine.h"
#include "runtime/flow/part_desk.h"

namespace midpo {

/// The generators of an online job, of this process and of others, and the weights they write
/// with. A part goes to a generator that has its version; a lost one's parts go to others. Part of
/// a coordinator's state, which forwards what generators and bridge tell it.
class GeneratorCrew {
 public:
  using Clock = std::chrono::steady_clock;

  /// Spawns this process's generators into stage `stage` of the company. @param bridge  null
  /// without workers of other processes.
  GeneratorCrew(caf::local_actor* coordinator, std::shared_ptr<const OnlineJob> job,
                const OnlineCoordinatorActor& me, RoundDeskActor desk, BridgeActor bridge,
                std::shared_ptr<PromptQuarantine> quarantine, Company& company, std::size_t stage);

  /// From now on rounds may be written with them. Versions before `oldest` are needed no more.
  /// @throws Error(kStorage).
  void publish(const PublishedWeights& weights, std::uint64_t oldest);
  bool has(std::uint64_t version) const { return published_.count(version) == 1; }

  void write_round(std::uint64_t round);

  void adopt(const GeneratorJoined& joined);
  void release(const GeneratorLeft& left);

  /// @return the error that ends the job: one version gives two models.
  std::optional<Error> confirm(const WeightsAreLive& live);

  void finish(const PartGenerated& done);
  void finish(const PromptsWritten& written);

  /// A part that ends its generators is parted, and the prompt to blame left out of its round.
  /// @return the error that ends the job: a part, or with on_bad_row fail a prompt, that nobody can
  /// write.
  std::optional<Error> fail(const PromptsFailed& failed);

  /// To be called often. @return the error that ends the job when there has been nobody to write
  /// for too long.
  std::optional<Error> tick(Clock::time_point now);

  /// Writes to the log who waits for whom.
  void report() const;

  std::uint64_t num_confirmations() const { return num_confirmations_; }

 private:
  void hand_out();
  std::optional<Error> give_up(const RoundPart& part, const PromptsFailed& failed);
  std::string name_of(std::uint64_t generator) const;

  std::shared_ptr<const OnlineJob> job_;
  RoundDeskActor desk_;
  BridgeActor bridge_;
  PartDesk parts_;
  std::shared_ptr<PromptQuarantine> quarantine_;
  std::vector<RoundGeneratorActor> generators_;  ///< of this process
  std::map<std::uint64_t, std::string> names_;   ///< of those of others
  std::map<std::uint64_t, PublishedWeights> published_;
  std::map<std::uint64_t, std::string> models_;  ///< [version] content of base and factors
  std::uint64_t num_confirmations_ = 0;
  Clock::time_point alone_since_;
};

}  // namespace midpo
