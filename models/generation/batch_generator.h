// SPDX-License-Identifier: Apache-2.0
// Continuous batching over one decoder and one cache.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "models/generation/kv_cache.h"
#include "models/generation/row_allocator.h"
#include "models/generator.h"
#include "models/language_trunk.h"

namespace midpo {

/// A request whose prompt is in the cache, shared by its samples.
struct AdmittedPrompt {
  GenerationRequest request;
  RowRange rows;
  std::vector<std::int32_t> distinct_tokens;  ///< only where repetition is penalised
  std::int64_t num_unfinished = 0;            ///< samples
};

/// One response being written.
struct RunningSample {
  std::shared_ptr<AdmittedPrompt> prompt;
  std::uint32_t index = 0;
  RowRange rows;  ///< of its own tokens
  std::int64_t num_tokens = 0;
  std::int32_t last_token = 0;     ///< not yet in the cache
  std::vector<std::int32_t> seen;  ///< only where repetition is penalised
  bool is_finished = false;
};

/// Every sample reserves the rows of its longest possible response when it is admitted, so that
/// whatever runs can also end. Decoding always goes through the calls for few rows and prompts
/// through those for many, however many there are: a token's bits do not depend on the batch.
class BatchGenerator final : public Generator {
 public:
  BatchGenerator(std::shared_ptr<const LanguageTrunk> model, const GeneratorLimits& limits);

  void submit(GenerationRequest request) override;
  void cancel(std::uint64_t request, std::uint32_t sample) override;
  std::vector<TokenEvent> step() override;
  std::size_t num_waiting() const override { return waiting_.size(); }
  std::size_t num_running() const override { return running_.size(); }

 private:
  std::int64_t rows_needed(const GenerationRequest& request) const;
  std::vector<std::shared_ptr<AdmittedPrompt>> admit();
  bool has_room(const GenerationRequest& request) const;
  std::shared_ptr<AdmittedPrompt> reserve(const GenerationRequest& request,
                                          std::vector<RunningSample>& samples);

  void prefill(std::span<const std::shared_ptr<AdmittedPrompt>> prompts,
               std::span<RunningSample> samples, std::vector<TokenEvent>& events);
  void decode(std::span<RunningSample> samples, std::vector<TokenEvent>& events);

  /// Chooses the next token of each sample from the hidden state of its row.
  void choose(const at::Tensor& hidden_RE, std::span<const std::int64_t> rows,
              std::span<RunningSample> samples, std::vector<TokenEvent>& events) const;
  TokenEvent choose_token(std::vector<float> logits, RunningSample& sample) const;
  void release_finished();

  std::shared_ptr<const LanguageTrunk> model_;
  GeneratorLimits limits_;
  KvCache cache_;
  RowAllocator allocator_;
  std::deque<GenerationRequest> waiting_;
  std::vector<RunningSample> running_;
};

}  // namespace midpo
