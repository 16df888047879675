// SPDX-License-Identifier: Apache-2.0
#include "models/generation/batch_generator.h"

#include <algorithm>
#include <utility>

#include "models/engine_errors.h"
#include "models/generation/sampler.h"
#include "models/kernels/bfloat16.h"
#include "models/packing.h"
#include "models/row_chunks.h"
#include "models/spin_team.h"
#include "models/tensor_rows.h"
#include "models/thread_share.h"

namespace midpo {
namespace {

constexpr std::int64_t kCacheBytes = std::int64_t{1} << 30;
constexpr std::int64_t kHostSequences = 32;
constexpr std::int64_t kDeviceSequences = 256;

std::vector<std::int32_t> distinct(std::vector<std::int32_t> tokens) {
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

/// A row of fp32 or bf16 on the host.
std::vector<float> float_row(const at::Tensor& matrix, std::int64_t row) {
  const auto size = static_cast<std::size_t>(matrix.size(1));
  if (matrix.scalar_type() == at::kFloat) {
    const auto* first = static_cast<const float*>(row_pointer(matrix, row));
    return {first, first + size};
  }
  const auto* source = static_cast<const BFloat16*>(row_pointer(matrix, row));
  std::vector<float> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = to_float(source[i]);
  return values;
}

GeneratorLimits with_defaults(GeneratorLimits limits, const Decoder& decoder) {
  const bool is_host = decoder.backend().device().is_cpu();
  if (limits.max_sequences == 0) {
    limits.max_sequences = is_host ? kHostSequences : kDeviceSequences;
  }
  if (limits.cache_tokens == 0) {
    const std::int64_t most = limits.max_sequences * decoder.config().max_positions;
    limits.cache_tokens = std::min(most, kCacheBytes / KvCache::bytes_per_row(decoder));
    limits.cache_tokens = std::max(limits.cache_tokens, decoder.config().max_positions);
  }
  if (limits.prefill_tokens == 0) limits.prefill_tokens = decoder.backend().tile_tokens();
  limits.num_threads = std::max<std::int64_t>(limits.num_threads, 1);
  return limits;
}

/// Prompts one after the other, each into its own rows of the cache; their last tokens are read.
PackedBatch pack_prompts(std::span<const std::shared_ptr<AdmittedPrompt>> prompts) {
  std::vector<RowTokens> rows;
  for (const auto& prompt : prompts) rows.push_back({{prompt->request.prompt}});
  PackedBatch batch = pack_for_scores(rows);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const RowRange range = prompts[i]->rows;
    batch.segments[i].own_begin = range.begin;
    batch.read_segments[i].own_begin = range.begin;
    for (std::int64_t j = 0; j < range.count; ++j) batch.cache_rows.push_back(range.begin + j);
  }
  return batch;
}

/// The last token of each sample, which attends to its prompt and to what it wrote before.
PackedBatch pack_last_tokens(std::span<const RunningSample> samples) {
  PackedBatch batch;
  for (const RunningSample& sample : samples) {
    const RowRange prompt = sample.prompt->rows;
    const std::int64_t position = prompt.count + sample.num_tokens - 1;
    AttentionSegment segment;
    segment.query_begin = batch.num_tokens();
    segment.num_queries = 1;
    segment.prefix_begin = prompt.begin;
    segment.prefix_length = prompt.count;
    segment.own_begin = sample.rows.begin;
    segment.own_length = sample.num_tokens;
    batch.segments.push_back(segment);
    batch.read_rows.push_back(batch.num_tokens());
    batch.cache_rows.push_back(sample.rows.begin + sample.num_tokens - 1);
    batch.ids.push_back(sample.last_token);
    batch.positions.push_back(static_cast<std::int32_t>(position));
    batch.num_positions = std::max(batch.num_positions, position + 1);
  }
  batch.read_segments = batch.segments;
  return batch;
}

}  // namespace

BatchGenerator::BatchGenerator(std::shared_ptr<const LanguageTrunk> model,
                               const GeneratorLimits& limits)
    : model_(std::move(model)),
      limits_(with_defaults(limits, model_->decoder())),
      cache_(model_->decoder(), limits_.cache_tokens),
      allocator_(limits_.cache_tokens) {}

std::int64_t BatchGenerator::rows_needed(const GenerationRequest& request) const {
  return static_cast<std::int64_t>(request.prompt.size()) +
         request.num_samples * request.max_new_tokens;
}

void BatchGenerator::submit(GenerationRequest request) {
  const ModelInfo& info = model_->model_info();
  const RowTokens row{{request.prompt}};
  check_rows({&row, 1}, info.vocab_size, info.max_positions);
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  require(length < info.max_positions, ErrorCode::kData,
          "the prompt has " + std::to_string(length) + " tokens, the model takes " +
              std::to_string(info.max_positions) + "; no position is left for a response");
  request.max_new_tokens = std::min(request.max_new_tokens, info.max_positions - length);
  if (rows_needed(request) > limits_.cache_tokens) {
    throw Error(ErrorCode::kData,
                "prompt and responses may take " + std::to_string(rows_needed(request)) +
                    " tokens, the cache holds " + std::to_string(limits_.cache_tokens) +
                    "; raise --kv-rows, or lower --max-new-tokens or --num-samples");
  }
  waiting_.push_back(std::move(request));
}

void BatchGenerator::cancel(std::uint64_t request, std::uint32_t sample) {
  for (RunningSample& running : running_) {
    if (running.prompt->request.id == request && running.index == sample) {
      running.is_finished = true;
    }
  }
  release_finished();
}

bool BatchGenerator::has_room(const GenerationRequest& request) const {
  const auto running = static_cast<std::int64_t>(running_.size());
  return running == 0 || running + request.num_samples <= limits_.max_sequences;
}

/// All rows a request may need, or none of them.
std::shared_ptr<AdmittedPrompt> BatchGenerator::reserve(const GenerationRequest& request,
                                                        std::vector<RunningSample>& samples) {
  std::vector<RowRange> taken;
  const auto take = [&](std::int64_t count) {
    const std::optional<RowRange> range = allocator_.take(count);
    if (range) taken.push_back(*range);
    return range.has_value();
  };
  bool fits = take(static_cast<std::int64_t>(request.prompt.size()));
  for (std::int64_t i = 0; fits && i < request.num_samples; ++i) {
    fits = take(request.max_new_tokens);
  }
  if (!fits) {
    for (RowRange range : taken) allocator_.give_back(range);
    return nullptr;
  }
  auto prompt = std::make_shared<AdmittedPrompt>();
  prompt->request = request;
  prompt->rows = taken.front();
  prompt->num_unfinished = request.num_samples;
  if (request.sampling.repetition_penalty != 1.0) {
    prompt->distinct_tokens = distinct(request.prompt);
  }
  for (std::int64_t i = 0; i < request.num_samples; ++i) {
    RunningSample sample;
    sample.prompt = prompt;
    sample.index = static_cast<std::uint32_t>(i);
    sample.rows = taken[static_cast<std::size_t>(i) + 1];
    sample.seen = prompt->distinct_tokens;
    samples.push_back(std::move(sample));
  }
  return prompt;
}

/// First come, first served: a long request at the front is not overtaken for ever.
std::vector<std::shared_ptr<AdmittedPrompt>> BatchGenerator::admit() {
  std::vector<std::shared_ptr<AdmittedPrompt>> prompts;
  std::int64_t num_tokens = 0;
  while (!waiting_.empty() && has_room(waiting_.front())) {
    num_tokens += static_cast<std::int64_t>(waiting_.front().prompt.size());
    if (!prompts.empty() && num_tokens > limits_.prefill_tokens) break;
    auto prompt = reserve(waiting_.front(), running_);
    if (prompt == nullptr) break;
    prompts.push_back(std::move(prompt));
    waiting_.pop_front();
  }
  return prompts;
}

std::vector<TokenEvent> BatchGenerator::step() {
  return guard_engine("generating with " + model_->path(), [&] {
    model_->decoder().backend().enter_thread();
    set_thread_share(static_cast<int>(limits_.num_threads));
    std::vector<TokenEvent> events;
    const std::size_t num_old = running_.size();
    const auto prompts = admit();
    const std::span<RunningSample> samples(running_);
    if (num_old > 0) decode(samples.first(num_old), events);
    if (!prompts.empty()) prefill(prompts, samples.subspan(num_old), events);
    release_finished();
    return events;
  });
}

void BatchGenerator::prefill(std::span<const std::shared_ptr<AdmittedPrompt>> prompts,
                             std::span<RunningSample> samples, std::vector<TokenEvent>& events) {
  PassOptions options;
  options.cache = &cache_;
  const at::Tensor hidden_RE = model_->decoder().read_hidden(pack_prompts(prompts), options);
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    rows.insert(rows.end(), static_cast<std::size_t>(prompts[i]->request.num_samples),
                static_cast<std::int64_t>(i));
  }
  choose(hidden_RE, rows, samples, events);
}

void BatchGenerator::decode(std::span<RunningSample> samples, std::vector<TokenEvent>& events) {
  PassOptions options;
  options.cache = &cache_;
  options.use = LinearUse::kDecode;
  std::vector<std::int64_t> rows(samples.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  with_spin_team([&] {
    const at::Tensor hidden_RE = model_->decoder().read_hidden(pack_last_tokens(samples), options);
    choose(hidden_RE, rows, samples, events);
  });
}

void BatchGenerator::choose(const at::Tensor& hidden_RE, std::span<const std::int64_t> rows,
                            std::span<RunningSample> samples,
                            std::vector<TokenEvent>& events) const {
  std::size_t next = 0;
  const std::int64_t multiple = model_->decoder().decode_row_multiple();
  for (const RowChunk& chunk : row_chunks(rows.back() + 1, kDecodeRows, multiple)) {
    const at::Tensor logits_MV =
        model_->lm_head()(hidden_RE.narrow(0, chunk.begin, chunk.padded_rows), LinearUse::kDecode)
            .to(at::kCPU);
    const std::size_t begin = next;
    while (next < rows.size() && rows[next] < chunk.begin + chunk.rows) ++next;
    const std::size_t first_event = events.size();
    events.resize(first_event + next - begin);
    spin_share(static_cast<std::int64_t>(next - begin), 1, [&](std::int64_t from, std::int64_t to) {
      for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
        events[first_event + i] =
            choose_token(float_row(logits_MV, rows[begin + i] - chunk.begin), samples[begin + i]);
      }
    });
  }
}

TokenEvent BatchGenerator::choose_token(std::vector<float> logits, RunningSample& sample) const {
  const GenerationRequest& request = sample.prompt->request;
  const std::vector<float> unchanged = request.wants_log_probs ? logits : std::vector<float>();
  const DrawName name{request.seed, request.id, sample.index,
                      static_cast<std::uint64_t>(sample.num_tokens)};
  const std::int32_t token = next_token(logits, sample.seen, request.sampling, name);
  if (token == kNoToken) {
    throw Error(ErrorCode::kNumerics,
                "request " + std::to_string(request.id) + ": " + model_->path() +
                    " gives NaN or Inf for token " + std::to_string(sample.num_tokens) +
                    " of the response; the weights are damaged, or too large for the dtype");
  }
  TokenEvent event{request.id, sample.index, token, 0.0F, FinishReason::kUnfinished};
  if (request.wants_log_probs) event.log_prob = log_prob_of(unchanged, token);
  sample.last_token = token;
  ++sample.num_tokens;
  const bool is_new = request.sampling.repetition_penalty != 1.0 &&
                      std::ranges::find(sample.seen, token) == sample.seen.end();
  if (is_new) sample.seen.push_back(token);
  if (std::ranges::find(request.stop_ids, token) != request.stop_ids.end()) {
    event.finish = FinishReason::kStop;
  } else if (sample.num_tokens == request.max_new_tokens) {
    event.finish = FinishReason::kLength;
  }
  sample.is_finished = event.finish != FinishReason::kUnfinished;
  return event;
}

void BatchGenerator::release_finished() {
  for (RunningSample& sample : running_) {
    if (!sample.is_finished) continue;
    allocator_.give_back(sample.rows);
    if (--sample.prompt->num_unfinished == 0) allocator_.give_back(sample.prompt->rows);
  }
  std::erase_if(running_, [](const RunningSample& sample) { return sample.is_finished; });
}

}  // namespace midpo
