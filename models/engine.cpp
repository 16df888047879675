// SPDX-License-Identifier: Apache-2.0
#include "models/engine.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "models/checkpoint/expected_tensors.h"
#include "models/checkpoint/model_hash.h"
#include "models/checkpoint/strict_json.h"
#include "models/checkpoint/tied_head.h"
#include "models/device_memory.h"
#include "models/engine_errors.h"
#include "models/load_cuda.h"
#include "models/mixture.h"
#include "models/packing.h"
#include "models/weight_pool.h"

namespace midpo {
namespace {

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
  require_tied_head(config, files);
}

std::shared_ptr<const Backend> make_backend(const std::string& device) {
  const std::optional<int> index = cuda_index(device);
  return index ? load_cuda_backend(*index) : make_cpu_backend();
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

std::unique_ptr<OpenedModel> open_model(const ModelOptions& options, LinearCalls calls,
                                        WeightSharing sharing) {
  ModelConfig config = load_model_config(options.path);
  // A sequence no longer than the window never meets it.
  if (config.sliding_window) {
    config.max_positions = std::min(config.max_positions, *config.sliding_window);
  }
  std::unique_ptr<WeightFiles> files = open_model_weights(options.path, options.allow_pickle);
  require_loadable(options.path, config, *files);
  std::shared_ptr<const Backend> backend = make_backend(options.device);
  backend->enter_thread();
  ContentHash content = hash_model(*files, read_small_file(options.path + "/config.json"));
  const std::string base_content = content.hex();
  const std::string pooled = sharing == WeightSharing::kShared ? base_content : std::string();
  WeightPool::instance().drop_unused(pooled);
  OpenedAdapters opened = open_adapters(options, config, *files, base_content);
  if (!opened.identity.empty()) content = content_hash(content.hex() + opened.identity);
  // The reader sees the adapters where they are: moving the vector does not move them.
  WeightReader reader(*files, opened.adapters, options.dtype, backend->device(), calls, pooled);
  return std::make_unique<OpenedModel>(OpenedModel{std::move(config), std::move(files), content,
                                                   std::move(opened.adapters), std::move(backend),
                                                   reader});
}

ModelInfo describe_model(const ModelOptions& options, const OpenedModel& model) {
  ModelInfo info;
  info.content = model.content;
  info.architecture = model.config.architecture;
  info.dtype = options.dtype;
  info.device = options.device;
  info.numerics = model.backend->numerics();
  info.num_parameters = count_parameters(model.config, *model.files);
  info.vocab_size = model.config.vocab_size;
  info.max_positions = model.config.max_positions;
  info.tile_tokens = model.backend->tile_tokens();
  return info;
}

MemoryNeed memory_need_of(const ModelOptions& options) {
  const ModelConfig config = load_model_config(options.path);
  const auto files = open_model_weights(options.path, options.allow_pickle);
  require_loadable(options.path, config, *files);
  const std::int64_t embeddings = files->require_tensor(embeddings_name(config)).num_elements();
  std::int64_t values = count_parameters(config, *files);
  // A tied head multiplies by a copy of the embeddings, in the layout of a projection.
  const bool is_copied = config.tie_word_embeddings && !config.score_head;
  if (is_copied && files->find("lm_head.weight") == nullptr) values += embeddings;
  const at::ScalarType type = scalar_type(options.dtype);
  const auto bytes_per_value = static_cast<std::int64_t>(c10::elementSize(type));
  MemoryNeed need{values * bytes_per_value, 0, free_device_bytes(options.device)};
  if (FrozenLinear::is_packed_on(at::Device(options.device), type)) {
    need.transpose_bytes = (values - embeddings) * bytes_per_value;
  }
  return need;
}

Engine::Engine(const ModelOptions& options, const OpenedModel& model)
    : path_(options.path), info_(describe_model(options, model)) {
  decoder_ = std::make_unique<Decoder>(
      model.config, load_decoder_weights(model.config, model.reader), model.backend);
  // Loading used this thread's stream; others compute on theirs.
  model.backend->busy_seconds();
}

void Engine::check(std::span<const RowTokens> rows) const {
  check_rows(rows, info_.vocab_size, info_.max_positions);
}

}  // namespace midpo
