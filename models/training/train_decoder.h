// SPDX-License-Identifier: Apache-2.0
// The weights of a decoder in training: what is frozen, what is trained, and where gradients end.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/backend.h"
#include "models/checkpoint/model_config.h"
#include "models/training/expert_mixture.h"
#include "models/training/parameters.h"
#include "models/training/train_linear.h"

namespace midpo {

/// An RMSNorm's weight, fp32, frozen or trained.
struct NormWeight {
  at::Tensor frozen;
  std::optional<ParameterSet::Handle> trained;

  at::Tensor value(const ParameterSet& parameters) const {
    return trained ? parameters.value(*trained) : frozen;
  }
};

/// Which gradients of a layer anybody needs: those of trained weights and whatever leads to them.
struct LayerNeeds {
  bool down_input = false;     ///< of the MLP's activation
  bool gate_up_input = false;  ///< of the MLP's normalised input
  bool attention = false;      ///< of attention output, queries, keys and values
  bool qkv_input = false;      ///< of the layer's normalised input
};

struct TrainLayer {
  NormWeight input_norm_E, attention_norm_E, q_norm_D, k_norm_D;
  TrainLinear qkv;      ///< E -> (H + 2 Hkv) D; in the last layer only k and v
  TrainLinear q;        ///< last layer only: E -> H D
  TrainLinear o;        ///< H D -> E
  TrainLinear gate_up;  ///< E -> 2 I
  TrainLinear down;     ///< I -> E
  std::optional<ExpertMixture> mixture;
  LayerNeeds needs;
  bool has_trained_below = false;   ///< embeddings or lower layers
  std::size_t first_parameter = 0;  ///< of its own, which are registered one after the other
};

/// One thread uses it at a time; forward and backward passes are TrainingPass.
struct TrainDecoder {
  ModelConfig config;
  std::shared_ptr<const Backend> backend;
  at::ScalarType type = at::kFloat;
  std::unique_ptr<ParameterSet> parameters = std::make_unique<ParameterSet>();
  at::Tensor frozen_embeddings_VE;
  std::optional<ParameterSet::Handle> trained_embeddings;
  std::vector<TrainLayer> layers;
  NormWeight final_norm_E;
  std::vector<float> rope_frequencies;
  /// Told by the backward pass, from the top, which layer's gradients it has added; may be empty.
  std::function<void(std::size_t)> layer_done;

  at::Tensor embeddings() const {
    return trained_embeddings ? parameters->value(*trained_embeddings) : frozen_embeddings_VE;
  }

  /// Takes the parameters' present values into packed weights and collapsed gates; after
  /// allocate(), loading and every optimizer step.
  void refresh();
  /// Without adapters it is the base model.
  void enable_adapters(bool are_enabled);
  /// Constant gates in every layer until the next refresh().
  void fix_gates(double alpha, double beta);
  /// Before the optimizer step: the gates' gradients to those of their factors.
  void expand_gate_gradients();
};

}  // namespace midpo
