// SPDX-License-Identifier: Apache-2.0
// What libmidpo_models.so exports, beside op_listener.cpp.
#include "models/engine.h"
#include "models/engine_errors.h"
#include "models/training/decoder_learner.h"

namespace midpo {
namespace {

class Factory final : public EngineFactory {
 public:
  MemoryNeed memory_need(const ModelOptions& options) const override {
    return memory_need_of(options);
  }

  std::shared_ptr<const Scorer> load_score_model(const ModelOptions& options) const override {
    return make_score_engine(options);
  }

  std::shared_ptr<const Scorer> load_reference_model(const ModelOptions& options) const override {
    return make_reference_engine(options);
  }

  std::shared_ptr<const LanguageModel> load_language_model(
      const ModelOptions& options) const override {
    return make_language_engine(options);
  }

  std::unique_ptr<Learner> make_learner(const LearnerOptions& options) const override {
    return make_decoder_learner(options);
  }

  std::shared_ptr<const GenerationModel> load_generation_model(
      const ModelOptions& options) const override {
    return make_generation_engine(options);
  }

  double measure_gemm_flops(const Scorer& model) const override {
    const auto* engine = dynamic_cast<const Engine*>(&model);
    require(engine != nullptr, ErrorCode::kConfig,
            "the GEMM rate is measured on a loaded model; this scorer is a stub");
    return guard_engine("measuring the GEMM rate", [&] {
      engine->decoder().backend().enter_thread();
      return measure_gemm_rate(engine->decoder());
    });
  }
};

}  // namespace
}  // namespace midpo

extern "C" __attribute__((visibility("default"))) const midpo::EngineFactory*
midpo_engine_factory() {
  static const midpo::Factory factory;
  return &factory;
}
