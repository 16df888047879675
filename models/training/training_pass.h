// SPDX-License-Identifier: Apache-2.0
// One forward and one backward pass over a packed batch, written out by hand.
// Dimensions: T packed tokens, R read tokens, M rows of a chunk, E hidden, I intermediate,
// H heads, Hkv key/value heads, D head.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "models/backend.h"
#include "models/row_chunks.h"
#include "models/training/train_decoder.h"

namespace midpo {

/// How gates enter the loss.
struct GateRegularizer {
  at::Tensor row_weights_T;  ///< fp32: in how many sequences a packed token occurs
  double weight = 0.0;       ///< derivative of the loss by a unit of GateSums::regularizer
  /// Not of the gates that are applied, but of those that each layer's MLP would apply to the
  /// layer's own input, as the published code has it.
  bool reads_layer_inputs = false;
};

/// Chunks of rows are computed in parallel, each as inference would compute it; what they add to
/// gradients is summed in their order. The cut depends on the batch alone, hence so do all bits.
class TrainingPass {
 public:
  /// @param batch outlives the pass; every read row is read once.
  /// @param gates only for decoders with mixtures; all rows must be read.
  TrainingPass(const TrainDecoder& decoder, const PackedBatch& batch, bool checkpoints_activations,
               GateRegularizer gates = {});

  /// Final normalised hidden states of batch.read_rows: [R', E], R' >= R, compute dtype.
  at::Tensor forward();

  /// Adds the gradients of all trained weights. @param grad_RE [R', E], compute dtype.
  void backward(const at::Tensor& grad_RE);

  /// Of the gates applied, by layer.
  const std::vector<GateSums>& gate_sums() const { return gate_sums_; }
  /// Of all gates that the regulariser reads.
  GateSums regularized() const;

 private:
  /// What the backward pass needs of a layer's forward pass.
  struct Tape {
    at::Tensor input_TE;   ///< residual stream before the layer, fp32
    at::Tensor query_RE;   ///< its rows whose queries are computed: all, or the last layer's reads
    at::Tensor middle_RE;  ///< after attention, fp32
    at::Tensor q, k, v;    ///< [heads, rows, D]
    at::Tensor attended;   ///< [rows, H D]
    at::Tensor log_sums;   ///< [H, rows]
    std::vector<at::Tensor> qkv, last_q;  ///< a chunk each; only where q and k are normalised
    std::vector<at::Tensor> gate_up;      ///< a chunk each
  };

  /// A projection of normalised rows to rotated heads.
  struct Projection {
    const TrainLinear& linear;
    const at::Tensor& residual;  ///< [rows, E]
    const std::vector<RowChunk>& chunks;
    const at::Tensor& positions;
    bool has_q, has_kv;
  };

  bool is_last(std::size_t layer) const { return layer + 1 == decoder_.layers.size(); }
  const std::vector<RowChunk>& query_chunks(std::size_t layer) const;
  std::vector<Projection> projections(std::size_t layer, const Tape& tape) const;

  void embed();
  /// Residual stream after the layer: of all rows, or of the reads for the last one.
  at::Tensor forward_layer(std::size_t layer, Tape& tape, bool counts_gates);
  void project(const TrainLayer& weights, const Projection& projection, Tape& tape);
  at::Tensor finish_layer(std::size_t layer, Tape& tape, bool counts_gates);

  /// `grad` is the gradient of the residual stream after the layer, and on return of the stream
  /// before it, where anything below is trained.
  void backward_layer(std::size_t layer, Tape& tape, at::Tensor& grad);
  struct MlpGradients;
  MlpGradients make_mlp_gradients(std::size_t layer, const Tape& tape) const;
  /// Down projection, activation, gate and up projections, norm. Updates `grad`.
  void backward_mlp(std::size_t layer, const Tape& tape, const at::Tensor& grad);
  /// Down projection and mixture. @return the activation's gradient, undefined where not needed.
  at::Tensor backward_down(std::size_t layer, const Tape& tape, const RowChunk& chunk,
                           std::size_t index, const at::Tensor& grad, MlpGradients& gradients);
  /// From the activation to the residual stream.
  void backward_gate_up(std::size_t layer, const Tape& tape, const RowChunk& chunk,
                        std::size_t index, const at::Tensor& grad_h_MI, const at::Tensor& grad,
                        MlpGradients& gradients);
  void add_mlp_gradients(std::size_t layer, const MlpGradients& gradients);
  /// Output projection. @return gradient of the attention's output.
  at::Tensor backward_output(std::size_t layer, const Tape& tape, const at::Tensor& grad);
  void backward_attention(std::size_t layer, Tape& tape, const at::Tensor& grad_attended,
                          at::Tensor& grad);
  /// But for what it writes.
  RopeBackwardArgs rope_backward_args(const TrainLayer& weights, const Projection& projection,
                                      const Tape& tape, const std::array<at::Tensor, 3>& grad_qkv,
                                      std::size_t index) const;
  /// Gradients of heads to those of the projection's weights and, added, of its residual rows.
  void backward_projection(const TrainLayer& weights, const Projection& projection,
                           const Tape& tape, const std::array<at::Tensor, 3>& grad_qkv,
                           at::Tensor& grad);
  void backward_embeddings(const at::Tensor& grad);

  /// GateRegularizer::reads_layer_inputs: the layer's MLP up to its gates on the layer's input.
  void count_input_gates(std::size_t layer, const Tape& tape);
  /// Adds to the gates' gradients and, where anything below is trained, to `grad`.
  void backward_input_gates(std::size_t layer, const Tape& tape, at::Tensor& grad);
  at::Tensor input_gate_up(std::size_t layer, const Tape& tape, const RowChunk& chunk) const;

  /// Adds a norm's input gradient to `grad`, and its weight's to the chunk's row of `sums`.
  void backward_norm(const at::Tensor& residual, const RowChunk& chunk, const NormWeight& norm,
                     const at::Tensor& grad_ME, const at::Tensor& grad, const at::Tensor& sum_E);
  /// [chunks, size] of zeros where the norm is trained.
  at::Tensor norm_sums(const NormWeight& norm, std::size_t chunks, std::int64_t size) const;
  static at::Tensor sums_of_chunk(const at::Tensor& sums, std::size_t index) {
    return sums.defined() ? sums[static_cast<std::int64_t>(index)] : sums;
  }
  void add_norm_gradient(const NormWeight& norm, const at::Tensor& sums);

  at::Tensor normalized(const at::Tensor& residual, const RowChunk& chunk, const NormWeight& norm);
  void normalize_into(const at::Tensor& residual, const RowChunk& chunk, const NormWeight& norm,
                      const at::Tensor& out);
  void activate(const at::Tensor& gate_up, const RowChunk& chunk, const at::Tensor& out) const;

  at::Tensor rows_buffer(std::int64_t rows, std::int64_t width, at::ScalarType type) const;
  at::Tensor head_buffer(std::int64_t heads, std::int64_t rows, at::ScalarType type) const;
  /// body(chunk, index of the chunk), in parallel.
  template <class Body>
  void for_chunks(const std::vector<RowChunk>& chunks, const Body& body) const {
    backend_.parallel_for(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t index) {
      auto i = static_cast<std::size_t>(index);
      body(chunks[i], i);
    });
  }

  const TrainDecoder& decoder_;
  const ModelConfig& config_;
  const Backend& backend_;
  ParameterSet& parameters_;
  DeviceBatch batch_;
  GateRegularizer gates_;
  bool checkpoints_;
  std::vector<RowChunk> token_chunks_, read_chunks_;
  at::Tensor read_positions_;
  std::vector<Tape> tapes_;
  at::Tensor final_RE_;              ///< residual stream after the last layer
  std::vector<GateSums> gate_sums_;  ///< [layer]
  GateSums input_gate_sums_;
};

}  // namespace midpo
