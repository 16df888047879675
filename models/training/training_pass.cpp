// SPDX-License-Identifier: Apache-2.0
// The forward pass. The backward pass is in training_pass_backward.cpp.
#include "models/training/training_pass.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "models/training/pass_steps.h"

namespace midpo {
namespace {

/// On CPUs: the same number of chunks whatever the rows, nearly equal, so that threads get equal
/// shares; more only where chunks would outgrow the caches, fewer where they would be tiny.
std::vector<RowChunk> cut_rows(const Backend& backend, std::int64_t rows) {
  constexpr std::int64_t kChunks = 8;
  constexpr std::int64_t kFewestRows = 64;
  const std::int64_t multiple = backend.row_multiple();
  if (!backend.device().is_cpu()) return row_chunks(rows, backend.rows_per_call(), multiple);
  const std::int64_t units = (rows + multiple - 1) / multiple;
  const std::int64_t most = backend.rows_per_call() / multiple;
  std::int64_t count = std::min(kChunks, std::max<std::int64_t>(1, rows / kFewestRows));
  count = round_up(std::max(count, (units + most - 1) / most), count);
  std::vector<RowChunk> chunks;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = units * i / count * multiple;
    const std::int64_t end = units * (i + 1) / count * multiple;
    if (begin < end) chunks.push_back({begin, std::min(end, rows) - begin, end - begin});
  }
  return chunks;
}

}  // namespace

TrainingPass::TrainingPass(const TrainDecoder& decoder, const PackedBatch& batch,
                           bool checkpoints_activations, GateRegularizer gates)
    : decoder_(decoder),
      config_(decoder.config),
      backend_(*decoder.backend),
      parameters_(*decoder.parameters),
      batch_(backend_.upload(batch, decoder.rope_frequencies)),
      gates_(std::move(gates)),
      checkpoints_(checkpoints_activations),
      token_chunks_(cut_rows(backend_, batch.num_tokens())),
      read_chunks_(cut_rows(backend_, batch.num_reads())),
      read_positions_(batch_.positions.index_select(0, batch_.read_rows)),
      tapes_(decoder.layers.size()),
      gate_sums_(decoder.layers.size()) {}

at::Tensor TrainingPass::forward() {
  embed();
  for (std::size_t layer = 0; layer < tapes_.size(); ++layer) {
    at::Tensor after = forward_layer(layer, tapes_[layer], true);
    if (gates_.reads_layer_inputs) count_input_gates(layer, tapes_[layer]);
    if (is_last(layer)) {
      final_RE_ = after;
    } else {
      tapes_[layer + 1].input_TE = after;
    }
    if (checkpoints_) {
      Tape kept;
      kept.input_TE = tapes_[layer].input_TE;
      tapes_[layer] = kept;
    }
  }
  at::Tensor hidden_RE = rows_buffer(final_RE_.size(0), config_.hidden_size, decoder_.type);
  for_chunks(read_chunks_, [&](const RowChunk& chunk, std::size_t) {
    normalize_into(final_RE_, chunk, decoder_.final_norm_E, hidden_RE);
  });
  return hidden_RE;
}

void TrainingPass::embed() {
  at::Tensor input = rows_buffer(batch_.host.num_tokens(), config_.hidden_size, at::kFloat);
  input.narrow(0, 0, batch_.host.num_tokens())
      .copy_(at::embedding(decoder_.embeddings(), batch_.ids));
  tapes_[0].input_TE = input;
}

at::Tensor TrainingPass::forward_layer(std::size_t layer, Tape& tape, bool counts_gates) {
  std::int64_t tokens = batch_.host.num_tokens();
  std::int64_t queries = is_last(layer) ? batch_.host.num_reads() : tokens;
  tape.query_RE = tape.input_TE;
  if (is_last(layer)) {
    tape.query_RE = rows_buffer(queries, config_.hidden_size, at::kFloat);
    tape.query_RE.narrow(0, 0, queries).copy_(tape.input_TE.index_select(0, batch_.read_rows));
  }
  tape.q = head_buffer(config_.num_heads, queries, decoder_.type);
  tape.k = head_buffer(config_.num_kv_heads, tokens, decoder_.type);
  tape.v = head_buffer(config_.num_kv_heads, tokens, decoder_.type);
  for (const Projection& projection : projections(layer, tape)) {
    project(decoder_.layers[layer], projection, tape);
  }
  tape.attended = rows_buffer(queries, config_.num_heads * config_.head_dim, decoder_.type);
  tape.log_sums = at::empty({config_.num_heads, queries}, tape.input_TE.options());
  backend_.attend_for_training(tape.q, tape.k, tape.v, batch_,
                               is_last(layer) ? Queries::kReads : Queries::kAll, tape.attended,
                               tape.log_sums);
  return finish_layer(layer, tape, counts_gates);
}

const std::vector<RowChunk>& TrainingPass::query_chunks(std::size_t layer) const {
  return is_last(layer) ? read_chunks_ : token_chunks_;
}

std::vector<TrainingPass::Projection> TrainingPass::projections(std::size_t layer,
                                                                const Tape& tape) const {
  const TrainLayer& weights = decoder_.layers[layer];
  if (!is_last(layer)) {
    return {{weights.qkv, tape.input_TE, token_chunks_, batch_.positions, true, true}};
  }
  return {{weights.q, tape.query_RE, read_chunks_, read_positions_, true, false},
          {weights.qkv, tape.input_TE, token_chunks_, batch_.positions, false, true}};
}

void TrainingPass::project(const TrainLayer& weights, const Projection& projection, Tape& tape) {
  bool keeps = config_.qk_norm;
  std::vector<at::Tensor>& kept = projection.has_kv ? tape.qkv : tape.last_q;
  if (keeps) kept.resize(projection.chunks.size());
  for_chunks(projection.chunks, [&](const RowChunk& chunk, std::size_t index) {
    at::Tensor hidden_ME = normalized(projection.residual, chunk, weights.input_norm_E);
    at::Tensor projected = projection.linear.forward(parameters_, hidden_ME);
    RopeArgs args;
    args.qkv = projected.const_data_ptr();
    args.positions = projection.positions.const_data_ptr<std::int32_t>() + chunk.begin;
    args.cos_sin = batch_.cos_sin.const_data_ptr<float>();
    at::Tensor q_norm = weights.q_norm_D.value(parameters_);
    at::Tensor k_norm = weights.k_norm_D.value(parameters_);
    args.q_norm = float_or_null(q_norm);
    args.k_norm = float_or_null(k_norm);
    args.q = row_pointer(tape.q[0], chunk.begin);
    args.k = row_pointer(tape.k[0], chunk.begin);
    args.v = row_pointer(tape.v[0], chunk.begin);
    args.q_head_stride = tape.q.stride(0);
    args.kv_head_stride = tape.k.stride(0);
    args.rows = chunk.rows;
    args.num_heads = projection.has_q ? config_.num_heads : 0;
    args.num_kv_heads = projection.has_kv ? config_.num_kv_heads : 0;
    args.head_dim = config_.head_dim;
    args.eps = static_cast<float>(config_.rms_norm_eps);
    args.dtype = dtype_of(decoder_.type);
    backend_.rope(args);
    if (keeps) kept[index] = projected;
  });
}

at::Tensor TrainingPass::finish_layer(std::size_t layer, Tape& tape, bool counts_gates) {
  const TrainLayer& weights = decoder_.layers[layer];
  const std::vector<RowChunk>& chunks = query_chunks(layer);
  std::int64_t rows = tape.query_RE.size(0);
  tape.middle_RE = at::empty_like(tape.query_RE);
  at::Tensor after = rows_buffer(rows, config_.hidden_size, at::kFloat);
  tape.gate_up.resize(chunks.size());
  std::vector<GateSums> sums(chunks.size());
  for_chunks(chunks, [&](const RowChunk& chunk, std::size_t index) {
    auto narrow = [&](const at::Tensor& all) {
      return all.narrow(0, chunk.begin, chunk.padded_rows);
    };
    narrow(tape.middle_RE).copy_(narrow(tape.query_RE));
    at::Tensor attention_ME = weights.o.forward(parameters_, narrow(tape.attended));
    at::Tensor hidden_ME =
        at::empty({chunk.padded_rows, config_.hidden_size}, attention_ME.options());
    add_and_normalize(backend_, decoder_, tape.middle_RE, chunk, attention_ME,
                      weights.attention_norm_E.value(parameters_), hidden_ME);
    tape.gate_up[index] = weights.gate_up.forward(parameters_, hidden_ME);
    at::Tensor activation_MI =
        at::empty({chunk.padded_rows, config_.intermediate_size}, attention_ME.options());
    activate(tape.gate_up[index], chunk, activation_MI);
    at::Tensor delta_ME = weights.down.forward(parameters_, activation_MI);
    if (weights.mixture) {
      weights.mixture->add_forward(activation_MI, delta_ME,
                                   gates_.row_weights_T.narrow(0, chunk.begin, chunk.rows),
                                   sums[index]);
    }
    narrow(after).copy_(narrow(tape.middle_RE));
    add_and_normalize(backend_, decoder_, after, chunk, delta_ME, at::Tensor(), at::Tensor());
  });
  for (const GateSums& chunk : sums) {
    if (counts_gates) gate_sums_[layer] += chunk;
  }
  return after;
}

at::Tensor TrainingPass::normalized(const at::Tensor& residual, const RowChunk& chunk,
                                    const NormWeight& norm) {
  at::Tensor out =
      at::empty({chunk.padded_rows, config_.hidden_size}, residual.options().dtype(decoder_.type));
  run_norm(backend_, decoder_, residual, chunk, norm.value(parameters_), out.mutable_data_ptr());
  return out;
}

void TrainingPass::normalize_into(const at::Tensor& residual, const RowChunk& chunk,
                                  const NormWeight& norm, const at::Tensor& out) {
  run_norm(backend_, decoder_, residual, chunk, norm.value(parameters_),
           row_pointer(out, chunk.begin));
}

void TrainingPass::activate(const at::Tensor& gate_up, const RowChunk& chunk,
                            const at::Tensor& out) const {
  SiluMulArgs args;
  args.gate_up = gate_up.const_data_ptr();
  args.out = out.mutable_data_ptr();
  args.rows = chunk.rows;
  args.dim = config_.intermediate_size;
  args.dtype = dtype_of(decoder_.type);
  backend_.silu_mul(args);
}

at::Tensor TrainingPass::rows_buffer(std::int64_t rows, std::int64_t width,
                                     at::ScalarType type) const {
  return at::zeros({round_up(rows, backend_.row_multiple()), width},
                   at::TensorOptions().dtype(type).device(backend_.device()));
}

at::Tensor TrainingPass::head_buffer(std::int64_t heads, std::int64_t rows,
                                     at::ScalarType type) const {
  return at::empty({heads, rows, config_.head_dim},
                   at::TensorOptions().dtype(type).device(backend_.device()));
}

}  // namespace midpo
