// SPDX-License-Identifier: Apache-2.0
// midpo report: folders of runs -> one page that shows what came of them.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "actors/commands/command.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"
#include "runtime/report/report_page.h"

namespace midpo {
namespace {

class ReportCommand : public Command {
 public:
  ReportCommand() : table_("report", "Show runs on one HTML page: results, curves, gates") {
    table_.example("midpo report --run base=runs/base MidPO=runs/midpo --output report.html");
    table_.group("Runs");
    table_
        .text_list("run", &runs_, "NAME=DIR",
                   "A method and the folder with its summaries, metrics, manifests and gates")
        .is_required = true;
    table_.text("output", &output_, "FILE", "The page").is_required = true;
  }

  OptionTable& options() override { return table_; }

  int run() override {
    require(is_replaceable(), ErrorCode::kConfig,
            output_ + " is there and is no page of midpo report; choose another --output");
    std::vector<RunData> data;
    for (const std::string& run : runs_) {
      const std::size_t equals = run.find('=');
      require(equals != std::string::npos && equals > 0 && equals + 1 < run.size(),
              ErrorCode::kConfig, "run is " + run + ", must be NAME=DIR");
      data.push_back(read_run(run.substr(0, equals), run.substr(equals + 1)));
    }
    write_file_atomically(output_, report_page(data));
    std::printf("%s\n", output_.c_str());
    return 0;
  }

 private:
  /// A report is made again as runs go on, so that an earlier one may go.
  bool is_replaceable() const {
    if (!std::filesystem::exists(output_)) return true;
    std::string start(512, '\0');
    std::ifstream(output_, std::ios::binary)
        .read(start.data(), static_cast<std::streamsize>(start.size()));
    return start.find("<title>midpo report</title>") != std::string::npos;
  }

  std::vector<std::string> runs_;
  std::string output_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_report_command() { return std::make_unique<ReportCommand>(); }

}  // namespace midpo
