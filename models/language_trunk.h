// SPDX-License-Identifier: Apache-2.0
// What every language model has beside its decoder: the head that turns hidden states to logits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/engine.h"
#include "models/engine_errors.h"

namespace midpo {

/// The decoder with its language-model head. Immutable.
class LanguageTrunk : public Engine {
 public:
  /// @throws Error(kCheckpoint) for a score model, or one without head.
  LanguageTrunk(const ModelOptions& options, const OpenedModel& model);

  const AdaptedLinear& lm_head() const { return lm_head_; }

 protected:
  /// One log-probability for each target of the batch. @throws Error(kNumerics) naming row,
  /// sequence and token of one that is not finite.
  std::vector<float> compute(const LogProbBatch& packed) const;

  double head_flops(const PackedBatch& batch) const;

 private:
  AdaptedLinear lm_head_;
};

/// Opens, loads and checks a model. EngineType: LanguageTrunk or derived from it.
template <class EngineType>
std::shared_ptr<const EngineType> load_language_trunk(const ModelOptions& options,
                                                      LinearCalls calls = LinearCalls::kBatches) {
  return guard_engine("loading " + options.path, [&] {
    std::unique_ptr<OpenedModel> model = open_model(options, calls, WeightSharing::kShared);
    auto engine = std::make_shared<const EngineType>(options, *model);
    model->files->check_unchanged();
    require_batch_invariance(engine->decoder());
    return engine;
  });
}

}  // namespace midpo
