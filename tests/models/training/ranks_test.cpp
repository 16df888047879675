// SPDX-License-Identifier: Apache-2.0
// What learners do with the other ranks, on ranks that are threads.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/training/gradient_sums.h"
#include "models/training/learner_state.h"
#include "models/training/sharded_arrays.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_ranks.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Writes down which parts of an array are summed, and when.
class NotingCollective final : public Collective {
 public:
  explicit NotingCollective(const float* data) : data_(data) {}
  int rank() const override { return 0; }
  int size() const override { return 2; }
  void start_sum(std::span<float> values) override {
    parts.emplace_back(values.data() - data_, values.size());
  }
  void start_sum_at(int, std::span<float>) override {}
  void start_copy_from(int, std::span<float>) override {}
  void finish() override {}
  std::string broadcast(const std::string& bytes, Patience) override { return bytes; }
  std::vector<std::string> gather(const std::string& bytes) override { return {bytes}; }
  void fail(const std::string&) override {}
  std::string problem() const override { return {}; }

  std::vector<std::pair<std::ptrdiff_t, std::size_t>> parts;

 private:
  const float* data_;
};

TEST(GradientSums, BeginWithWhatIsFinalAndWait) {
  std::vector<float> gradients(25);
  NotingCollective collective(gradients.data());
  GradientSums sums(collective, gradients, 10);
  sums.final_from(16);
  EXPECT_THAT(collective.parts, IsEmpty());
  sums.final_from(15);
  EXPECT_THAT(collective.parts, ElementsAre(std::pair(15, 10)));
  sums.final_from(3);
  EXPECT_EQ(collective.parts.size(), 2U);
  sums.final_from(0);
  EXPECT_THAT(collective.parts, ElementsAre(std::pair(15, 10), std::pair(5, 10), std::pair(0, 5)));
  sums.final_from(0);
  EXPECT_EQ(collective.parts.size(), 3U);
}

TEST(GradientSums, AreCutAlikeHoweverTheyBecomeFinal) {
  std::vector<float> gradients(1000);
  NotingCollective slow(gradients.data()), fast(gradients.data());
  GradientSums one_by_one(slow, gradients, 64), at_once(fast, gradients, 64);
  for (std::size_t begin = 1000; begin-- > 0;) one_by_one.final_from(begin);
  at_once.final_from(0);
  EXPECT_EQ(slow.parts, fast.parts);
}

TEST(ShardedArrays, SumAndSpread) {
  constexpr std::int64_t kSize = 1000;
  run_thread_ranks(3, [](const std::shared_ptr<Collective>& collective) {
    const at::Tensor array = at::arange(kSize, at::kFloat) * (collective->rank() + 1);
    start_shard_sums(*collective, array);
    collective->finish();
    copy_shards(*collective, array);
    EXPECT_TRUE(at::equal(array, at::arange(kSize, at::kFloat) * 6));
    EXPECT_EQ(sum_over_ranks(*collective, 0.5 * collective->rank()), 1.5);
  });
}

/// Values 0, 1, 2, ..., and moments that tell their places.
struct Trained {
  explicit Trained(const Shard& shard) {
    parameters.add("w", at::arange(kSize, at::kFloat), true);
    parameters.allocate(at::kCPU);
    optimizer = std::make_unique<AdamW>(parameters, AdamWOptions(), *backend, shard);
    const at::Tensor places = at::arange(shard.begin, shard.end, at::kFloat);
    optimizer->first_moments().copy_(places * 10);
    optimizer->second_moments().copy_(places * 100);
    optimizer->set_num_steps(7);
  }
  void forget() {
    parameters.values().zero_();
    optimizer->first_moments().zero_();
    optimizer->second_moments().zero_();
    optimizer->set_num_steps(0);
  }
  static constexpr std::int64_t kSize = 1000;
  std::shared_ptr<const Backend> backend = make_cpu_backend();
  ParameterSet parameters;
  std::unique_ptr<AdamW> optimizer;
};

TEST(LearnerState, OfSeveralRanksIsTheOneOfOne) {
  const TemporaryFolder folder;
  const Trained alone({0, Trained::kSize});
  save_learner_state(folder.file("alone"), alone.parameters, *alone.optimizer);
  run_thread_ranks(3, [&](const std::shared_ptr<Collective>& collective) {
    const Trained part(shard_of(Trained::kSize, collective->rank(), 3));
    const std::string path = collective->rank() == 0 ? folder.file("together") : "/nowhere/else";
    save_learner_state(path, part.parameters, *part.optimizer, {}, collective.get());
  });
  EXPECT_EQ(folder.read("together"), folder.read("alone"));
}

TEST(LearnerState, IsReadByRankZeroForAllRanks) {
  const TemporaryFolder folder;
  const Trained alone({0, Trained::kSize});
  const NamedState counts{"counts", at::arange(3, at::kDouble)};
  save_learner_state(folder.file("state"), alone.parameters, *alone.optimizer, {counts});
  for (const int size : {1, 4}) {
    run_thread_ranks(size, [&](const std::shared_ptr<Collective>& collective) {
      const Shard shard = shard_of(Trained::kSize, collective->rank(), size);
      Trained part(shard);
      part.forget();
      const NamedState found{"counts", at::zeros(3, at::kDouble)};
      const std::string path = collective->rank() == 0 ? folder.file("state") : "/nowhere/else";
      load_learner_state(path, part.parameters, *part.optimizer, {found},
                         size == 1 ? nullptr : collective.get());
      const auto own = [&](const at::Tensor& all) {
        return all.narrow(0, shard.begin, shard.size());
      };
      EXPECT_TRUE(at::equal(part.parameters.values(), alone.parameters.values()));
      EXPECT_TRUE(
          at::equal(part.optimizer->first_moments(), own(alone.optimizer->first_moments())));
      EXPECT_TRUE(
          at::equal(part.optimizer->second_moments(), own(alone.optimizer->second_moments())));
      EXPECT_TRUE(at::equal(found.values, counts.values));
      EXPECT_EQ(part.optimizer->num_steps(), 7);
    });
  }
}

TEST(LearnerState, ThatRankZeroCannotReadFailsAtAllRanks) {
  const TemporaryFolder folder;
  const Trained alone({0, Trained::kSize});
  save_learner_state(folder.file("state"), alone.parameters, *alone.optimizer);
  const NamedState missing{"missing", at::zeros(3, at::kDouble)};
  for (const bool is_there : {false, true}) {
    run_thread_ranks(3, [&](const std::shared_ptr<Collective>& collective) {
      Trained part(shard_of(Trained::kSize, collective->rank(), 3));
      const std::string path = folder.file(is_there ? "state" : "absent");
      const std::string text = error_text(ErrorCode::kCheckpoint, [&] {
        load_learner_state(path, part.parameters, *part.optimizer, {missing}, collective.get());
      });
      EXPECT_THAT(text, HasSubstr(collective->rank() == 0 ? path : "rank 0"));
      EXPECT_EQ(collective->gather("next").size(), 3U) << "the ranks are still together";
    });
  }
}

}  // namespace
}  // namespace midpo
