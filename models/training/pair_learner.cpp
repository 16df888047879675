// SPDX-License-Identifier: Apache-2.0
#include "models/training/pair_learner.h"

#include <algorithm>
#include <utility>

#include "models/packing.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

class PlainPairLearner final : public PairLearner {
 public:
  PlainPairLearner(const LearnerOptions& options, const OpenedModel& model,
                   const TrainedParts& parts)
      : PairLearner(options, model, parts) {
    finish();
  }
};

}  // namespace

PairLearner::PairLearner(const LearnerOptions& options, const OpenedModel& model,
                         const TrainedParts& parts)
    : LanguageLearner(options, model, parts) {
  loss_.kind = options.pair_loss;
  loss_.beta = options.beta;
  loss_.scale = options.pair_scale > 0.0 ? options.pair_scale : options.beta;
  loss_.label_smoothing = options.label_smoothing;
}

LossReport PairLearner::run(std::span<const TrainingRow> rows, const BatchCount& batch,
                            bool adds_gradients) {
  const std::vector<RowTokens> tokens = tokens_of(rows);
  const LogProbBatch packed = pack_pairs(tokens);
  const std::vector<std::array<double, 2>> reference = references(rows, packed);
  Forward forward = this->forward(packed, gates_of(tokens, packed, batch));
  const std::vector<PairSums> sums = sum_by_row(packed, forward.head.log_probs, rows.size());
  LossReport report;
  report.num_tokens = packed.batch.num_tokens();
  report.sums = {{"rewards/chosen", 0.0},     {"rewards/rejected", 0.0}, {"rewards/margins", 0.0},
                 {"rewards/accuracies", 0.0}, {"logps/chosen", 0.0},     {"logps/rejected", 0.0}};
  std::vector<std::array<float, 2>> slopes(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    slopes[i] = add_row(rows[i], sums[i], reference[i], batch, report);
  }
  add_gates(forward.pass, batch, adds_gradients, report);
  if (!adds_gradients) return report;
  std::vector<float> coefficients;
  for (const TokenPlace& place : packed.places) {
    coefficients.push_back(slopes[place.row][place.sequence]);
  }
  backward(forward, packed, coefficients);
  return report;
}

LogProbBatch PairLearner::pack_pairs(std::span<const RowTokens> tokens) const {
  return pack_for_log_probs(tokens, LogProbRange::kFromDifference);
}

std::vector<std::array<double, 2>> PairLearner::references(std::span<const TrainingRow> rows,
                                                           const LogProbBatch& /*packed*/) {
  std::vector<std::array<double, 2>> sums;
  for (const TrainingRow& row : rows) {
    sums.push_back({row.reference_chosen, row.reference_rejected});
  }
  return sums;
}

std::vector<PairSums> PairLearner::sum_by_row(const LogProbBatch& packed,
                                              const std::vector<float>& log_probs,
                                              std::size_t num_rows) {
  std::vector<PairSums> sums(num_rows);
  for (std::size_t i = 0; i < log_probs.size(); ++i) {
    const TokenPlace& place = packed.places[i];
    sums[place.row].log_probs[place.sequence] += static_cast<double>(log_probs[i]);
    ++sums[place.row].tokens[place.sequence];
  }
  return sums;
}

/// Adds a row's loss and metrics. @return derivatives by each of its log-probabilities.
std::array<float, 2> PairLearner::add_row(const TrainingRow& row, const PairSums& sums,
                                          const std::array<double, 2>& references,
                                          const BatchCount& batch, LossReport& report) const {
  std::array<double, 2> change = {sums.log_probs[0] - references[0],
                                  sums.log_probs[1] - references[1]};
  std::array<double, 2> weight = {1.0, 1.0};
  if (loss_.kind == PairLossKind::kIpo) {
    for (std::size_t k = 0; k < 2; ++k) {
      weight[k] = 1.0 / static_cast<double>(std::max<std::int64_t>(1, sums.tokens[k]));
    }
  }
  const double difference = weight[0] * change[0] - weight[1] * change[1];
  const PairLossValue value = pair_loss(loss_, difference, row.offset);
  require_finite_loss(value.loss, row);
  const double share = 1.0 / static_cast<double>(batch.items);
  report.loss += value.loss * share;
  const double chosen = loss_.beta * change[0];
  const double rejected = loss_.beta * change[1];
  report.sums[0].value += chosen;
  report.sums[1].value += rejected;
  report.sums[2].value += chosen - rejected;
  report.sums[3].value += chosen > rejected ? 1.0 : 0.0;
  report.sums[4].value += sums.log_probs[0];
  report.sums[5].value += sums.log_probs[1];
  return {static_cast<float>(value.slope * weight[0] * share),
          static_cast<float>(-value.slope * weight[1] * share)};
}

std::unique_ptr<Learner> make_pair_learner(const LearnerOptions& options) {
  const std::unique_ptr<OpenedModel> model = open_base(options);
  const LanguageParts named = language_parts(options, *model);
  std::unique_ptr<Learner> learner;
  if (options.is_published_compat) {
    learner = make_published_pair_learner(options, *model, named.parts);
  } else {
    learner = std::make_unique<PlainPairLearner>(options, *model, named.parts);
  }
  model->files->check_unchanged();
  return learner;
}

}  // namespace midpo
