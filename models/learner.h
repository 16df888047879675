// SPDX-License-Identifier: Apache-2.0
// The interface through which actors and commands see what learns. No LibTorch header here: see
// engines.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/engines.h"
#include "runtime/core/collective.h"
#include "runtime/core/error.h"

namespace midpo {

/// What is trained, and by which loss (docs/method.md, section Losses).
enum class Objective {
  kSft,     ///< cross-entropy on answer tokens
  kReward,  ///< score model: which response is more helpful
  kCost,    ///< score model: which response is less safe, and whether each is
  kPairs,   ///< DPO and its relatives
  kRouter,  ///< the gates of the mixture, by DPO and a regulariser
};

/// The loss of a pair as a function of u = scale * (d_w - d_l) + TrainingRow::offset, where
/// d = policy - reference log-prob of a response.
enum class PairLossKind {
  kSigmoid,  ///< -log sigmoid(u); DPO, SPE-DPO, SafeDPO, MODPO differ by scale and offset
  kIpo,      ///< ((d_w - d_l) - 1 / (2 beta))^2 over mean log-probs per token (Azar et al. 2023)
  kHinge,    ///< max(0, 1 - u) (Zhao et al. 2023)
  kRobust,   ///< sigmoid loss unbiased under label flips with probability label_smoothing
};

struct TokenSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;  ///< exclusive
};

/// One row as a learner needs it; the same for every epoch.
struct TrainingRow {
  std::uint64_t row = 0;  ///< row id, for messages
  /// kSft: one sequence. kPairs, kRouter: chosen, rejected. kReward: better, worse. kCost: less
  /// safe, safer. Sequences of a pair differ.
  RowTokens tokens;
  std::vector<TokenSpan> trained;  ///< kSft: the tokens that are targets; ascending, begin >= 1
  /// kPairs, kRouter: reference log-prob sums, from t0 on, nats (Scorer of load_reference_model).
  double reference_chosen = 0.0;
  double reference_rejected = 0.0;
  double offset = 0.0;  ///< kPairs: see PairLossKind
  /// kCost: whether each sequence is labelled unsafe.
  bool is_first_unsafe = false;
  bool is_second_unsafe = false;
};

struct LoraOptions {
  std::int64_t rank = 16;
  double alpha = 32.0;
  std::vector<std::string> target_modules = {"down_proj"};  ///< last parts of module names
};

struct LearnerOptions {
  Objective objective = Objective::kPairs;
  ModelOptions model;  ///< base model; kReward, kCost: a language model or a score model
  std::optional<LoraOptions> lora;  ///< none: all weights are trained (kRouter: neither)
  std::string resume_adapter;       ///< start from this PEFT directory instead of a fresh adapter
  std::string safety_adapter, helpfulness_adapter;  ///< kRouter
  std::int64_t gate_width = 512;                    ///< kRouter
  double gate_regularizer = 1.0;                    ///< kRouter
  PairLossKind pair_loss = PairLossKind::kSigmoid;
  double beta = 0.1;
  double pair_scale = 0.0;  ///< factor of d_w - d_l; 0: beta
  double label_smoothing = 0.0;
  bool is_token_wise = false;        ///< kReward, kCost
  double score_regularizer = 0.001;  ///< kReward, kCost
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double adam_eps = 1e-8;
  double weight_decay = 0.0;   ///< not of norms, biases and adapters
  double max_grad_norm = 1.0;  ///< 0: no clipping
  bool checkpoints_activations = false;
  bool offloads_optimizer = false;  ///< moments in host memory
  bool is_published_compat = false;
  std::uint64_t seed = 42;
  std::int64_t num_threads = 0;            ///< of one step, CPU; 0: all cores
  std::int64_t bucket_kib = 4096;          ///< of gradients that are summed over ranks at once
  std::shared_ptr<Collective> collective;  ///< of the ranks that train this model; null: alone
};

/// What the means of a batch's losses are taken over; adds up over rows and ranks.
struct BatchCount {
  std::int64_t items = 0;   ///< rows; kSft: target tokens
  std::int64_t tokens = 0;  ///< real tokens of all sequences, shared prompts once per sequence

  BatchCount& operator+=(const BatchCount& other) {
    items += other.items;
    tokens += other.tokens;
    return *this;
  }
};

struct NamedNumber {
  std::string name;  ///< TRL's where it has one: loss, rewards/margins, ...
  double value = 0.0;
};

/// Sums over rows, so that reports of several calls and ranks add up.
struct LossReport {
  double loss = 0.0;              ///< sum of the rows' shares of the batch mean
  std::int64_t num_tokens = 0;    ///< packed tokens computed
  std::vector<NamedNumber> sums;  ///< each divided by BatchCount::items gives the mean

  LossReport& operator+=(const LossReport& other) {
    loss += other.loss;
    num_tokens += other.num_tokens;
    if (sums.empty()) {
      sums = other.sums;
    } else {
      for (std::size_t i = 0; i < other.sums.size(); ++i) sums[i].value += other.sums[i].value;
    }
    return *this;
  }
};

/// Bytes that a learner keeps from step to step.
struct LearnerMemory {
  std::uint64_t values = 0;  ///< fp32; packed copies in the compute dtype come on top
  std::uint64_t gradients = 0;
  std::uint64_t moments = 0;  ///< of the optimizer: with several ranks a share, or all of them
};

/// One model being trained, on one device. Not thread-safe: one thread owns it. A step is
/// accumulate() for each part of the batch, then apply(). Everything is a function of the options
/// and the calls: equal calls give equal bits.
///
/// With a collective the learner is one rank of several. Every rank makes the same calls, except
/// count() and export_weights(), each on its own rows; a step is then one accumulate(), of rows
/// that may be none, and one apply(). Parameters stay equal on all ranks.
class Learner {
 public:
  virtual ~Learner() = default;
  virtual const ModelInfo& info() const = 0;
  virtual std::int64_t num_trained_parameters() const = 0;

  virtual BatchCount count(const TrainingRow& row) const = 0;

  /// Adds the gradient of the rows' share of the batch's mean loss.
  /// @param batch sum of count() over the whole batch, all parts and ranks.
  /// @throws Error kData (names the row), kNumerics (loss not finite; names the rows),
  /// kOutOfMemory.
  virtual LossReport accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) = 0;

  /// What must hold before the first step of a new run, on some of its rows. kRouter: with gates at
  /// (0,0), (1,0) and (0,1) the mixture gives the log-probs of the base and of each expert.
  /// @throws Error(kNumerics) saying what differs.
  virtual void check_start(std::span<const TrainingRow> /*rows*/) {}

  /// kRouter: from here on it mixes these experts, adapters on the same modules and of the same
  /// ranks as those it was made with. The gates and their optimizer stay as they are.
  /// @throws Error(kCheckpoint), nothing changed.
  virtual void take_experts(const std::string& safety_adapter,
                            const std::string& /*helpfulness_adapter*/) {
    throw Error(ErrorCode::kInternal, safety_adapter + ": this learner mixes no experts");
  }

  /// The next step is the first of an epoch: what is recorded of an epoch begins anew.
  virtual void begin_epoch() {}

  /// The same numbers, nothing added.
  virtual LossReport evaluate(std::span<const TrainingRow> rows, const BatchCount& batch) = 0;

  /// Clips, takes one AdamW step and clears the gradients. @return the gradients' norm before
  /// clipping. @throws Error(kNumerics), nothing changed, if it is not finite.
  virtual double apply(double learning_rate) = 0;

  /// Parameters, moments and step count, exactly; of any number of ranks, whichever wrote the file.
  /// With a collective only rank 0 writes. @throws Error kStorage; kCheckpoint for a file that is
  /// damaged or of other parameters.
  virtual void save_state(const std::string& path) const = 0;
  virtual void load_state(const std::string& path) = 0;

  /// What users load: a PEFT directory, a Hugging Face model directory or a router directory.
  virtual void export_weights(const std::string& directory) const = 0;

  virtual LearnerMemory memory() const { return {}; }

  /// What is known to be wrong with its other ranks; empty: nothing. From any thread, at any time.
  virtual std::string problem() const { return {}; }

  /// FLOP/s of matrix products as its passes make them, measured now; 0: not known.
  virtual double measure_gemm_flops() const { return 0.0; }

  /// FLOPs of the least work for accumulate(): for the fraction-of-limit report.
  virtual double least_flops(std::span<const TrainingRow> rows) const = 0;
};

/// A learner without a model, for tests and overhead measurements: a linear function of hashed
/// tokens, trained by the same losses. Never reachable from a model path.
std::unique_ptr<Learner> make_stub_learner(const LearnerOptions& options);

}  // namespace midpo
