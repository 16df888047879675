// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "models/checkpoint/end_tokens.h"
#include "models/generation/batch_generator.h"
#include "models/language_trunk.h"
#include "models/packing.h"

namespace midpo {
namespace {

/// One sequence, all tokens of which are read.
PackedBatch pack_whole(const std::vector<std::int32_t>& ids) {
  PackedBatch batch;
  batch.ids = ids;
  AttentionSegment segment;
  segment.num_queries = segment.own_length = batch.num_tokens();
  batch.segments = batch.read_segments = {segment};
  batch.num_positions = batch.num_tokens();
  for (std::int64_t token = 0; token < batch.num_tokens(); ++token) {
    batch.positions.push_back(static_cast<std::int32_t>(token));
    batch.read_rows.push_back(token);
  }
  return batch;
}

class GenerationEngine final : public GenerationModel {
 public:
  explicit GenerationEngine(std::shared_ptr<const LanguageTrunk> model)
      : model_(std::move(model)) {}

  const ModelInfo& info() const override { return model_->model_info(); }

  std::vector<std::int32_t> eos_ids() const override {
    return end_tokens(model_->path(), model_->decoder().config());
  }

  std::unique_ptr<Generator> make_generator(const GeneratorLimits& limits) const override {
    return guard_engine("making room for generation with " + model_->path(), [&] {
      model_->decoder().backend().enter_thread();
      return std::make_unique<BatchGenerator>(model_, limits);
    });
  }

  GateValues gates(const std::vector<std::int32_t>& ids) const override {
    const RowTokens row{{ids}};
    check_rows({&row, 1}, info().vocab_size, info().max_positions);
    return guard_engine("reading the gates of " + model_->path(), [&] {
      model_->decoder().backend().enter_thread();
      std::vector<std::vector<std::vector<float>>> gates;
      PassOptions options;
      options.gates = &gates;
      model_->decoder().read_hidden(pack_whole(ids), options);
      GateValues values;
      for (const auto& layer : gates) {
        if (layer.front().empty()) continue;
        values.alpha.emplace_back();
        values.beta.emplace_back();
        for (const std::vector<float>& token : layer) {
          values.alpha.back().push_back(token[0]);
          values.beta.back().push_back(token[1]);
        }
      }
      return values;
    });
  }

 private:
  std::shared_ptr<const LanguageTrunk> model_;
};

}  // namespace

std::shared_ptr<const GenerationModel> make_generation_engine(const ModelOptions& options) {
  return std::make_shared<const GenerationEngine>(
      load_language_trunk<LanguageTrunk>(options, LinearCalls::kBatchesAndDecoding));
}

}  // namespace midpo
