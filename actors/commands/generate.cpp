// SPDX-License-Identifier: Apache-2.0
// midpo generate: prompts -> responses.
//
//   open the rows -> load model and tokenizer -> plan (recorded, or compared on --resume)
//   -> run_generation_job() (actors/generation) -> output published
#include <algorithm>
#include <cstdio>

#include "actors/commands/command.h"
#include "actors/generation/generation_files.h"
#include "actors/generation/generation_options.h"
#include "actors/generation/generation_run.h"
#include "actors/policy_options.h"
#include "actors/stop_request.h"
#include "runtime/observe/log.h"
#include "runtime/observe/table.h"

namespace midpo {
namespace {

constexpr std::uint64_t kBlockRows = 256;

class GenerateCommand : public Command {
 public:
  GenerateCommand() : table_("generate", "Write responses to prompts") {
    table_.example("midpo generate --model BASE --data prompts.jsonl --output responses.jsonl");
    table_.example(
        "midpo generate --model BASE --safety-adapter S --helpfulness-adapter H --router R "
        "--data prompts.jsonl --output out.jsonl --temperature 0.8 --top-p 0.95 --num-samples 4");
    add_policy_options(table_, policy_);
    add_data_options();
    add_sampling_options(table_, sampling_);
    add_compute_options(table_, compute_, {"training", "published", "plain"});
    add_actor_options();
    compute_.max_length = 1 << 20;
  }

  OptionTable& options() override { return table_; }

  int run() override {
    if (!prepare_output(output_)) {
      log::info("already_finished", {{"output", output_.path}});
      return 0;
    }
    install_stop_signals();
    RowRequirements wanted;
    wanted.is_prompt_only = true;
    auto reader = open_rows(data_, kBlockRows, BadRowPolicy::kFail, wanted);
    auto job = std::make_shared<GenerationJob>(make_job());
    auto output = open_output(output_, generation_plan(*job, reader->files()), job->first_row);
    reader->seek_block(job->first_row / kBlockRows);
    const GenerationOutcome outcome = run_generation_job(job, std::move(reader), std::move(output));
    remove_plan(output_);
    print_summary(*job, outcome);
    return 0;
  }

 private:
  void add_data_options();
  void add_actor_options();
  GenerationJob make_job() const;
  static void print_summary(const GenerationJob& job, const GenerationOutcome& outcome);

  PolicyConfig policy_;
  ComputeConfig compute_;
  SamplingConfig sampling_;
  std::vector<std::string> data_;
  OutputChoice output_;
  std::int64_t generators_ = 0;
  std::int64_t max_sequences_ = 0;
  std::int64_t threads_ = 1;
  std::int64_t batch_tokens_ = 0;
  std::int64_t kv_rows_ = 0;
  OptionTable table_;
};

void GenerateCommand::add_data_options() {
  table_.group("Data");
  table_.text_list("data", &data_, "FILE", "Rows with prompt, prompt_ids, text or ids")
      .is_required = true;
  table_.text("output", &output_.path, "FILE", "The rows with their responses, JSONL").is_required =
      true;
  table_.flag("resume", &output_.resume,
              "Continue an interrupted output; start one if none is there");
  table_.flag("overwrite", &output_.overwrite, "Discard an earlier output");
}

void GenerateCommand::add_actor_options() {
  table_.group("Actors");
  table_.integer("generators", &generators_, 0, 4096,
                 "Generators; 0: one per core (CPU) or device");
  table_.integer("threads", &threads_, 1, 4096, "Threads of one generator's step, CPU");
  table_.integer("max_sequences", &max_sequences_, 0, 1 << 16,
                 "Responses a generator writes at once; 0: what suits the device");
  table_.integer("batch_tokens", &batch_tokens_, 0, 1 << 22,
                 "Prompt tokens read in one step; 0: what suits the device");
  table_.integer("kv_rows", &kv_rows_, 0, 1 << 30,
                 "Tokens whose keys and values a generator keeps; 0: 1 GiB of them");
}

GenerationJob GenerateCommand::make_job() const {
  GenerationJob job;
  const std::vector<std::string> devices = device_list(compute_);
  for (const std::string& device : devices) {
    job.replicas.push_back(
        load_engines().load_generation_model(policy_options(compute_, policy_, device)));
  }
  job.is_plain = compute_.template_name == "plain";
  ComputeConfig with_template = compute_;
  if (job.is_plain) with_template.template_name = "training";
  job.prompt_template = load_template(with_template, policy_.model);
  job.responses = response_options(sampling_, job.model(), job.prompt_template.get());
  job.responses.max_length = compute_.max_length;
  job.limits = {max_sequences_, kv_rows_, batch_tokens_, threads_};
  job.input_paths = data_;
  const std::size_t automatic =
      devices.front() == "cpu"
          ? std::max<std::size_t>(1, num_cores() / static_cast<std::size_t>(threads_))
          : devices.size();
  job.num_generators = static_cast<std::uint32_t>(generators_ > 0 ? generators_ : automatic);
  return job;
}

void GenerateCommand::print_summary(const GenerationJob& job, const GenerationOutcome& outcome) {
  const GenerationTotals& totals = outcome.totals;
  Table table({"", "rows", "prompt tokens", "response tokens", "seconds", "tokens/s"});
  table.row({"generate",
             totals.num_rows,
             totals.num_prompt_tokens,
             totals.num_response_tokens,
             {outcome.wall_seconds, 1},
             {static_cast<double>(totals.num_response_tokens) / outcome.wall_seconds, 0}});
  std::fputs(table.text().c_str(), stdout);
  std::printf("model %s\n", job.model().info().content.hex().c_str());
}

}  // namespace

std::unique_ptr<Command> make_generate_command() { return std::make_unique<GenerateCommand>(); }

}  // namespace midpo
