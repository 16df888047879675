// SPDX-License-Identifier: Apache-2.0
// The Llama-family decoder, for inference on packed batches.
// Dimensions: T packed tokens, R tokens that are read, E hidden, I intermediate, H heads,
// Hkv key/value heads, D head.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "models/backend.h"
#include "models/checkpoint/model_config.h"
#include "models/lora.h"
#include "models/weights.h"

namespace midpo {

struct DecoderLayer {
  at::Tensor input_norm_E;        ///< fp32, as all norms
  at::Tensor attention_norm_E;    ///< after attention, before the MLP
  at::Tensor q_norm_D, k_norm_D;  ///< undefined where the model has none
  AdaptedLinear qkv;              ///< E -> (H + 2 Hkv) D; in the last layer only k and v
  AdaptedLinear q;                ///< last layer only: E -> H D
  AdaptedLinear o;                ///< H D -> E
  AdaptedLinear gate_up;          ///< E -> 2 I
  AdaptedLinear down;             ///< I -> E
};

struct DecoderWeights {
  at::Tensor embeddings_VE;
  std::vector<DecoderLayer> layers;
  at::Tensor final_norm_E;
  std::vector<float> rope_frequencies;
};

/// "model.embed_tokens.weight", or without prefix.
std::string embeddings_name(const ModelConfig& config);

/// What gives a language model's logits: "lm_head", or the embeddings where they are tied.
std::string head_module(const ModelConfig& config);

DecoderWeights load_decoder_weights(const ModelConfig& config, const WeightReader& reader);

class KvCache;

/// How a pass over a batch is to be computed; by default as a whole of its own.
struct PassOptions {
  KvCache* cache = nullptr;  ///< read and written where the batch says
  LinearUse use = LinearUse::kBatch;
  /// If given, gets the mixture's gates: [layer][token][gate].
  std::vector<std::vector<std::vector<float>>>* gates = nullptr;
};

/// Immutable; any number of threads may call it at once.
class Decoder {
 public:
  Decoder(ModelConfig config, DecoderWeights weights, std::shared_ptr<const Backend> backend);

  /// Final hidden states (after the last norm) of batch.read_rows, in that order: [R', E] in the
  /// model's dtype, where R' is R rounded up to the backend's row multiple and the rows past R are
  /// without meaning. Needs at least one read.
  at::Tensor read_hidden(const PackedBatch& batch, const PassOptions& options = {}) const;

  /// The same weights with the first and last layer only: for checks that need to be cheap.
  Decoder outer_layers() const;

  /// Rows of a kDecode call are a multiple of this: 1 where every layer has a kernel for single
  /// rows.
  std::int64_t decode_row_multiple() const;

  const ModelConfig& config() const { return config_; }
  const DecoderWeights& weights() const { return weights_; }
  const Backend& backend() const { return *backend_; }

 private:
  ModelConfig config_;
  DecoderWeights weights_;
  std::shared_ptr<const Backend> backend_;
};

}  // namespace midpo
