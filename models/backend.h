// SPDX-License-Identifier: Apache-2.0
// Where a decoder computes: one device's memory, kernels and attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/batch.h"
#include "models/checkpoint/model_config.h"
#include "models/kernels/rms_norm.h"
#include "models/kernels/rms_norm_backward.h"
#include "models/kernels/rope.h"
#include "models/kernels/rope_backward.h"
#include "models/kernels/silu_mul.h"
#include "models/kernels/silu_mul_backward.h"
#include "models/kernels/softmax_gradient.h"

namespace midpo {

/// A VarlenIndex (varlen_index.h) on an accelerator.
struct VarlenTables {
  at::Tensor key_rows;       ///< int64
  at::Tensor query_offsets;  ///< int32 [segments + 1]
  at::Tensor key_offsets;    ///< int32 [segments + 1]
  std::int64_t num_queries = 0;
  std::int64_t max_queries = 0;
  std::int64_t max_keys = 0;
};

/// A packed batch with what a device needs of it.
struct DeviceBatch {
  const PackedBatch& host;
  at::Tensor ids;           ///< int64 [T]
  at::Tensor positions;     ///< int32 [T]
  at::Tensor read_rows;     ///< int64 [R]
  at::Tensor cache_rows;    ///< int64 [T], or undefined
  at::Tensor cos_sin;       ///< fp32 [positions, head_dim]
  VarlenTables all, reads;  ///< empty on CPUs
};

/// Which queries an attention call has: every token, or only those that are read.
enum class Queries { kAll, kReads };

/// One attention call of a training pass, and where the gradients go. Shapes as in
/// Backend::attend_for_training; what the forward call read and wrote.
struct AttentionGradients {
  at::Tensor q, k, v;
  at::Tensor out;       ///< [queries.., H D]
  at::Tensor grad_out;  ///< the same shape and dtype
  at::Tensor log_sums;  ///< fp32 [H, queries..]
  at::Tensor grad_q;    ///< fp32, of q's shape; written for the batch's queries
  at::Tensor grad_k;    ///< fp32, of k's shape; added to
  at::Tensor grad_v;    ///< fp32, of v's shape; added to
};

/// Stateless and thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual at::Device device() const = 0;
  virtual std::string numerics() const = 0;      ///< ModelInfo::numerics
  virtual std::int64_t tile_tokens() const = 0;  ///< ModelInfo::tile_tokens

  /// Rows that one linear call takes at most: what keeps its operands in the caches.
  virtual std::int64_t rows_per_call() const = 0;
  /// Linear calls have a multiple of this many rows; rows past the batch are computed and dropped.
  virtual std::int64_t row_multiple() const = 0;

  /// Called by every thread before it computes.
  virtual void enter_thread() const = 0;

  /// A clock of this thread's work on the device, after waiting for it: only differences count.
  virtual double busy_seconds() const = 0;

  virtual DeviceBatch upload(const PackedBatch& batch,
                             const std::vector<float>& frequencies) const = 0;

  virtual void rms_norm(const RmsNormArgs& args) const = 0;
  virtual void rope(const RopeArgs& args) const = 0;
  virtual void silu_mul(const SiluMulArgs& args) const = 0;
  virtual void log_softmax(const LogSoftmaxArgs& args) const = 0;

  /// q [H, queries.., D], k and v [Hkv, T, D], out [queries.., H D]; rows past the batch's queries
  /// are not touched.
  virtual void attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const DeviceBatch& batch, Queries queries, at::Tensor& out) const = 0;

  virtual void rms_norm_backward(const RmsNormBackwardArgs& args) const = 0;
  virtual void rope_backward(const RopeBackwardArgs& args) const = 0;
  virtual void silu_mul_backward(const SiluMulBackwardArgs& args) const = 0;
  /// On CPUs its rows are shared out as parallel_for() does.
  virtual void softmax_gradient(const SoftmaxGradientArgs& args) const = 0;

  /// attend() that also gives what attend_backward() needs.
  /// @param log_sums fp32 [H, queries..], written for the batch's queries
  virtual void attend_for_training(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const DeviceBatch& batch, Queries queries, at::Tensor& out,
                                   at::Tensor& log_sums) const = 0;

  virtual void attend_backward(const AttentionGradients& tensors, const DeviceBatch& batch,
                               Queries queries) const = 0;

  /// body(0) ... body(count - 1). On CPUs they run at once on the calling thread's share of threads
  /// (set_thread_share; one after enter_thread()), each of them on one; on accelerators in
  /// order.
  virtual void parallel_for(std::int64_t count,
                            const std::function<void(std::int64_t)>& body) const = 0;
};

std::shared_ptr<const Backend> make_cpu_backend();

}  // namespace midpo
