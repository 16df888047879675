// SPDX-License-Identifier: Apache-2.0
// Runs one engine call, for tests in other languages. Reads one JSON object from stdin:
//   {"model": DIR, "adapter": DIR or "", "dtype": "float32"|"bfloat16", "device": "cpu",
//    "safety_adapter": DIR, "helpfulness_adapter": DIR, "router": DIR, "mixture": [a, b],
//    "kind": "score"|"reference"|"logprob", "rows": [[[id, ...], ...], ...],
//    "repeat": N, "alone": bool, "threads": N}
// and prints {"values": ..., "seconds": best of N rounds, "cpu_seconds": the same in time of the
// processor, "gemm_flops" (with "measure": true), "least_flops", "info": {...}}; "alone" makes one
// call per row, "threads" makes the same calls on N threads at once and adds "tasks", the threads
// that the process then has, and "agree". An Error prints {"error": code, "text": ...}.
#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <latch>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "models/engines.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

ModelOptions options_from(const Json& request) {
  ModelOptions options;
  options.path = request.at("model");
  options.adapter_path = request.value("adapter", "");
  options.dtype =
      request.value("dtype", "float32") == "float32" ? DType::kFloat32 : DType::kBFloat16;
  options.device = request.value("device", "cpu");
  options.safety_adapter = request.value("safety_adapter", "");
  options.helpfulness_adapter = request.value("helpfulness_adapter", "");
  options.router_path = request.value("router", "");
  if (request.contains("mixture")) {
    options.mixture_weights = request["mixture"].get<std::array<double, 2>>();
  }
  options.allow_pickle = request.value("allow_pickle", false);
  return options;
}

Json describe(const ModelInfo& info) {
  return {{"content", info.content.hex()},       {"architecture", info.architecture},
          {"numerics", info.numerics},           {"num_parameters", info.num_parameters},
          {"max_positions", info.max_positions}, {"tile_tokens", info.tile_tokens}};
}

template <class Call>
Json values_of(const Json& request, const std::vector<RowTokens>& rows, const Call& call) {
  Json values = Json::array();
  if (request.value("alone", false)) {
    for (const RowTokens& row : rows) values.push_back(call({&row, 1}).at(0));
  } else {
    for (const auto& value : call(rows)) values.push_back(value);
  }
  return values;
}

/// Threads of this process.
std::ptrdiff_t count_tasks() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

/// The same calls on several threads, all of which wait until the threads are counted.
template <class Call>
void add_threads(const Json& request, const std::vector<RowTokens>& rows, const Call& call,
                 Json& answer) {
  std::vector<Json> values(request.value("threads", 0));
  if (values.empty()) return;
  std::latch done(static_cast<std::ptrdiff_t>(values.size()));
  std::latch counted(1);
  std::vector<std::jthread> threads;
  for (Json& slot : values) {
    threads.emplace_back([&] {
      slot = values_of(request, rows, call);
      done.count_down();
      counted.wait();
    });
  }
  done.wait();
  answer["tasks"] = count_tasks();
  counted.count_down();
  answer["agree"] = std::all_of(values.begin(), values.end(),
                                [&](const Json& value) { return value == answer["values"]; });
}

/// Best of `repeat` rounds over all rows, in one call or one call a row.
template <class Call>
Json timed(const Json& request, const std::vector<RowTokens>& rows, const Call& call) {
  Json answer;
  double best = 1e30;
  double best_cpu = 1e30;
  for (int i = 0; i < request.value("repeat", 1); ++i) {
    Clock::time_point start = Clock::now();
    std::clock_t cpu_start = std::clock();
    Json values = values_of(request, rows, call);
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    best_cpu = std::min(best_cpu, static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
    answer["values"] = std::move(values);
  }
  answer["seconds"] = best;
  answer["cpu_seconds"] = best_cpu;
  add_threads(request, rows, call, answer);
  return answer;
}

Json run(const Json& request) {
  std::vector<RowTokens> rows;
  for (const Json& row : request.at("rows")) {
    rows.push_back({row.get<std::vector<std::vector<std::int32_t>>>()});
  }
  std::string kind = request.at("kind");
  Clock::time_point start = Clock::now();
  const EngineFactory& engines = load_engines();
  if (kind == "logprob") {
    auto model = engines.load_language_model(options_from(request));
    Json answer = timed(request, rows,
                        [&](std::span<const RowTokens> some) { return model->log_probs(some); });
    answer["info"] = describe(model->info());
    return answer;
  }
  auto model = kind == "score" ? engines.load_score_model(options_from(request))
                               : engines.load_reference_model(options_from(request));
  double load_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  Json answer =
      timed(request, rows, [&](std::span<const RowTokens> some) { return model->score(some); });
  answer["load_seconds"] = load_seconds;
  answer["least_flops"] = model->least_flops(rows);
  if (request.value("measure", false)) answer["gemm_flops"] = engines.measure_gemm_flops(*model);
  answer["info"] = describe(model->info());
  return answer;
}

}  // namespace
}  // namespace midpo

int main() {
  try {
    std::cout << midpo::run(midpo::Json::parse(std::cin)) << "\n";
  } catch (const midpo::Error& error) {
    midpo::Json answer = {{"error", midpo::error_code_name(error.code())}, {"text", error.what()}};
    std::cout << answer << "\n";
    return midpo::exit_status(error.code());
  }
}
