// SPDX-License-Identifier: Apache-2.0
// midpo learner-rank: one more process for a model that another midpo trains with --ranks.
//
//   rendezvous -> options and calls of rank 0 -> sums of gradients
#include "actors/commands/command.h"
#include "actors/learning/learner_ranks.h"

namespace midpo {
namespace {

class LearnerRankCommand : public Command {
 public:
  LearnerRankCommand() : table_("learner-rank", "Take part in a training run of several ranks") {
    table_.example(
        "midpo learner-rank --rendezvous tcp://10.0.0.1:29400 --ranks 4 --rank 1 --device cuda:0");
    add_rank_place_options(table_, place_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    require(!place_.group.rendezvous.empty(), ErrorCode::kConfig,
            "learner-rank needs --rendezvous tcp://HOST:PORT, as rank 0 was given it");
    run_learner_rank(place_, load_engines());
    return 0;
  }

 private:
  RankPlace place_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_learner_rank_command() {
  return std::make_unique<LearnerRankCommand>();
}

}  // namespace midpo
