// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/rank_processes.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kEndLimit{10};
constexpr std::chrono::milliseconds kPoll{5};

/// Between fork and exec: only what may be called there.
[[noreturn]] void become_rank(const std::vector<char*>& words, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  const int nowhere = open("/dev/null", O_RDWR);
  if (nowhere >= 0) {
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
  }
  execv("/proc/self/exe", words.data());
  _exit(127);
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

RankProcesses::~RankProcesses() {
  const std::lock_guard lock(mutex_);
  look();
  for (const Process& process : processes_) {
    if (!process.has_ended) kill(process.number, SIGKILL);
  }
  for (const Process& process : processes_) {
    if (!process.has_ended) waitpid(process.number, nullptr, 0);
  }
}

void RankProcesses::start(int rank, const std::vector<std::string>& arguments) {
  std::vector<std::string> texts{"midpo"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& text : texts) words.push_back(text.data());
  words.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t number = fork();
  require(number >= 0, ErrorCode::kInternal,
          "rank " + std::to_string(rank) + " cannot be started: " + std::strerror(errno));
  if (number == 0) become_rank(words, parent);
  const std::lock_guard lock(mutex_);
  processes_.push_back({rank, number, false, 0, false});
}

void RankProcesses::look() {
  for (Process& process : processes_) {
    if (process.has_ended) continue;
    process.has_ended = waitpid(process.number, &process.status, WNOHANG) == process.number;
  }
}

std::string RankProcesses::problem() {
  const std::lock_guard lock(mutex_);
  look();
  for (const Process& process : processes_) {
    if (!process.has_ended) continue;
    return "rank " + std::to_string(process.rank) + " (process " + std::to_string(process.number) +
           ") " + end_text(process.status);
  }
  return {};
}

std::vector<std::pair<int, std::string>> RankProcesses::take_ended() {
  const std::lock_guard lock(mutex_);
  look();
  std::vector<std::pair<int, std::string>> ended;
  for (Process& process : processes_) {
    if (!process.has_ended || std::exchange(process.is_taken, true)) continue;
    ended.emplace_back(process.rank, end_text(process.status));
  }
  return ended;
}

std::size_t RankProcesses::num_running() {
  const std::lock_guard lock(mutex_);
  look();
  return static_cast<std::size_t>(std::ranges::count(processes_, false, &Process::has_ended));
}

bool RankProcesses::have_ended() {
  const std::lock_guard lock(mutex_);
  look();
  return std::ranges::all_of(processes_, &Process::has_ended);
}

void RankProcesses::expect_end() {
  const auto limit = Clock::now() + kEndLimit;
  while (!have_ended() && Clock::now() < limit) std::this_thread::sleep_for(kPoll);
}

}  // namespace midpo
