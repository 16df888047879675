// SPDX-License-Identifier: Apache-2.0
// midpo chat: a conversation with a model in the terminal.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "actors/commands/command.h"
#include "actors/generation/chat_session.h"
#include "actors/policy_options.h"
#include "actors/stop_request.h"
#include "runtime/core/control_group.h"

namespace midpo {
namespace {

class ChatCommand : public Command {
 public:
  ChatCommand() : table_("chat", "Talk with a model in the terminal") {
    table_.example("midpo chat --model BASE --adapter ADAPTER --temperature 0.8");
    sampling_.temperature = 0.7;
    add_policy_options(table_, policy_);
    add_sampling_options(table_, sampling_);
    add_compute_options(table_, compute_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    install_stop_signals();
    const auto model = load_engines().load_generation_model(
        policy_options(compute_, policy_, device_list(compute_).front()));
    ChatSession session(model, load_template(compute_, policy_.model), sampling_,
                        static_cast<std::int64_t>(num_cores()), print);
    const bool is_terminal = isatty(STDIN_FILENO) == 1;
    if (is_terminal) print("/help lists the commands, /quit leaves\n");
    std::string line;
    do {
      if (is_terminal) print("\n> ");
    } while (!stop_requested() && std::getline(std::cin, line) && session.handle(line));
    return 0;
  }

 private:
  static void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  PolicyConfig policy_;
  ComputeConfig compute_;
  SamplingConfig sampling_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_chat_command() { return std::make_unique<ChatCommand>(); }

}  // namespace midpo
