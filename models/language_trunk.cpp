// SPDX-License-Identifier: Apache-2.0
#include "models/language_trunk.h"

#include <cmath>
#include <utility>

#include "models/log_probs.h"

namespace midpo {
namespace {

AdaptedLinear load_head(const std::string& path, const OpenedModel& model) {
  const ModelConfig& config = model.config;
  require(!config.score_head, ErrorCode::kCheckpoint,
          path + ": " + config.architecture + " is a score model, wanted a language model");
  const std::string module = head_module(config);
  require(model.files->find(module + ".weight") != nullptr, ErrorCode::kCheckpoint,
          path + ": no " + module + ".weight, and tie_word_embeddings is false");
  if (!config.tie_word_embeddings) return model.reader.read_linear({module}, false);
  AdaptedLinear head;
  head.base = model.reader.read_frozen_linear({module}, false);
  return head;
}

}  // namespace

LanguageTrunk::LanguageTrunk(const ModelOptions& options, const OpenedModel& model)
    : Engine(options, model), lm_head_(load_head(options.path, model)) {}

std::vector<float> LanguageTrunk::compute(const LogProbBatch& packed) const {
  if (packed.targets.empty()) return {};
  return guard_engine("computing log-probabilities with " + path_, [&] {
    decoder().backend().enter_thread();
    std::vector<float> log_probs = target_log_probs(decoder().read_hidden(packed.batch), lm_head_,
                                                    packed.targets, decoder().backend());
    for (std::size_t i = 0; i < log_probs.size(); ++i) {
      const TokenPlace& place = packed.places[i];
      require(std::isfinite(log_probs[i]), ErrorCode::kNumerics,
              "row " + std::to_string(place.row) + " of the call: " + path_ + " gives token " +
                  std::to_string(place.position) + " of sequence " +
                  std::to_string(place.sequence) + " the log-probability " +
                  std::to_string(log_probs[i]));
    }
    return log_probs;
  });
}

double LanguageTrunk::head_flops(const PackedBatch& batch) const {
  return 2.0 * static_cast<double>(batch.num_reads()) *
         static_cast<double>(lm_head_.base.num_inputs()) *
         static_cast<double>(lm_head_.base.num_outputs());
}

}  // namespace midpo
