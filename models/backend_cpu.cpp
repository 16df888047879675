// SPDX-License-Identifier: Apache-2.0
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <ATen/record_function.h>
#include <c10/core/InferenceMode.h>
#include <torch/headeronly/version.h>

#include <cmath>
#include <cstddef>
#include <ctime>

#include "models/backend.h"
#include "models/kernels/attention_backward.h"
#include "models/rope_table.h"
#include "models/spin_team.h"
#include "models/thread_share.h"

namespace midpo {
namespace {

template <class T>
at::Tensor copy_of(const std::vector<T>& values, at::ScalarType type) {
  auto size = static_cast<std::int64_t>(values.size());
  return at::from_blob(const_cast<T*>(values.data()), {size}, at::TensorOptions().dtype(type))
      .clone();
}

DType dtype_of(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kFloat ? DType::kFloat32 : DType::kBFloat16;
}

std::int64_t size_of(DType dtype) { return dtype == DType::kFloat32 ? 4 : 2; }

/// Null stays null.
const void* offset(const void* pointer, std::int64_t bytes) {
  return pointer == nullptr ? nullptr : static_cast<const std::byte*>(pointer) + bytes;
}
void* offset(void* pointer, std::int64_t bytes) {
  return pointer == nullptr ? nullptr : static_cast<std::byte*>(pointer) + bytes;
}

class CpuBackend final : public Backend {
 public:
  at::Device device() const override { return at::kCPU; }
  std::int64_t tile_tokens() const override { return 2048; }
  std::int64_t rows_per_call() const override { return 256; }
  std::int64_t row_multiple() const override { return 16; }

  std::string numerics() const override {
    std::string text = "libtorch " + std::to_string(TORCH_VERSION_MAJOR) + "." +
                       std::to_string(TORCH_VERSION_MINOR) + " ";
    text += cpu_isa_name(isa_);
    if (has_matrix_unit()) text += " amx";
    if (!at::hasMKLDNN()) text += " without onednn";
    return text;
  }

  /// LibTorch's kernels would spread one call over all cores; here one thread computes one call.
  /// The number of threads is a setting of each calling thread.
  void enter_thread() const override {
    static thread_local bool is_set = false;
    if (!is_set) set_thread_share(1);
    is_set = true;
  }

  /// Processor time: what other programs take from the machine does not count.
  double busy_seconds() const override {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  }

  DeviceBatch upload(const PackedBatch& batch,
                     const std::vector<float>& frequencies) const override {
    DeviceBatch uploaded{batch, {}, {}, {}, {}, {}, {}, {}};
    uploaded.ids = copy_of(batch.ids, at::kInt).to(at::kLong);
    uploaded.positions = copy_of(batch.positions, at::kInt);
    uploaded.read_rows = copy_of(batch.read_rows, at::kLong);
    if (!batch.cache_rows.empty()) uploaded.cache_rows = copy_of(batch.cache_rows, at::kLong);
    uploaded.cos_sin = copy_of(rope_cos_sin(frequencies, batch.num_positions), at::kFloat);
    return uploaded;
  }

  void rms_norm(const RmsNormArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rms_norm");
    const std::int64_t row_bytes = args.dim * size_of(args.dtype);
    share_rows(args.rows, [&](std::int64_t begin, std::int64_t end) {
      RmsNormArgs part = args;
      part.residual += begin * args.dim;
      part.delta = offset(args.delta, begin * row_bytes);
      part.out = offset(args.out, begin * row_bytes);
      part.rows = end - begin;
      rms_norm_cpu(part, isa_);
    });
  }

  void rope(const RopeArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rope");
    const std::int64_t head_bytes = args.head_dim * size_of(args.dtype);
    const std::int64_t num_heads = args.num_heads + 2 * args.num_kv_heads;
    share_rows(args.rows, [&](std::int64_t begin, std::int64_t end) {
      RopeArgs part = args;
      part.qkv = offset(args.qkv, begin * num_heads * head_bytes);
      part.positions += begin;
      part.q = offset(args.q, begin * head_bytes);
      if (args.kv_rows != nullptr) {
        part.kv_rows += begin;
      } else {
        part.k = offset(args.k, begin * head_bytes);
        part.v = offset(args.v, begin * head_bytes);
      }
      part.rows = end - begin;
      rope_cpu(part, isa_);
    });
  }

  void silu_mul(const SiluMulArgs& args) const override {
    RECORD_USER_SCOPE("midpo::silu_mul");
    const std::int64_t row_bytes = args.dim * size_of(args.dtype);
    share_rows(args.rows, [&](std::int64_t begin, std::int64_t end) {
      SiluMulArgs part = args;
      part.gate_up = offset(args.gate_up, begin * 2 * row_bytes);
      part.out = offset(args.out, begin * row_bytes);
      part.rows = end - begin;
      silu_mul_cpu(part, isa_);
    });
  }

  void log_softmax(const LogSoftmaxArgs& args) const override {
    RECORD_USER_SCOPE("midpo::log_softmax");
    log_softmax_cpu(args, isa_);
  }

  void attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
              const DeviceBatch& batch, Queries queries, at::Tensor& out) const override {
    RECORD_USER_SCOPE("midpo::attend");
    attend_heads(attention_args(q, k, v, segments_of(batch, queries), out));
  }

  void rms_norm_backward(const RmsNormBackwardArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rms_norm_backward");
    rms_norm_backward_cpu(args, isa_);
  }
  void rope_backward(const RopeBackwardArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rope_backward");
    rope_backward_cpu(args, isa_);
  }
  void silu_mul_backward(const SiluMulBackwardArgs& args) const override {
    RECORD_USER_SCOPE("midpo::silu_mul_backward");
    silu_mul_backward_cpu(args, isa_);
  }
  /// Rows are independent: any division among threads gives the same bits.
  void softmax_gradient(const SoftmaxGradientArgs& args) const override {
    RECORD_USER_SCOPE("midpo::softmax_gradient");
    std::int64_t row_bytes = args.vocab * (args.dtype == DType::kFloat32 ? 4 : 2);
    at::parallel_for(0, args.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      SoftmaxGradientArgs part = args;
      part.logits = static_cast<std::byte*>(args.logits) + begin * row_bytes;
      part.tokens = args.tokens + begin;
      part.weights = args.weights == nullptr ? nullptr : args.weights + begin;
      part.log_probs = args.log_probs + begin;
      part.rows = end - begin;
      softmax_gradient_cpu(part, isa_);
    });
  }

  void attend_for_training(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const DeviceBatch& batch, Queries queries, at::Tensor& out,
                           at::Tensor& log_sums) const override {
    RECORD_USER_SCOPE("midpo::attend_for_training");
    AttentionArgs args = attention_args(q, k, v, segments_of(batch, queries), out);
    args.log_sums = log_sums.mutable_data_ptr<float>();
    args.log_sum_stride = log_sums.stride(0);
    attend_heads(args);
  }

  void attend_backward(const AttentionGradients& tensors, const DeviceBatch& batch,
                       Queries queries) const override {
    RECORD_USER_SCOPE("midpo::attend_backward");
    AttentionBackwardArgs args = backward_args(tensors, segments_of(batch, queries));
    at::parallel_for(0, args.num_kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      AttentionBackwardArgs part = args;
      part.first_kv_head = begin;
      part.end_kv_head = end;
      attention_backward_cpu(part, isa_);
    });
  }

  void parallel_for(std::int64_t count,
                    const std::function<void(std::int64_t)>& body) const override {
    const bool is_inference = c10::InferenceMode::is_enabled();
    at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
      c10::InferenceMode as_caller(is_inference);  // other threads have a mode of their own
      for (std::int64_t i = begin; i < end; ++i) body(i);
    });
  }

 private:
  using Segments = std::vector<AttentionSegment>;

  static const Segments& segments_of(const DeviceBatch& batch, Queries queries) {
    return queries == Queries::kAll ? batch.host.segments : batch.host.read_segments;
  }

  static float scale_of(const at::Tensor& q) {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(q.size(2))));
  }

  static AttentionArgs attention_args(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                      const Segments& segments, at::Tensor& out) {
    AttentionArgs args;
    args.q = q.const_data_ptr();
    args.k = k.const_data_ptr();
    args.v = v.const_data_ptr();
    args.out = out.mutable_data_ptr();
    args.segments = segments.data();
    args.num_segments = static_cast<std::int64_t>(segments.size());
    args.q_head_stride = q.stride(0);
    args.kv_head_stride = k.stride(0);
    args.num_heads = q.size(0);
    args.num_kv_heads = k.size(0);
    args.head_dim = q.size(2);
    args.scale = scale_of(q);
    args.dtype = dtype_of(q);
    return args;
  }

  static AttentionBackwardArgs backward_args(const AttentionGradients& tensors,
                                             const Segments& segments) {
    AttentionBackwardArgs args;
    args.q = tensors.q.const_data_ptr();
    args.k = tensors.k.const_data_ptr();
    args.v = tensors.v.const_data_ptr();
    args.out = tensors.out.const_data_ptr();
    args.grad_out = tensors.grad_out.const_data_ptr();
    args.log_sums = tensors.log_sums.const_data_ptr<float>();
    args.log_sum_stride = tensors.log_sums.stride(0);
    args.grad_q = tensors.grad_q.mutable_data_ptr<float>();
    args.grad_k = tensors.grad_k.mutable_data_ptr<float>();
    args.grad_v = tensors.grad_v.mutable_data_ptr<float>();
    args.segments = segments.data();
    args.num_segments = static_cast<std::int64_t>(segments.size());
    args.q_head_stride = tensors.q.stride(0);
    args.kv_head_stride = tensors.k.stride(0);
    args.num_heads = tensors.q.size(0);
    args.num_kv_heads = tensors.k.size(0);
    args.head_dim = tensors.q.size(2);
    args.scale = scale_of(tensors.q);
    args.dtype = dtype_of(tensors.q);
    return args;
  }

  /// The team of a decoding step takes rows each; elsewhere a chunk of rows is one thread's.
  static void share_rows(std::int64_t rows,
                         const std::function<void(std::int64_t, std::int64_t)>& body) {
    if (has_spin_team()) {
      spin_share(rows, 1, body);
    } else {
      body(0, rows);
    }
  }

  /// Heads are independent: any division among threads gives the same bits.
  void attend_heads(const AttentionArgs& args) const {
    spin_share(args.num_kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      AttentionArgs part = args;
      part.first_kv_head = begin;
      part.end_kv_head = end;
      attention_cpu(part, isa_);
    });
  }

  CpuIsa isa_ = best_cpu_isa();
};

}  // namespace

std::shared_ptr<const Backend> make_cpu_backend() { return std::make_shared<CpuBackend>(); }

}  // namespace midpo
