// SPDX-License-Identifier: Apache-2.0
#include "models/engine.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "models/checkpoint/expected_tensors.h"
#include "models/checkpoint/model_hash.h"
#include "models/engine_errors.h"
#include "models/load_cuda.h"
#include "models/packing.h"

namespace midpo {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), ErrorCode::kCheckpoint, path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string joined(const std::vector<std::string>& lines) {
  constexpr std::size_t kMostNamed = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), kMostNamed); ++i) text += "\n  " + lines[i];
  if (lines.size() > kMostNamed) {
    text += "\n  and " + std::to_string(lines.size() - kMostNamed) + " more";
  }
  return text;
}

void require_loadable(const std::string& path, const ModelConfig& config,
                      const WeightFiles& files) {
  TensorMismatch mismatch = compare_tensors(expected_tensors(config), files);
  require(mismatch.missing.empty(), ErrorCode::kCheckpoint,
          path + ": the weights lack what " + config.architecture +
              " needs:" + joined(mismatch.missing));
  require(mismatch.wrong_shape.empty(), ErrorCode::kCheckpoint,
          path + ": shapes do not fit config.json:" + joined(mismatch.wrong_shape));
  require(mismatch.wrong_type.empty(), ErrorCode::kCheckpoint,
          path + ": types of weights that are not supported:" + joined(mismatch.wrong_type));
}

std::unique_ptr<Adapter> open_adapter(const ModelOptions& options) {
  if (options.adapter_path.empty()) return nullptr;
  auto adapter = std::make_unique<Adapter>();
  adapter->config = load_adapter_config(options.adapter_path, options.allow_pickle);
  adapter->files = open_weight_file(adapter->config.weights_path, options.allow_pickle);
  return adapter;
}

std::shared_ptr<const Backend> make_backend(const std::string& device) {
  constexpr std::string_view kCuda = "cuda:";
  if (device == "cpu") return make_cpu_backend();
  if (device == "cuda") return load_cuda_backend(0);
  int index = 0;
  const char* end = device.data() + device.size();
  bool is_cuda = device.starts_with(kCuda) && device.size() > kCuda.size();
  if (is_cuda) {
    auto [stop, failure] = std::from_chars(device.data() + kCuda.size(), end, index);
    is_cuda = failure == std::errc() && stop == end && index >= 0;
  }
  require(is_cuda, ErrorCode::kDevice, "--device " + device + ": wanted cpu or cuda:N");
  return load_cuda_backend(index);
}

ContentHash hash_content(const ModelOptions& options, const OpenedModel& model) {
  ContentHash content = hash_model(*model.files, read_text(options.path + "/config.json"));
  if (model.adapter == nullptr) return content;
  ContentHash adapter =
      hash_model(*model.adapter->files, read_text(options.adapter_path + "/adapter_config.json"));
  return content_hash(content.hex() + adapter.hex());
}

std::int64_t count_parameters(const ModelConfig& config, const WeightFiles& files) {
  std::int64_t count = 0;
  for (const ExpectedTensor& expected : expected_tensors(config)) {
    bool is_weight = expected.name.ends_with(".weight") || expected.name.ends_with(".bias");
    const StoredTensor* stored = files.find(expected.name);
    if (is_weight && stored != nullptr) count += stored->num_elements();
  }
  return count;
}

}  // namespace

std::unique_ptr<OpenedModel> open_model(const ModelOptions& options) {
  ModelConfig config = load_model_config(options.path);
  // A sequence no longer than the window never meets it.
  if (config.sliding_window) {
    config.max_positions = std::min(config.max_positions, *config.sliding_window);
  }
  std::unique_ptr<WeightFiles> files = open_model_weights(options.path, options.allow_pickle);
  require_loadable(options.path, config, *files);
  std::unique_ptr<Adapter> adapter = open_adapter(options);
  std::shared_ptr<const Backend> backend = make_backend(options.device);
  backend->enter_thread();
  WeightReader reader(*files, adapter.get(), options.dtype, backend->device());
  return std::make_unique<OpenedModel>(OpenedModel{std::move(config), std::move(files),
                                                   std::move(adapter), std::move(backend), reader});
}

Engine::Engine(const ModelOptions& options, const OpenedModel& model) : path_(options.path) {
  info_.content = hash_content(options, model);
  decoder_ = std::make_unique<Decoder>(
      model.config, load_decoder_weights(model.config, model.reader), model.backend);
  // Loading used this thread's stream; others compute on theirs.
  model.backend->busy_seconds();
  info_.architecture = model.config.architecture;
  info_.dtype = options.dtype;
  info_.device = options.device;
  info_.numerics = model.backend->numerics();
  info_.num_parameters = count_parameters(model.config, *model.files);
  info_.vocab_size = model.config.vocab_size;
  info_.max_positions = model.config.max_positions;
  info_.tile_tokens = model.backend->tile_tokens();
}

void Engine::check(std::span<const RowTokens> rows) const {
  check_rows(rows, info_.vocab_size, info_.max_positions);
}

}  // namespace midpo
