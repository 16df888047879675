// SPDX-License-Identifier: Apache-2.0
#include "models/training/language_learner.h"

#include <utility>

#include "models/checkpoint/model_writer.h"
#include "models/engine_errors.h"
#include "models/mixture.h"
#include "models/packing.h"
#include "models/training/adapter_checks.h"
#include "models/training/export_weights.h"

namespace midpo {
namespace {

LogProbHead load_head(const LearnerOptions& options, const OpenedModel& model,
                      const TrainDecoder& decoder) {
  const ModelConfig& config = model.config;
  const std::string& path = options.model.path;
  require(!config.score_head, ErrorCode::kCheckpoint,
          path + ": " + config.architecture + " is a score model, wanted a language model");
  const std::string module = head_module(config);
  if (!decoder.trained_embeddings) {
    const FrozenLinear frozen = model.reader.read_frozen_linear({module}, false);
    return LogProbHead({frozen, model.reader.read_transposed_linear({module}, frozen)});
  }
  const std::string name = module + ".weight";
  TrainedWeight weight;
  weight.weight_NK = config.tie_word_embeddings
                         ? *decoder.trained_embeddings
                         : decoder.parameters->add(name, model.reader.read_float(name), true);
  TrainLinear linear(decoder.type, true);
  linear.add_weight(weight);
  return LogProbHead(std::move(linear));
}

}  // namespace

LanguageParts language_parts(const LearnerOptions& options, const OpenedModel& model) {
  LanguageParts named;
  named.parts.seed = options.seed;
  named.parts.all = !options.lora;
  if (!options.lora) return named;
  named.parts.lora = &*options.lora;
  if (!options.resume_adapter.empty()) {
    named.first_adapter = std::make_unique<Adapter>(
        open_adapter(options.resume_adapter, options.model.allow_pickle, *model.files));
    require_continues(*named.first_adapter, *options.lora);
    named.parts.first_adapter = named.first_adapter.get();
  }
  return named;
}

LanguageLearner::LanguageLearner(const LearnerOptions& options, const OpenedModel& model,
                                 const TrainedParts& parts)
    : DecoderLearner(options, model, parts), head_(load_head(options, model, decoder_)) {}

LanguageLearner::Forward LanguageLearner::forward(const LogProbBatch& packed,
                                                  GateRegularizer gates) {
  Forward forward{
      TrainingPass(decoder_, packed.batch, options_.checkpoints_activations, std::move(gates)),
      {},
      {}};
  forward.hidden_RE = forward.pass.forward();
  forward.head = head_.run(parameters(), forward.hidden_RE, packed.targets, {}, backend());
  return forward;
}

void LanguageLearner::backward(Forward& forward, const LogProbBatch& packed,
                               std::span<const float> coefficients) {
  if (head_.is_trained()) {
    // Its gradient needs the coefficients, which depend on the log-probabilities: once more.
    const HeadPass weighted =
        head_.run(parameters(), forward.hidden_RE, packed.targets, coefficients, backend());
    forward.pass.backward(gather_gradients(weighted, packed.targets, {}, forward.hidden_RE));
    return;
  }
  forward.pass.backward(
      gather_gradients(forward.head, packed.targets, coefficients, forward.hidden_RE));
}

double LanguageLearner::head_flops() const {
  return 2.0 * static_cast<double>(decoder_.config.hidden_size) *
         static_cast<double>(head_.vocab_size());
}

void LanguageLearner::refresh() {
  DecoderLearner::refresh();
  head_.refresh(parameters());
}

void LanguageLearner::export_weights(const std::string& directory) const {
  if (options_.lora) {
    export_adapter(directory, parameters(), options_);
    return;
  }
  ModelToWrite model;
  model.source_dir = options_.model.path;
  model.tensors = parameter_tensors(parameters(), decoder_.type);
  write_model(directory, model);
}

}  // namespace midpo
