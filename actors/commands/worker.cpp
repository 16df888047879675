// SPDX-License-Identifier: Apache-2.0
// midpo worker: lends this machine's cores or devices to a job that listens.
//
//   connect -> the job's models, by path and content -> load, compare -> tiles in, values out
//   -> until the job is done
#include "actors/commands/command.h"
#include "actors/remote/worker_actor.h"
#include "actors/remote/worker_options.h"
#include "actors/stop_request.h"

namespace midpo {
namespace {

class WorkerCommand : public Command {
 public:
  WorkerCommand() : table_("worker", "Compute for a job of another process or host") {
    table_.example("midpo worker --connect tcp://127.0.0.1:5555");
    table_.example(
        "midpo worker --connect tcp://10.0.0.5:5555 --key node1.key --server-key head.pub "
        "--device cuda:0,cuda:1 --name node1");
    add_worker_options(table_, arguments_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    const WorkerConfig config = make_worker_config(arguments_);
    install_stop_signals();
    install_reload_signal();
    run_worker(config, load_engines());
    return 0;
  }

 private:
  WorkerArguments arguments_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_worker_command() { return std::make_unique<WorkerCommand>(); }

}  // namespace midpo
