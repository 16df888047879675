// SPDX-License-Identifier: Apache-2.0
// midpo chat: a conversation with a model in the terminal.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include "actors/commands/command.h"
#include "actors/generation/chat_session.h"
#include "actors/policy_options.h"
#include "actors/stop_request.h"
#include "runtime/core/control_group.h"

namespace midpo {
namespace {

/// Lines of standard input. Waiting for one ends with a request to stop: signals interrupt no read
/// (see install_stop_signals()).
class InputLines {
 public:
  /// None at the end of the input and when a stop is asked for.
  std::optional<std::string> next() {
    while (true) {
      const std::size_t end = unread_.find('\n');
      if (end != std::string::npos) return take(end, end + 1);
      if (stop_requested()) return std::nullopt;
      if (has_ended_) return unread_.empty() ? std::nullopt : take(unread_.size(), unread_.size());
      read_more();
    }
  }

 private:
  std::optional<std::string> take(std::size_t size, std::size_t consumed) {
    std::string line = unread_.substr(0, size);
    unread_.erase(0, consumed);
    return line;
  }

  void read_more() {
    constexpr int kPauseMs = 50;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, kPauseMs) == 0) return;
    std::array<char, 4096> bytes;
    const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    has_ended_ = count <= 0;
    if (count > 0) unread_.append(bytes.data(), static_cast<std::size_t>(count));
  }

  std::string unread_;
  bool has_ended_ = false;
};

class ChatCommand : public Command {
 public:
  ChatCommand() : table_("chat", "Talk with a model in the terminal") {
    table_.example("midpo chat --model BASE --adapter ADAPTER --temperature 0.8");
    sampling_.temperature = 0.7;
    compute_.max_length = 1 << 20;
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
                        compute_.max_length, static_cast<std::int64_t>(num_cores()), print);
    const bool is_terminal = isatty(STDIN_FILENO) == 1;
    if (is_terminal) print("/help lists the commands, /quit leaves\n");
    InputLines lines;
    std::optional<std::string> line;
    do {
      // At a terminal Ctrl-C ends an answer, and only at the prompt the conversation.
      if (line && is_terminal) forget_interrupt();
      if (is_terminal) print("\n> ");
      line = lines.next();
    } while (line && session.handle(*line) && (is_terminal || !stop_requested()));
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
