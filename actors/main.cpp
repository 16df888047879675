// SPDX-License-Identifier: Apache-2.0
// Command line -> command -> exit status; the one place that prints an Error to the user.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "actors/commands/command.h"
#include "actors/left_behind.h"
#include "runtime/config/completion.h"
#include "runtime/core/error.h"
#include "runtime/observe/log.h"

namespace midpo {

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(make_run_command());
  commands.push_back(make_sft_command());
  commands.push_back(make_reward_command());
  commands.push_back(make_cost_command());
  commands.push_back(make_expert_command());
  commands.push_back(make_rank_command());
  commands.push_back(make_router_command());
  commands.push_back(make_dpo_command());
  commands.push_back(make_score_command());
  commands.push_back(make_logprob_command());
  commands.push_back(make_generate_command());
  commands.push_back(make_chat_command());
  commands.push_back(make_tokenize_command());
  commands.push_back(make_inspect_command());
  commands.push_back(make_export_command());
  commands.push_back(make_evaluate_command());
  commands.push_back(make_arena_command());
  commands.push_back(make_gates_command());
  commands.push_back(make_learner_rank_command());
  commands.push_back(make_report_command());
  commands.push_back(make_worker_command());
  commands.push_back(make_keygen_command());
  return commands;
}

namespace {

using Commands = std::vector<std::unique_ptr<Command>>;

void print_help(const Commands& commands) {
  std::puts("midpo " MIDPO_VERSION " - dual preference optimisation of language models\n");
  std::puts("usage: midpo COMMAND [OPTIONS]      midpo COMMAND --help\n");
  for (const auto& command : commands) {
    const OptionTable& table = command->options();
    std::printf("  %-12s %s\n", table.command().c_str(), table.summary().c_str());
  }
  std::printf("  %-12s %s\n", "completion", "Print a bash completion script");
  std::puts("\nResults go to stdout or the named file, logs and progress to stderr.");
}

int print_completion(const Commands& commands, const std::vector<std::string>& arguments) {
  constexpr const char* kUsage = "usage: midpo completion bash";
  if (arguments == std::vector<std::string>{"--help"} ||
      arguments == std::vector<std::string>{"-h"}) {
    std::printf("%s\n\nPrint a bash completion script: source <(midpo completion bash)\n", kUsage);
    return 0;
  }
  require(arguments.size() == 1 && arguments[0] == "bash", ErrorCode::kConfig, kUsage);
  std::vector<const OptionTable*> tables;
  for (const auto& command : commands) tables.push_back(&command->options());
  std::fputs(bash_completion("midpo", tables).c_str(), stdout);
  return 0;
}

int dispatch(const std::vector<std::string>& words) {
  const Commands commands = make_commands();
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_help(commands);
    return 0;
  }
  if (words[0] == "--version") {
    std::puts("midpo " MIDPO_VERSION);
    return 0;
  }
  const std::vector<std::string> arguments(words.begin() + 1, words.end());
  if (words[0] == "completion") return print_completion(commands, arguments);
  std::vector<std::string> names;
  for (const auto& command : commands) {
    names.push_back(command->options().command());
    if (names.back() != words[0]) continue;
    if (!command->options().parse(arguments)) return 0;
    for (const std::string& text : command->options().warnings())
      log::warn("option", {{"text", text}});
    return command->run();
  }
  const std::string near = nearest_word(words[0], names);
  throw Error(ErrorCode::kConfig, "unknown command " + words[0] +
                                      (near.empty() ? "" : "; did you mean " + near + "?") +
                                      " (midpo --help lists them)");
}

/// Results that a full disk does not take are an error. A reader that has gone has seen enough, and
/// who closes stdout wants to see nothing.
void require_results_written() {
  if (std::fflush(stdout) == 0 || errno == EPIPE || errno == EBADF) return;
  throw Error(ErrorCode::kStorage, std::string("stdout: write failed: ") + std::strerror(errno));
}

int run_program(const std::vector<std::string>& words) {
  try {
    const int status = dispatch(words);
    if (status == 0) require_results_written();
    return status;
  } catch (const Error& error) {
    std::fprintf(stderr, "midpo: %s error: %s\n",
                 std::string(error_code_name(error.code())).c_str(), error.what());
    return exit_status(error.code());
  } catch (const std::bad_alloc&) {
    std::fputs("midpo: out of memory\n", stderr);
    return exit_status(ErrorCode::kOutOfMemory);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "midpo: internal error: %s\n", error.what());
    return exit_status(ErrorCode::kInternal);
  }
}

}  // namespace
}  // namespace midpo

int main(int argc, char** argv) {
  midpo::end_process(midpo::run_program(std::vector<std::string>(argv + 1, argv + argc)));
}
