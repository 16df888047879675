// SPDX-License-Identifier: Apache-2.0
// One forward pass: the buffers of a call and the steps over them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "models/backend.h"
#include "models/decoder.h"
#include "models/row_chunks.h"

namespace midpo {

/// Between two attention calls everything is computed for one chunk of rows before the next, so
/// that a chunk's activations stay in the caches; chunks are shared out among the calling thread's
/// share of threads (set_thread_share). The last layer computes keys and values of all
/// tokens, and all else for the tokens that are read. With a KvCache, keys and values are written
/// to it and read from it, and outlive the pass.
class DecoderPass {
 public:
  DecoderPass(const Decoder& decoder, const PackedBatch& batch, const PassOptions& options);

  at::Tensor run();

 private:
  void embed();
  at::Tensor normalize(const at::Tensor& residual_TE, const RowChunk& chunk,
                       const at::Tensor& delta_ME, const at::Tensor& weight_E);
  /// Norm, projection and rotation of one chunk; `delta_ME` is the layer below's last sum.
  void project(std::size_t layer, const RowChunk& chunk, const at::Tensor& delta_ME);
  /// What a projection holds besides nothing: queries, keys and values, or all.
  struct Parts {
    bool has_q;
    bool has_kv;
  };
  void rotate(std::size_t layer, const at::Tensor& projected, const RowChunk& chunk,
              const at::Tensor& positions, Parts parts);
  RopeArgs rope_args(std::size_t layer, const at::Tensor& projected, const at::Tensor& positions,
                     Parts parts) const;
  void attend(std::size_t layer, Queries queries);
  /// Attention output to the MLP's output, which is not yet added to the residual stream.
  at::Tensor finish_layer(std::size_t layer, const at::Tensor& residual_TE, const RowChunk& chunk);
  at::Tensor finish_reads();
  void note_gates(std::size_t layer, const at::Tensor& activation_MI, std::int64_t rows);

  std::vector<RowChunk> chunks_of(std::int64_t rows) const;
  void for_chunks(const std::vector<RowChunk>& chunks,
                  const std::function<void(const RowChunk&)>& body) const;
  const at::Tensor& keys(std::size_t layer) const;
  const at::Tensor& values(std::size_t layer) const;
  at::Tensor head_buffer(std::int64_t heads, std::int64_t rows) const;
  at::Tensor buffer(std::int64_t rows, std::int64_t width, at::ScalarType type) const;
  bool is_last(std::size_t layer) const { return layer + 1 == decoder_.weights().layers.size(); }

  const Decoder& decoder_;
  const PassOptions options_;
  const ModelConfig& config_;
  const Backend& backend_;
  DType dtype_;
  DeviceBatch batch_;
  at::Tensor residual_TE_;       ///< fp32
  at::Tensor read_residual_RE_;  ///< fp32
  at::Tensor read_hidden_RE_;    ///< input of the last layer's query projection
  at::Tensor q_;                 ///< [H, T, D]; in the last layer its first R rows are the reads'
  at::Tensor k_, v_;             ///< [Hkv, T, D]; undefined with a cache
  at::Tensor attended_;          ///< [T, H D], or [R, H D] in the last layer
  /// Activations of the chunk that a thread is at.
  struct Scratch {
    at::Tensor hidden_ME, activation_MI;
  };
  std::vector<Scratch> scratch_;  ///< by thread
};

}  // namespace midpo
