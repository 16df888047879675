// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "runtime/config/options.h"

namespace midpo {

/// One subcommand of midpo: its options, and what it does once they are parsed.
class Command {
 public:
  virtual ~Command() = default;
  virtual OptionTable& options() = 0;
  /// @return the exit status.  @throws Error: main prints it and chooses the status.
  virtual int run() = 0;
};

std::unique_ptr<Command> make_run_command();
std::unique_ptr<Command> make_rank_command();
std::unique_ptr<Command> make_score_command();
std::unique_ptr<Command> make_logprob_command();
std::unique_ptr<Command> make_generate_command();
std::unique_ptr<Command> make_chat_command();
std::unique_ptr<Command> make_tokenize_command();
std::unique_ptr<Command> make_inspect_command();
std::unique_ptr<Command> make_sft_command();
std::unique_ptr<Command> make_reward_command();
std::unique_ptr<Command> make_cost_command();
std::unique_ptr<Command> make_expert_command();
std::unique_ptr<Command> make_router_command();
std::unique_ptr<Command> make_dpo_command();
std::unique_ptr<Command> make_export_command();
std::unique_ptr<Command> make_evaluate_command();
std::unique_ptr<Command> make_arena_command();
std::unique_ptr<Command> make_gates_command();
std::unique_ptr<Command> make_learner_rank_command();
std::unique_ptr<Command> make_report_command();
std::unique_ptr<Command> make_worker_command();
std::unique_ptr<Command> make_keygen_command();

/// All of them, in the order --help lists them.
std::vector<std::unique_ptr<Command>> make_commands();

}  // namespace midpo
