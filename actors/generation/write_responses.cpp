// SPDX-License-Identifier: Apache-2.0
//   open the rows -> load model and tokenizer -> plan (recorded, or compared on --resume)
//   -> run_generation_job() -> output published
#include "actors/generation/write_responses.h"
#include "actors/output_paths.h"

#include <algorithm>
#include <utility>

#include "actors/stop_request.h"
#include "runtime/core/control_group.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

constexpr std::uint64_t kBlockRows = 256;

std::uint32_t count_generators(const GeneratorConfig& config,
                               const std::vector<std::string>& devices) {
  if (config.generators > 0) return static_cast<std::uint32_t>(config.generators);
  const auto threads = static_cast<std::size_t>(config.threads);
  return static_cast<std::uint32_t>(
      devices.front() == "cpu" ? std::max<std::size_t>(1, num_cores() / threads) : devices.size());
}

GenerationJob make_job(const ResponsesToWrite& wanted) {
  GenerationJob job;
  const std::vector<std::string> devices = device_list(wanted.compute);
  for (const std::string& device : devices) {
    job.replicas.push_back(load_engines().load_generation_model(
        policy_options(wanted.compute, wanted.policy, device)));
  }
  job.is_plain = wanted.compute.template_name == "plain";
  ComputeConfig with_template = wanted.compute;
  if (job.is_plain) with_template.template_name = "training";
  job.prompt_template = load_template(with_template, wanted.policy.model);
  job.responses = response_options(wanted.sampling, job.model(), job.prompt_template.get());
  job.responses.max_length = wanted.compute.max_length;
  const GeneratorConfig& generators = wanted.generators;
  job.limits = {generators.max_sequences, generators.kv_rows, generators.batch_tokens,
                step_threads(generators.threads, "threads")};
  job.input_paths = wanted.data;
  job.num_generators = count_generators(generators, devices);
  return job;
}

}  // namespace

void add_generator_options(OptionTable& table, GeneratorConfig& config) {
  table.group("Actors");
  table.integer("generators", &config.generators, 0, 4096,
                "Generators; 0: one per core (CPU) or device");
  table.integer("threads", &config.threads, 1, 4096, "Threads of one generator's step, CPU");
  table.integer("max_sequences", &config.max_sequences, 0, 1 << 16,
                "Responses a generator writes at once; 0: what suits the device");
  table.integer("batch_tokens", &config.batch_tokens, 0, 1 << 22,
                "Prompt tokens read in one step; 0: what suits the device");
  table.integer("kv_rows", &config.kv_rows, 0, 1 << 30,
                "Tokens whose keys and values a generator keeps; 0: 1 GiB of them");
}

std::optional<WrittenResponses> write_responses(const ResponsesToWrite& wanted) {
  require_not_read(wanted.data, {wanted.output.path});
  const bool is_finished = !prepare_output(wanted.output);
  install_stop_signals();
  RowRequirements rows;
  rows.is_prompt_only = true;
  auto reader = open_rows(wanted.data, kBlockRows, BadRowPolicy::kRefuse, rows);
  auto job = std::make_shared<GenerationJob>(make_job(wanted));
  const std::string plan = generation_plan(*job, reader->files());
  if (is_finished) {
    check_finished_output(wanted.output, plan);
    log::info("already_finished", {{"output", wanted.output.path}});
    return std::nullopt;
  }
  auto output = open_output(wanted.output, plan, job->first_row);
  try {
    reader->seek_block(job->first_row / kBlockRows);
    return WrittenResponses{run_generation_job(job, std::move(reader), std::move(output)),
                            job->model().info().content.hex()};
  } catch (...) {
    remove_if_empty(wanted.output);
    throw;
  }
}

}  // namespace midpo
