// SPDX-License-Identifier: Apache-2.0
#include "runtime/judge/filter_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

/// More output than this is no answer: a judge may repeat what it is asked and explain at length.
constexpr std::size_t kAlwaysAllowed = std::size_t{64} << 20;
constexpr std::size_t kBytesPerByte = 16;

/// Runs its first argument. The signals that end us do not reach a group of its own, so beside it
/// somebody waits for our end of a pipe to close, and then ends the group.
constexpr int kSignOfLife = 3;
constexpr const char* kGuardedCommand =
    "( (read -r line <&3; kill -KILL 0) >/dev/null 2>&1 & ); exec 3<&-; eval \"$1\"";

/// The child reads its input from a file in memory, so that only its output needs attention: no
/// deadlock of two full pipes, and no SIGPIPE if it stops reading.
class FilterProcess {
 public:
  FilterProcess(std::string command, std::string_view input, std::chrono::milliseconds deadline)
      : command_(std::move(command)),
        most_bytes_(kAlwaysAllowed + kBytesPerByte * input.size()),
        allowed_(deadline),
        deadline_(Clock::now() + deadline) {
    const FileDescriptor input_file(::memfd_create("judge input", MFD_CLOEXEC));
    if (!input_file.is_open()) fail_to_start(errno);
    write_all_at(input_file, "judge input", input, 0);
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_to_start(errno);
    output_ = FileDescriptor(ends[0]);
    const FileDescriptor childs_output(ends[1]);
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_to_start(errno);
    const FileDescriptor childs_sign_of_life(ends[0]);
    sign_of_life_ = FileDescriptor(ends[1]);
    const int status = spawn(input_file.get(), childs_output.get(), childs_sign_of_life.get());
    if (status != 0) fail_to_start(status);
  }
  ~FilterProcess() {
    if (pid_ < 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  FilterProcess(const FilterProcess&) = delete;
  FilterProcess& operator=(const FilterProcess&) = delete;

  std::string read_output() {
    std::string output;
    std::array<char, 65536> buffer;
    for (;;) {
      wait_for_output();
      const ssize_t count = ::read(output_.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return output;
      if (output.size() > most_bytes_) {
        fail("wrote more than " + std::to_string(most_bytes_ >> 20) + " MiB");
      }
      output.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  /// A program may close its output before it ends: the deadline holds for that too.
  void finish() {
    constexpr std::chrono::milliseconds kPause{2};
    int status = 0;
    pid_t ended;
    while ((ended = ::waitpid(pid_, &status, WNOHANG)) == 0) {
      if (Clock::now() > deadline_) fail_late();
      std::this_thread::sleep_for(kPause);
    }
    pid_ = -1;
    if (ended < 0) fail(std::string("cannot be waited for: ") + std::strerror(errno));
    if (WIFSIGNALED(status)) fail("died of signal " + std::to_string(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0) {
      fail("ended with status " + std::to_string(WEXITSTATUS(status)) +
           "; what it wrote to standard error says why");
    }
  }

 private:
  int spawn(int input, int output, int sign_of_life) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, sign_of_life, kSignOfLife);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    // A group of its own, so that all that the shell starts can be ended together.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    std::string shell = "/bin/sh";
    std::string option = "-c";
    std::string script = kGuardedCommand;
    std::array<char*, 6> words = {shell.data(), option.data(),   script.data(),
                                  shell.data(), command_.data(), nullptr};
    const int status =
        ::posix_spawn(&pid_, shell.c_str(), &actions, &attributes, words.data(), environ);
    if (status != 0) pid_ = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return status;
  }

  void wait_for_output() const {
    pollfd waiting{output_.get(), POLLIN, 0};
    int ready;
    do {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
      ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    } while (ready < 0 && errno == EINTR);
    // One that never stops writing is always ready.
    if (ready == 0 || Clock::now() > deadline_) fail_late();
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kTransport, "judge `" + command_ + "` " + what);
  }
  [[noreturn]] void fail_to_start(int error_number) const {
    fail(std::string("cannot be started: ") + std::strerror(error_number));
  }
  [[noreturn]] void fail_late() const {
    fail("was not done after " + std::to_string(allowed_.count() / 1000) +
         " s; raise --judge-deadline-seconds if it needs longer");
  }

  std::string command_;
  std::size_t most_bytes_;
  std::chrono::milliseconds allowed_;
  Clock::time_point deadline_;
  FileDescriptor output_;
  FileDescriptor sign_of_life_;  ///< closed when this process is gone, however it ended
  pid_t pid_ = -1;
};

}  // namespace

std::string run_filter(const std::string& command, std::string_view input,
                       std::chrono::milliseconds deadline) {
  FilterProcess process(command, input, deadline);
  std::string output = process.read_output();
  process.finish();
  return output;
}

}  // namespace midpo
