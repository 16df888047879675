// SPDX-License-Identifier: Apache-2.0
// Trains a learner step by step, for tests in other languages. Reads one JSON object from stdin:
// the fields of LearnerOptions by name, "batches": [[row, ...], ...] with rows as TrainingRow has
// them, "learning_rates": one a batch, "gradients": file for the gradients of the first batch,
// "load_state", "save_state", "export": paths; "parts": calls of accumulate() per batch.
// Prints {"steps": [{"loss", "grad_norm", "num_tokens", sums...}], "seconds": [...]}.
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/checkpoint/safetensors_writer.h"
#include "models/training/decoder_learner.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using Json = nlohmann::json;

template <class Enum>
Enum enum_of(const Json& request, const char* key, const std::vector<std::string>& names) {
  const std::string name = request.value(key, names.front());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  throw Error(ErrorCode::kConfig, std::string(key) + ": " + name);
}

LearnerOptions options_from(const Json& request) {
  LearnerOptions options;
  options.objective =
      enum_of<Objective>(request, "objective", {"sft", "reward", "cost", "pairs", "router"});
  options.pair_loss =
      enum_of<PairLossKind>(request, "pair_loss", {"sigmoid", "ipo", "hinge", "robust"});
  options.model.path = request.at("model");
  options.model.dtype =
      request.value("dtype", "float32") == "float32" ? DType::kFloat32 : DType::kBFloat16;
  if (request.contains("lora")) {
    LoraOptions lora;
    lora.rank = request["lora"].value("rank", lora.rank);
    lora.alpha = request["lora"].value("alpha", lora.alpha);
    lora.target_modules = request["lora"].value("target_modules", lora.target_modules);
    options.lora = lora;
  }
  options.resume_adapter = request.value("resume_adapter", "");
  options.safety_adapter = request.value("safety_adapter", "");
  options.helpfulness_adapter = request.value("helpfulness_adapter", "");
  options.gate_width = request.value("gate_width", options.gate_width);
  options.gate_regularizer = request.value("gate_regularizer", options.gate_regularizer);
  options.beta = request.value("beta", options.beta);
  options.pair_scale = request.value("pair_scale", options.pair_scale);
  options.label_smoothing = request.value("label_smoothing", options.label_smoothing);
  options.is_token_wise = request.value("is_token_wise", false);
  options.weight_decay = request.value("weight_decay", options.weight_decay);
  options.max_grad_norm = request.value("max_grad_norm", options.max_grad_norm);
  options.checkpoints_activations = request.value("checkpoints_activations", false);
  options.is_published_compat = request.value("is_published_compat", false);
  options.num_threads = request.value("num_threads", 0);
  return options;
}

TrainingRow row_from(const Json& json, std::uint64_t index) {
  TrainingRow row;
  row.row = index;
  row.tokens.sequences = json.at("sequences").get<std::vector<std::vector<std::int32_t>>>();
  for (const Json& span : json.value("trained", Json::array())) {
    row.trained.push_back({span.at(0), span.at(1)});
  }
  row.reference_chosen = json.value("reference_chosen", 0.0);
  row.reference_rejected = json.value("reference_rejected", 0.0);
  row.offset = json.value("offset", 0.0);
  row.is_first_unsafe = json.value("is_first_unsafe", false);
  row.is_second_unsafe = json.value("is_second_unsafe", false);
  return row;
}

void write_gradients(const std::string& path, DecoderLearner& learner) {
  std::vector<std::pair<std::string, at::Tensor>> named = learner.named_gradients();
  std::vector<TensorToWrite> tensors;
  for (auto& [name, gradient] : named) {
    gradient = gradient.contiguous();
    TensorToWrite tensor;
    tensor.name = name;
    tensor.shape = gradient.sizes().vec();
    tensor.data = gradient.const_data_ptr();
    tensors.push_back(tensor);
  }
  write_safetensors(path, tensors);
}

Json train_step(DecoderLearner& learner, const std::vector<TrainingRow>& rows, double rate,
                std::size_t parts, const std::string& gradients) {
  BatchCount batch;
  for (const TrainingRow& row : rows) batch += learner.count(row);
  LossReport total;
  const std::size_t size = (rows.size() + parts - 1) / parts;
  for (std::size_t begin = 0; begin < rows.size(); begin += size) {
    const std::size_t count = std::min(size, rows.size() - begin);
    total += learner.accumulate(std::span(rows).subspan(begin, count), batch);
  }
  if (!gradients.empty()) write_gradients(gradients, learner);
  Json step = {{"loss", total.loss}, {"num_tokens", total.num_tokens}};
  for (const NamedNumber& sum : total.sums) {
    step[sum.name] = sum.value / static_cast<double>(batch.items);
  }
  step["grad_norm"] = learner.apply(rate);
  return step;
}

Json run(const Json& request) {
  std::unique_ptr<Learner> made = make_decoder_learner(options_from(request));
  auto& learner = dynamic_cast<DecoderLearner&>(*made);
  if (request.contains("load_state")) learner.load_state(request["load_state"]);
  Json answer;
  std::string gradients = request.value("gradients", "");
  for (std::size_t i = 0; i < request.at("batches").size(); ++i) {
    std::vector<TrainingRow> rows;
    for (const Json& row : request["batches"][i]) rows.push_back(row_from(row, rows.size()));
    const auto start = std::chrono::steady_clock::now();
    answer["steps"].push_back(train_step(learner, rows, request.at("learning_rates").at(i),
                                         request.value("parts", std::size_t{1}), gradients));
    gradients.clear();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    answer["seconds"].push_back(seconds.count());
    answer["flops"].push_back(learner.least_flops(rows));
  }
  if (request.contains("save_state")) learner.save_state(request["save_state"]);
  if (request.contains("export")) learner.export_weights(request["export"]);
  return answer;
}

}  // namespace
}  // namespace midpo

int main() {
  try {
    c10::InferenceMode no_autograd;
    std::cout << midpo::run(nlohmann::json::parse(std::cin)) << "\n";
    return 0;
  } catch (const midpo::Error& error) {
    std::cout << nlohmann::json{{"text", error.what()}} << "\n";
    return 1;
  }
}
