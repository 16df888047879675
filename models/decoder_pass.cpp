// SPDX-License-Identifier: Apache-2.0
#include "models/decoder_pass.h"

#include <ATen/Parallel.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstddef>

#include "models/generation/kv_cache.h"
#include "models/tensor_rows.h"

namespace midpo {
namespace {

/// Rows that another thread is worth waking for.
constexpr std::int64_t kRowsPerThread = 64;

/// Row `row` of the first head.
void* head_row(const at::Tensor& heads_HTD, std::int64_t row) {
  auto* bytes = static_cast<std::byte*>(heads_HTD.mutable_data_ptr());
  return bytes + row * heads_HTD.stride(1) * static_cast<std::int64_t>(heads_HTD.element_size());
}

std::size_t thread_index() { return static_cast<std::size_t>(at::get_thread_num()); }

/// A cache has the rotations of all positions already.
DeviceBatch upload(const Decoder& decoder, const PackedBatch& batch, KvCache* cache) {
  if (cache == nullptr) {
    return decoder.backend().upload(batch, decoder.weights().rope_frequencies);
  }
  DeviceBatch uploaded = decoder.backend().upload(batch, {});
  uploaded.cos_sin = cache->cos_sin(batch.num_positions);
  return uploaded;
}

}  // namespace

DecoderPass::DecoderPass(const Decoder& decoder, const PackedBatch& batch,
                         const PassOptions& options)
    : decoder_(decoder),
      options_(options),
      config_(decoder.config()),
      backend_(decoder.backend()),
      dtype_(decoder.weights().embeddings_VE.scalar_type() == at::kFloat ? DType::kFloat32
                                                                         : DType::kBFloat16),
      batch_(upload(decoder, batch, options.cache)) {
  std::int64_t tokens = batch.num_tokens();
  at::ScalarType type = scalar_type(dtype_);
  residual_TE_ = buffer(tokens, config_.hidden_size, at::kFloat);
  read_hidden_RE_ = buffer(batch.num_reads(), config_.hidden_size, type);
  q_ = head_buffer(config_.num_heads, tokens);
  if (options_.cache == nullptr) {
    k_ = head_buffer(config_.num_kv_heads, tokens);
    v_ = head_buffer(config_.num_kv_heads, tokens);
  }
  attended_ = buffer(tokens, config_.num_heads * config_.head_dim, type);
  std::int64_t chunk_rows = std::min(backend_.rows_per_call(), residual_TE_.size(0));
  for (int thread = 0; thread < at::get_num_threads(); ++thread) {
    scratch_.push_back({buffer(chunk_rows, config_.hidden_size, type),
                        buffer(chunk_rows, config_.intermediate_size, type)});
  }
}

at::Tensor DecoderPass::run() {
  if (options_.gates != nullptr) options_.gates->assign(decoder_.weights().layers.size(), {});
  embed();
  std::vector<RowChunk> chunks = chunks_of(batch_.host.num_tokens());
  for_chunks(chunks, [&](const RowChunk& chunk) { project(0, chunk, at::Tensor()); });
  for (std::size_t layer = 0; !is_last(layer); ++layer) {
    attend(layer, Queries::kAll);
    for_chunks(chunks, [&](const RowChunk& chunk) {
      project(layer + 1, chunk, finish_layer(layer, residual_TE_, chunk));
    });
  }
  return finish_reads();
}

void DecoderPass::embed() {
  residual_TE_.narrow(0, 0, batch_.host.num_tokens())
      .copy_(at::embedding(decoder_.weights().embeddings_VE, batch_.ids));
}

at::Tensor DecoderPass::normalize(const at::Tensor& residual_TE, const RowChunk& chunk,
                                  const at::Tensor& delta_ME, const at::Tensor& weight_E) {
  RmsNormArgs args;
  args.residual = static_cast<float*>(row_pointer(residual_TE, chunk.begin));
  args.delta = delta_ME.defined() ? delta_ME.const_data_ptr() : nullptr;
  args.weight = weight_E.const_data_ptr<float>();
  const at::Tensor& hidden_ME = scratch_[thread_index()].hidden_ME;
  args.out = hidden_ME.mutable_data_ptr();
  args.rows = chunk.rows;
  args.dim = config_.hidden_size;
  args.eps = static_cast<float>(config_.rms_norm_eps);
  args.dtype = dtype_;
  backend_.rms_norm(args);
  return hidden_ME.narrow(0, 0, chunk.padded_rows);
}

void DecoderPass::project(std::size_t layer, const RowChunk& chunk, const at::Tensor& delta_ME) {
  const DecoderLayer& weights = decoder_.weights().layers[layer];
  at::Tensor hidden_ME = normalize(residual_TE_, chunk, delta_ME, weights.input_norm_E);
  at::Tensor positions = batch_.positions.narrow(0, chunk.begin, chunk.rows);
  rotate(layer, weights.qkv(hidden_ME, options_.use), chunk, positions, {!is_last(layer), true});
  if (!is_last(layer)) return;
  const std::vector<std::int64_t>& reads = batch_.host.read_rows;
  auto first = std::lower_bound(reads.begin(), reads.end(), chunk.begin) - reads.begin();
  auto last =
      std::lower_bound(reads.begin(), reads.end(), chunk.begin + chunk.rows) - reads.begin();
  at::Tensor rows = batch_.read_rows.narrow(0, first, last - first).sub(chunk.begin);
  read_hidden_RE_.narrow(0, first, last - first).copy_(hidden_ME.index_select(0, rows));
}

RopeArgs DecoderPass::rope_args(std::size_t layer, const at::Tensor& projected,
                                const at::Tensor& positions, Parts parts) const {
  const DecoderLayer& weights = decoder_.weights().layers[layer];
  RopeArgs args;
  args.qkv = projected.const_data_ptr();
  args.positions = positions.const_data_ptr<std::int32_t>();
  args.cos_sin = batch_.cos_sin.const_data_ptr<float>();
  args.q_norm = float_or_null(weights.q_norm_D);
  args.k_norm = float_or_null(weights.k_norm_D);
  args.q_head_stride = q_.stride(0);
  args.kv_head_stride = keys(layer).stride(0);
  args.num_heads = parts.has_q ? config_.num_heads : 0;
  args.num_kv_heads = parts.has_kv ? config_.num_kv_heads : 0;
  args.head_dim = config_.head_dim;
  args.eps = static_cast<float>(config_.rms_norm_eps);
  args.dtype = dtype_;
  return args;
}

void DecoderPass::rotate(std::size_t layer, const at::Tensor& projected, const RowChunk& chunk,
                         const at::Tensor& positions, Parts parts) {
  RopeArgs args = rope_args(layer, projected, positions, parts);
  args.rows = chunk.rows;
  args.q = head_row(q_, chunk.begin);
  if (parts.has_kv && batch_.cache_rows.defined()) {
    args.kv_rows = batch_.cache_rows.const_data_ptr<std::int64_t>() + chunk.begin;
    args.k = head_row(keys(layer), 0);
    args.v = head_row(values(layer), 0);
  } else if (parts.has_kv) {
    args.k = head_row(keys(layer), chunk.begin);
    args.v = head_row(values(layer), chunk.begin);
  }
  backend_.rope(args);
}

void DecoderPass::attend(std::size_t layer, Queries queries) {
  backend_.attend(q_, keys(layer), values(layer), batch_, queries, attended_);
}

at::Tensor DecoderPass::finish_layer(std::size_t layer, const at::Tensor& residual_TE,
                                     const RowChunk& chunk) {
  const DecoderLayer& weights = decoder_.weights().layers[layer];
  at::Tensor attended_ME =
      weights.o(attended_.narrow(0, chunk.begin, chunk.padded_rows), options_.use);
  at::Tensor hidden_ME = normalize(residual_TE, chunk, attended_ME, weights.attention_norm_E);
  at::Tensor gate_up = weights.gate_up(hidden_ME, options_.use);
  SiluMulArgs args;
  args.gate_up = gate_up.const_data_ptr();
  const at::Tensor& activation = scratch_[thread_index()].activation_MI;
  args.out = activation.mutable_data_ptr();
  args.rows = chunk.rows;
  args.dim = config_.intermediate_size;
  args.dtype = dtype_;
  backend_.silu_mul(args);
  at::Tensor activation_MI = activation.narrow(0, 0, chunk.padded_rows);
  if (options_.gates != nullptr) note_gates(layer, activation_MI, chunk.rows);
  return weights.down(activation_MI, options_.use);
}

void DecoderPass::note_gates(std::size_t layer, const at::Tensor& activation_MI,
                             std::int64_t rows) {
  auto values = decoder_.weights().layers[layer].down.gates(activation_MI);
  values.resize(static_cast<std::size_t>(rows));
  auto& noted = (*options_.gates)[layer];
  noted.insert(noted.end(), values.begin(), values.end());
}

at::Tensor DecoderPass::finish_reads() {
  const std::size_t layer = decoder_.weights().layers.size() - 1;
  const DecoderLayer& weights = decoder_.weights().layers[layer];
  std::int64_t num_reads = batch_.host.num_reads();
  read_residual_RE_ = buffer(num_reads, config_.hidden_size, at::kFloat);
  read_residual_RE_.narrow(0, 0, num_reads).copy_(residual_TE_.index_select(0, batch_.read_rows));
  at::Tensor positions = batch_.positions.index_select(0, batch_.read_rows);
  std::vector<RowChunk> chunks = chunks_of(num_reads);
  for (const RowChunk& chunk : chunks) {
    at::Tensor projected =
        weights.q(read_hidden_RE_.narrow(0, chunk.begin, chunk.padded_rows), options_.use);
    rotate(layer, projected, chunk, positions.narrow(0, chunk.begin, chunk.rows), {true, false});
  }
  attend(layer, Queries::kReads);
  for (const RowChunk& chunk : chunks) {
    at::Tensor delta_ME = finish_layer(layer, read_residual_RE_, chunk);
    at::Tensor hidden_ME =
        normalize(read_residual_RE_, chunk, delta_ME, decoder_.weights().final_norm_E);
    read_hidden_RE_.narrow(0, chunk.begin, chunk.padded_rows).copy_(hidden_ME);
  }
  return read_hidden_RE_;
}

std::vector<RowChunk> DecoderPass::chunks_of(std::int64_t rows) const {
  if (options_.use == LinearUse::kDecode) {
    return row_chunks(rows, kDecodeRows, decoder_.decode_row_multiple());
  }
  // As many for each thread, where there are enough rows.
  const std::int64_t num_threads = backend_.device().is_cpu() ? at::get_num_threads() : 1;
  const std::int64_t num_chunks = round_up(divide_up(rows, backend_.rows_per_call()), num_threads);
  const std::int64_t size =
      std::max(divide_up(rows, std::max<std::int64_t>(num_chunks, 1)), kRowsPerThread);
  return row_chunks(rows, std::min(size, backend_.rows_per_call()), backend_.row_multiple());
}

/// A decoding call shares out each operation instead, and gates are noted in order.
void DecoderPass::for_chunks(const std::vector<RowChunk>& chunks,
                             const std::function<void(const RowChunk&)>& body) const {
  if (options_.use == LinearUse::kDecode || options_.gates != nullptr) {
    for (const RowChunk& chunk : chunks) body(chunk);
    return;
  }
  backend_.parallel_for(static_cast<std::int64_t>(chunks.size()),
                        [&](std::int64_t i) { body(chunks[static_cast<std::size_t>(i)]); });
}

const at::Tensor& DecoderPass::keys(std::size_t layer) const {
  return options_.cache == nullptr ? k_ : options_.cache->keys_HSD(layer);
}

const at::Tensor& DecoderPass::values(std::size_t layer) const {
  return options_.cache == nullptr ? v_ : options_.cache->values_HSD(layer);
}

at::Tensor DecoderPass::head_buffer(std::int64_t heads, std::int64_t rows) const {
  return at::empty({heads, rows, config_.head_dim},
                   at::TensorOptions().dtype(scalar_type(dtype_)).device(backend_.device()));
}

at::Tensor DecoderPass::buffer(std::int64_t rows, std::int64_t width, at::ScalarType type) const {
  return at::zeros({round_up(rows, backend_.row_multiple()), width},
                   at::TensorOptions().dtype(type).device(backend_.device()));
}

}  // namespace midpo
