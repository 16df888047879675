// SPDX-License-Identifier: Apache-2.0
// Models of one process on one base: frozen weights are in memory once, trained ones are nobody
// else's.
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/engine.h"
#include "models/training/decoder_learner.h"
#include "models/weight_pool.h"
#include "tests/models/export/small_parts.h"

namespace midpo {
namespace {

class SharedBaseTest : public ::testing::Test {
 protected:
  /// Weights that differ from row to row: of equal ones no gradient comes through the head.
  SharedBaseTest() {
    const std::string config = test::base_config();
    std::vector<float> values(1024);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(std::sin(static_cast<double>(i * i + 1)));
    }
    std::vector<TensorToWrite> tensors;
    for (const ExpectedTensor& tensor : expected_tensors(parse_model_config(config, "base"))) {
      if (tensor.is_optional) continue;
      const float* start = values.data() + 7 * tensors.size();
      tensors.push_back({tensor.name, StoredType::kFloat32, tensor.shape, start});
    }
    write_safetensors(parts_.file("base/model.safetensors"), tensors);
    WeightPool::instance().drop_unused();
  }

  ModelOptions model() const {
    ModelOptions options;
    options.path = parts_.file("base");
    options.dtype = DType::kFloat32;
    return options;
  }

  std::unique_ptr<Learner> open_expert() const {
    LearnerOptions options;
    options.model = model();
    options.lora = LoraOptions{2, 4.0, {"q_proj", "down_proj"}};
    return make_decoder_learner(options);
  }

  std::unique_ptr<Learner> open_whole() const {
    LearnerOptions options;
    options.objective = Objective::kSft;
    options.model = model();
    return make_decoder_learner(options);
  }

  static std::vector<double> scores_of(const Scorer& scorer) {
    const std::vector<RowTokens> rows = {RowTokens{{{1, 2, 3, 4, 5}, {1, 2, 6, 7, 8}}}};
    return scorer.score(rows).front();
  }

  /// @return the change of the loss.
  static double train(Learner& learner) {
    TrainingRow row;
    row.tokens.sequences = {{1, 2, 3, 4, 5}, {1, 2, 6, 7, 8}};
    if (learner.count(row).items == 0) {
      row.tokens.sequences.pop_back();
      row.trained = {{1, 5}};
    }
    const std::vector<TrainingRow> rows = {row};
    const BatchCount batch = learner.count(row);
    const double before = learner.evaluate(rows, batch).loss;
    for (int step = 0; step < 3; ++step) {
      learner.accumulate(rows, batch);
      learner.apply(0.1);
    }
    return learner.evaluate(rows, batch).loss - before;
  }

  static std::size_t pool_size() { return WeightPool::instance().size(); }

  test::SmallParts parts_;
};

TEST_F(SharedBaseTest, ASecondLearnerAddsNothing) {
  const auto first = open_expert();
  const std::size_t size = pool_size();
  EXPECT_GT(size, 0U);
  const auto second = open_expert();
  EXPECT_EQ(pool_size(), size);
}

TEST_F(SharedBaseTest, AScorerAndAGeneratorShareTheLearnersWeights) {
  const auto learner = open_expert();
  const std::size_t size = pool_size();
  const auto scorer = make_reference_engine(model());
  EXPECT_EQ(pool_size(), size);
  const auto generator = make_generation_engine(model());
  // Decoding reads each of the 2 * 4 + 1 projections and the head in a layout of its own.
  EXPECT_EQ(pool_size(), size + 10);
}

TEST_F(SharedBaseTest, IsDroppedWithItsLastUser) {
  {
    const auto learner = open_expert();
    WeightPool::instance().drop_unused();
    EXPECT_GT(pool_size(), 0U);
  }
  WeightPool::instance().drop_unused();
  EXPECT_EQ(pool_size(), 0U);
}

TEST_F(SharedBaseTest, TrainingAnAdapterLeavesItAsItWas) {
  const auto scorer = make_reference_engine(model());
  const std::vector<double> before = scores_of(*scorer);
  const auto expert = open_expert(), other = open_expert();
  EXPECT_LT(train(*expert), -1e-3);
  EXPECT_EQ(scores_of(*scorer), before);
  EXPECT_EQ(scores_of(*make_reference_engine(model())), before);
  EXPECT_EQ(train(*other), train(*open_expert()));
}

TEST_F(SharedBaseTest, AModelTrainedWholeHasWeightsOfItsOwn) {
  const auto scorer = make_reference_engine(model());
  const auto expert = open_expert();
  const std::vector<double> before = scores_of(*scorer);
  const std::size_t size = pool_size();
  const auto whole = open_whole();
  EXPECT_EQ(pool_size(), size);
  EXPECT_LT(train(*whole), -1e-3);
  EXPECT_EQ(scores_of(*scorer), before);
  EXPECT_EQ(scores_of(*make_reference_engine(model())), before);
  EXPECT_EQ(train(*expert), train(*open_expert()));
}

// As on accelerators, whose weights are not packed: another copy would be a model's worth.
TEST_F(SharedBaseTest, OnlyPackedWeightsAreThereTransposedToo) {
  const auto files = open_model_weights(parts_.file("base"), false);
  const std::vector<std::string> modules = {test::down_projection(0)};
  for (const char* device : {"cpu", "meta"}) {
    WeightPool::instance().drop_unused();
    const WeightReader reader(*files, {}, DType::kFloat32, at::Device(device),
                              LinearCalls::kBatches, "base");
    const FrozenLinear linear = reader.read_frozen_linear(modules, false);
    const FrozenLinear transposed = reader.read_transposed_linear(modules, linear);
    EXPECT_EQ(transposed.num_outputs(), linear.num_inputs());
    EXPECT_EQ(pool_size(), linear.is_packed() ? 2U : 1U) << device;
    EXPECT_EQ(linear.is_packed(), std::string(device) == "cpu");
  }
}

TEST_F(SharedBaseTest, ATiedHeadTakesAsMuchAsOneOfItsOwn) {
  constexpr std::int64_t kEmbeddings = 9 * 8, kLayer = 4 * 8 * 8 + 3 * 6 * 8 + 2 * 8;
  constexpr std::int64_t kValues = 2 * kEmbeddings + test::kLayers * kLayer + 8;
  for (const char* more : {"", R"(,"tie_word_embeddings":true)"}) {
    parts_.write_base(test::base_config(more));
    const MemoryNeed need = memory_need_of(model());
    EXPECT_EQ(need.weight_bytes, 4 * kValues) << more;
    EXPECT_EQ(need.transpose_bytes, 4 * (kValues - kEmbeddings)) << more;
  }
}

TEST(ParameterSet, TrainsACopyOfWhatItIsGiven) {
  const at::Tensor given = at::ones({3, 4});
  ParameterSet parameters;
  const ParameterSet::Handle handle = parameters.add("w", given, true);
  parameters.allocate(at::kCPU);
  parameters.value(handle).zero_();
  EXPECT_TRUE(at::equal(given, at::ones({3, 4})));
}

}  // namespace
}  // namespace midpo
