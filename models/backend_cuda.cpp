// SPDX-License-Identifier: Apache-2.0
// The CUDA device, built into libmidpo_cuda.so: loaded only for --device cuda:N.
#include <ATen/Context.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/record_function.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/headeronly/version.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "models/backend.h"
#include "models/exact_attention.h"
#include "models/kernels/cuda_kernels.h"
#include "models/rope_table.h"
#include "models/varlen_index.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

/// While it lives, ATen's flash attention sums the gradients of queries in a fixed order. The
/// setting is the process's: one thread at a time.
class FixedOrder {
 public:
  FixedOrder() : lock_(mutex()) { at::globalContext().setDeterministicAlgorithms(true, false); }
  ~FixedOrder() { at::globalContext().setDeterministicAlgorithms(false, false); }
  FixedOrder(const FixedOrder&) = delete;
  FixedOrder& operator=(const FixedOrder&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex shared;
    return shared;
  }
  std::lock_guard<std::mutex> lock_;
};

class CudaBackend final : public Backend {
 public:
  /// cuBLAS gives the same bits on several streams only with a workspace of its own for each.
  explicit CudaBackend(int index) : device_(at::kCUDA, static_cast<c10::DeviceIndex>(index)) {
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  }

  at::Device device() const override { return device_; }
  std::int64_t tile_tokens() const override { return 8 * kRowsPerCall; }
  // The GEMM library chooses a kernel by shape. With one shape only, and rows to fill it, a row's
  // bits do not depend on the batch.
  std::int64_t rows_per_call() const override { return kRowsPerCall; }
  std::int64_t row_multiple() const override { return kRowsPerCall; }

  std::string numerics() const override {
    cudaDeviceProp properties{};
    cudaGetDeviceProperties(&properties, device_.index());
    return "libtorch " + std::to_string(TORCH_VERSION_MAJOR) + "." +
           std::to_string(TORCH_VERSION_MINOR) + " cuda " + std::to_string(CUDART_VERSION) + " " +
           properties.name;
  }

  /// A stream of its own for each thread, and no reduced-precision shortcuts.
  void enter_thread() const override {
    static thread_local std::vector<std::pair<c10::Device, c10::cuda::CUDAStream>> streams;
    c10::cuda::set_device(device_.index());
    for (const auto& [device, stream] : streams) {
      if (device == device_) return c10::cuda::setCurrentCUDAStream(stream);
    }
    c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool(false, device_.index());
    streams.emplace_back(device_, stream);
    c10::cuda::setCurrentCUDAStream(stream);
  }

  double busy_seconds() const override {
    current_stream().synchronize();
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  }

  DeviceBatch upload(const PackedBatch& batch,
                     const std::vector<float>& frequencies) const override {
    DeviceBatch uploaded{batch, {}, {}, {}, {}, {}, {}, {}};
    uploaded.ids = to_device(batch.ids, at::kInt).to(at::kLong);
    uploaded.positions = to_device(batch.positions, at::kInt);
    uploaded.read_rows = to_device(batch.read_rows, at::kLong);
    if (!batch.cache_rows.empty()) uploaded.cache_rows = to_device(batch.cache_rows, at::kLong);
    uploaded.cos_sin = to_device(rope_cos_sin(frequencies, batch.num_positions), at::kFloat);
    uploaded.all = upload_index(build_varlen_index(batch.segments));
    uploaded.reads = upload_index(build_varlen_index(batch.read_segments));
    return uploaded;
  }

  void rms_norm(const RmsNormArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rms_norm");
    rms_norm_cuda(args, current_stream());
  }
  void rope(const RopeArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rope");
    rope_cuda(args, current_stream());
  }
  void silu_mul(const SiluMulArgs& args) const override {
    RECORD_USER_SCOPE("midpo::silu_mul");
    silu_mul_cuda(args, current_stream());
  }

  void log_softmax(const LogSoftmaxArgs& args) const override {
    RECORD_USER_SCOPE("midpo::log_softmax");
    auto bytes = args.num_targets * static_cast<std::int64_t>(sizeof(LogProbTarget));
    at::Tensor targets = at::from_blob(const_cast<LogProbTarget*>(args.targets), {bytes},
                                       at::TensorOptions().dtype(at::kByte))
                             .to(device_);
    at::Tensor log_probs =
        at::empty({args.num_targets}, at::TensorOptions().dtype(at::kFloat).device(device_));
    LogSoftmaxArgs on_device = args;
    on_device.targets = static_cast<const LogProbTarget*>(targets.const_data_ptr());
    on_device.out = log_probs.mutable_data_ptr<float>();
    log_softmax_cuda(on_device, current_stream());
    at::from_blob(args.out, {args.num_targets}, at::TensorOptions().dtype(at::kFloat))
        .copy_(log_probs);
  }

  void attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
              const DeviceBatch& batch, Queries queries, at::Tensor& out) const override {
    RECORD_USER_SCOPE("midpo::attend");
    const VarlenTables& tables = queries == Queries::kAll ? batch.all : batch.reads;
    at::Tensor q_THD = q.narrow(1, 0, tables.num_queries).transpose(0, 1);
    at::Tensor k_SHD = keys_of(k, tables);
    at::Tensor v_SHD = keys_of(v, tables);
    at::Tensor attended = q.scalar_type() == at::kFloat
                              ? attend_exact(q_THD, k_SHD, v_SHD, tables)
                              : std::get<0>(attend_flash(q_THD, k_SHD, v_SHD, tables));
    out.narrow(0, 0, tables.num_queries).copy_(attended.reshape({tables.num_queries, -1}));
  }

  void rms_norm_backward(const RmsNormBackwardArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rms_norm_backward");
    rms_norm_backward_cuda(args, current_stream());
  }
  void rope_backward(const RopeBackwardArgs& args) const override {
    RECORD_USER_SCOPE("midpo::rope_backward");
    rope_backward_cuda(args, current_stream());
  }
  void silu_mul_backward(const SiluMulBackwardArgs& args) const override {
    RECORD_USER_SCOPE("midpo::silu_mul_backward");
    silu_mul_backward_cuda(args, current_stream());
  }
  void softmax_gradient(const SoftmaxGradientArgs& args) const override {
    RECORD_USER_SCOPE("midpo::softmax_gradient");
    softmax_gradient_cuda(args, current_stream());
  }

  void attend_for_training(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const DeviceBatch& batch, Queries queries, at::Tensor& out,
                           at::Tensor& log_sums) const override {
    RECORD_USER_SCOPE("midpo::attend_for_training");
    if (q.scalar_type() == at::kFloat) {
      return exact_attention(q, k, v, segments_of(batch, queries), out, log_sums);
    }
    const VarlenTables& tables = queries == Queries::kAll ? batch.all : batch.reads;
    at::Tensor q_THD = q.narrow(1, 0, tables.num_queries).transpose(0, 1);
    auto [attended, sums] = attend_flash(q_THD, keys_of(k, tables), keys_of(v, tables), tables);
    out.narrow(0, 0, tables.num_queries).copy_(attended.reshape({tables.num_queries, -1}));
    log_sums.narrow(1, 0, tables.num_queries).copy_(sums);
  }

  void attend_backward(const AttentionGradients& tensors, const DeviceBatch& batch,
                       Queries queries) const override {
    RECORD_USER_SCOPE("midpo::attend_backward");
    const std::vector<AttentionSegment>& segments = segments_of(batch, queries);
    if (tensors.q.scalar_type() == at::kFloat) return exact_attention_backward(tensors, segments);
    const VarlenTables& tables = queries == Queries::kAll ? batch.all : batch.reads;
    at::Tensor q_THD = tensors.q.narrow(1, 0, tables.num_queries).transpose(0, 1);
    auto by_heads = [&](const at::Tensor& rows) {
      return rows.narrow(0, 0, tables.num_queries).reshape(q_THD.sizes());
    };
    at::Tensor unused = at::empty({2}, at::TensorOptions().dtype(at::kUInt64).device(device_));
    FixedOrder fixed_order;
    auto [grad_q, grad_k, grad_v] = at::_flash_attention_backward(
        by_heads(tensors.grad_out), q_THD, keys_of(tensors.k, tables), keys_of(tensors.v, tables),
        by_heads(tensors.out), tensors.log_sums.narrow(1, 0, tables.num_queries).contiguous(),
        tables.query_offsets, tables.key_offsets, tables.max_queries, tables.max_keys, 0.0, true,
        unused, unused, scale_of(q_THD));
    tensors.grad_q.narrow(1, 0, tables.num_queries).copy_(grad_q.transpose(0, 1));
    add_by_segments(grad_k, segments, tensors.grad_k);
    add_by_segments(grad_v, segments, tensors.grad_v);
  }

  void parallel_for(std::int64_t count,
                    const std::function<void(std::int64_t)>& body) const override {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  }

 private:
  static constexpr std::int64_t kRowsPerCall = 2048;

  c10::cuda::CUDAStream current_stream() const {
    return c10::cuda::getCurrentCUDAStream(device_.index());
  }

  /// The host copy may be freed at once: copies from pageable memory are staged before they return.
  template <class T>
  at::Tensor to_device(const std::vector<T>& values, at::ScalarType type) const {
    auto size = static_cast<std::int64_t>(values.size());
    return at::from_blob(const_cast<T*>(values.data()), {size}, at::TensorOptions().dtype(type))
        .to(device_);
  }

  VarlenTables upload_index(const VarlenIndex& index) const {
    return {to_device(index.key_rows, at::kLong),
            to_device(index.query_offsets, at::kInt),
            to_device(index.key_offsets, at::kInt),
            index.query_offsets.back(),
            index.max_queries,
            index.max_keys};
  }

  static const std::vector<AttentionSegment>& segments_of(const DeviceBatch& batch,
                                                          Queries queries) {
    return queries == Queries::kAll ? batch.host.segments : batch.host.read_segments;
  }

  static double scale_of(const at::Tensor& q_THD) {
    return 1.0 / std::sqrt(static_cast<double>(q_THD.size(2)));
  }

  static at::Tensor keys_of(const at::Tensor& rows, const VarlenTables& tables) {
    return rows.index_select(1, tables.key_rows).transpose(0, 1);
  }

  /// Adds gradients of gathered keys to those of the rows, segment by segment: rows of a shared
  /// prefix occur more than once, and the order of their sum must be fixed.
  static void add_by_segments(const at::Tensor& gathered_SHD,
                              const std::vector<AttentionSegment>& segments,
                              const at::Tensor& rows_HTD) {
    at::Tensor gathered_HSD = gathered_SHD.transpose(0, 1);
    std::int64_t begin = 0;
    auto add = [&](std::int64_t row, std::int64_t length) {
      rows_HTD.narrow(1, row, length).add_(gathered_HSD.narrow(1, begin, length));
      begin += length;
    };
    for (const AttentionSegment& segment : segments) {
      add(segment.prefix_begin, segment.prefix_length);
      add(segment.own_begin, segment.own_length);
    }
  }

  /// Output and log-sums. Causal masks of this kernel are aligned to the end of the keys.
  static std::pair<at::Tensor, at::Tensor> attend_flash(const at::Tensor& q_THD,
                                                        const at::Tensor& k_SHD,
                                                        const at::Tensor& v_SHD,
                                                        const VarlenTables& tables) {
    auto results = at::_flash_attention_forward(q_THD, k_SHD, v_SHD, tables.query_offsets,
                                                tables.key_offsets, tables.max_queries,
                                                tables.max_keys, 0.0, true, false, scale_of(q_THD));
    return {std::get<0>(results), std::get<1>(results)};
  }

  /// fp32: flash attention has 16-bit kernels only. This one wants as many kv heads as heads.
  static at::Tensor attend_exact(const at::Tensor& q_THD, const at::Tensor& k_SHD,
                                 const at::Tensor& v_SHD, const VarlenTables& tables) {
    constexpr std::int64_t kCausalFromTheEnd = 2;
    std::int64_t group = q_THD.size(1) / k_SHD.size(1);
    at::Tensor k_heads = k_SHD.repeat_interleave(group, 1);
    at::Tensor v_heads = v_SHD.repeat_interleave(group, 1);
    return std::get<0>(at::_efficient_attention_forward(q_THD.unsqueeze(0), k_heads.unsqueeze(0),
                                                        v_heads.unsqueeze(0), std::nullopt,
                                                        tables.query_offsets, tables.key_offsets,
                                                        tables.max_queries, tables.max_keys, 0.0,
                                                        kCausalFromTheEnd, false, scale_of(q_THD)))
        .squeeze(0);
  }

  c10::Device device_;
};

}  // namespace
}  // namespace midpo

namespace {

void require_device(int index) {
  const int count = c10::cuda::device_count();
  if (index < count) return;
  throw midpo::Error(midpo::ErrorCode::kDevice, "--device cuda:" + std::to_string(index) +
                                                    ": this machine has " + std::to_string(count) +
                                                    " usable CUDA devices; see nvidia-smi");
}

}  // namespace

// What libmidpo_cuda.so exports.

extern "C" __attribute__((visibility("default"))) void midpo_make_cuda_backend(
    int index, std::shared_ptr<const midpo::Backend>* backend) {
  require_device(index);
  *backend = std::make_shared<midpo::CudaBackend>(index);
}

extern "C" __attribute__((visibility("default"))) std::int64_t midpo_cuda_free_bytes(int index) {
  require_device(index);
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(index));
  std::size_t free = 0;
  std::size_t total = 0;
  const cudaError_t status = cudaMemGetInfo(&free, &total);
  if (status != cudaSuccess) {
    throw midpo::Error(midpo::ErrorCode::kDevice,
                       "cuda:" + std::to_string(index) +
                           " does not tell its free memory: " + cudaGetErrorString(status));
  }
  return static_cast<std::int64_t>(free);
}
