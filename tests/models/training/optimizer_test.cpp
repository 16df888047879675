// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "models/training/adamw.h"
#include "models/training/gates.h"
#include "models/training/random_init.h"

namespace midpo {
namespace {

constexpr double kRate = 1e-2;

const Backend& cpu() {
  static const std::shared_ptr<const Backend> backend = make_cpu_backend();
  return *backend;
}

double norm_of(const AdamW& optimizer) { return std::sqrt(optimizer.gradient_square_sum()); }

at::Tensor random(const char* name, std::vector<std::int64_t> shape) {
  return random_uniform(7, name, shape, 1.0);
}

TEST(RandomInit, DependsOnSeedAndNameOnly) {
  EXPECT_TRUE(at::equal(random_normal(1, "a", {5}, 1.0), random_normal(1, "a", {5}, 1.0)));
  EXPECT_FALSE(at::equal(random_normal(1, "a", {5}, 1.0), random_normal(1, "b", {5}, 1.0)));
  EXPECT_FALSE(at::equal(random_normal(1, "a", {5}, 1.0), random_normal(2, "a", {5}, 1.0)));
}

TEST(RandomInit, HasTheDeviationAskedFor) {
  const at::Tensor values = random_normal(3, "x", {40000}, 0.5);
  EXPECT_NEAR(values.std().item<double>(), 0.5, 0.01);
  EXPECT_NEAR(values.mean().item<double>(), 0.0, 0.01);
}

TEST(AdamW, FirstStepMovesEveryValueByTheRate) {
  ParameterSet parameters;
  const auto handle = parameters.add("w", at::zeros({3}), false);
  parameters.allocate(at::kCPU);
  AdamWOptions options;
  options.max_grad_norm = 0.0;
  AdamW optimizer(parameters, options, cpu());
  parameters.gradient(handle).copy_(random("g", {3}));
  const at::Tensor wanted = parameters.gradient(handle).sign().mul(-kRate);
  optimizer.step(kRate, norm_of(optimizer));
  EXPECT_TRUE(at::allclose(parameters.value(handle), wanted, 1e-4));
}

TEST(AdamW, ClearsGradientsAfterAStep) {
  ParameterSet parameters;
  const auto handle = parameters.add("w", at::zeros({3}), false);
  parameters.allocate(at::kCPU);
  AdamW optimizer(parameters, {}, cpu());
  parameters.gradient(handle).fill_(2.0);
  optimizer.step(kRate, norm_of(optimizer));
  EXPECT_EQ(parameters.gradients().abs().sum().item<float>(), 0.0F);
}

TEST(AdamW, DecaysOnlyWhatIsMarked) {
  ParameterSet parameters;
  const auto decays = parameters.add("w", random("w", {4}), true);
  const auto stays = parameters.add("b", random("w", {4}), false);
  parameters.allocate(at::kCPU);
  AdamWOptions options;
  options.weight_decay = 0.5;
  AdamW optimizer(parameters, options, cpu());
  optimizer.step(kRate, norm_of(optimizer));
  EXPECT_TRUE(at::equal(parameters.value(stays), random("w", {4})));
  EXPECT_TRUE(at::allclose(parameters.value(decays), random("w", {4}) * (1.0 - kRate * 0.5)));
}

TEST(Shard, PartsFollowEachOtherAndCoverAll) {
  for (const std::int64_t size : {0, 1, 63, 64, 65, 1000, 100'003}) {
    for (const int ranks : {1, 2, 3, 8}) {
      std::int64_t end = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Shard shard = shard_of(size, rank, ranks);
        EXPECT_EQ(shard.begin, end);
        EXPECT_GE(shard.size(), 0);
        end = shard.end;
      }
      EXPECT_EQ(end, size);
    }
  }
}

TEST(Shard, OverlapsWithWhatItHasInCommon) {
  const Shard shard{10, 20};
  EXPECT_EQ(shard.overlap({0, 15}).size(), 5);
  EXPECT_EQ(shard.overlap({15, 30}).begin, 15);
  EXPECT_EQ(shard.overlap({20, 30}).size(), 0);
  EXPECT_EQ(shard.overlap({0, 5}).size(), 0);
}

/// A model of two matrices that decay and two vectors that do not.
struct DenseModel {
  DenseModel() {
    handles = {parameters.add("a", random("a", {301, 203}), true),
               parameters.add("b", random("b", {77}), false),
               parameters.add("c", random("c", {129, 67}), true),
               parameters.add("d", random("d", {1001}), false)};
    parameters.allocate(at::kCPU);
  }
  void set_gradients(int step) {
    for (const auto handle : handles) {
      const at::Tensor gradient = parameters.gradient(handle);
      const std::string name = "g" + std::to_string(handle) + "." + std::to_string(step);
      gradient.copy_(random(name.c_str(), gradient.sizes().vec()));
    }
  }
  ParameterSet parameters;
  std::vector<ParameterSet::Handle> handles;
};

/// Moments over ranks: every rank updates its shard, and the shards together are the whole step.
TEST(AdamW, ShardsTogetherTakeTheWholeStepToTheBit) {
  AdamWOptions options;
  options.weight_decay = 0.1;
  options.max_grad_norm = 0.5;
  for (const int ranks : {2, 3, 5}) {
    DenseModel whole;
    AdamW optimizer(whole.parameters, options, cpu());
    std::vector<std::unique_ptr<DenseModel>> parts;
    std::vector<std::unique_ptr<AdamW>> optimizers;
    for (int rank = 0; rank < ranks; ++rank) {
      parts.push_back(std::make_unique<DenseModel>());
      const Shard shard = shard_of(whole.parameters.size(), rank, ranks);
      optimizers.push_back(
          std::make_unique<AdamW>(parts.back()->parameters, options, cpu(), shard));
      EXPECT_EQ(optimizers.back()->first_moments().numel(), shard.size());
    }
    for (int step = 0; step < 4; ++step) {
      whole.set_gradients(step);
      const double square_sum = optimizer.gradient_square_sum();
      optimizer.step(kRate, std::sqrt(square_sum));
      double sum_of_parts = 0.0;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i]->set_gradients(step);
        sum_of_parts += optimizers[i]->gradient_square_sum();
      }
      EXPECT_NEAR(sum_of_parts, square_sum, 1e-9 * square_sum);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        optimizers[i]->step(kRate, std::sqrt(square_sum));
      }
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const Shard& own = optimizers[i]->shard();
        const auto part_of = [&](const at::Tensor& all) {
          return all.narrow(0, own.begin, own.size());
        };
        EXPECT_TRUE(
            at::equal(part_of(parts[i]->parameters.values()), part_of(whole.parameters.values())));
        EXPECT_TRUE(
            at::equal(optimizers[i]->second_moments(), part_of(optimizer.second_moments())));
        for (const auto& other : parts) {
          part_of(other->parameters.values()).copy_(part_of(parts[i]->parameters.values()));
        }
      }
    }
  }
}

TEST(AdamW, AShardLeavesOtherValuesAlone) {
  DenseModel model;
  const at::Tensor before = model.parameters.values().clone();
  AdamW optimizer(model.parameters, {}, cpu(), {64, 128});
  model.set_gradients(0);
  optimizer.step(kRate, 1.0);
  const at::Tensor moved = (model.parameters.values() != before).nonzero();
  EXPECT_EQ(moved.min().item<std::int64_t>(), 64);
  EXPECT_EQ(moved.max().item<std::int64_t>(), 127);
  EXPECT_EQ(model.parameters.gradients().abs().sum().item<float>(), 0.0F);
}

/// The same matrix with its gradient written out, and as an outer product.
TEST(AdamW, OuterGradientsActAsIfWrittenOut) {
  ParameterSet parameters;
  const auto dense = parameters.add("dense", random("m", {300, 500}), false);
  const auto outer = parameters.add_outer("outer", random("m", {300, 500}));
  parameters.allocate(at::kCPU);
  AdamW optimizer(parameters, {}, cpu());
  for (int step = 0; step < 3; ++step) {
    const at::Tensor rows = random("rows", {300}).add(0.1 * step);
    const at::Tensor columns = random("columns", {500});
    parameters.gradient(dense).copy_(at::outer(rows, columns));
    parameters.set_outer_gradient(outer, rows.clone(), columns.clone());
    const double norm = norm_of(optimizer);
    const double wanted = std::sqrt(2.0) * at::outer(rows, columns).norm().item<double>();
    EXPECT_NEAR(norm, wanted, 1e-4 * wanted);
    optimizer.step(kRate, norm);
  }
  EXPECT_TRUE(at::allclose(parameters.value(dense), parameters.value(outer), 1e-5, 1e-6));
}

class Gate : public testing::Test {
 protected:
  static constexpr std::int64_t kInner = 6, kWidth = 4;

  Gate()
      : weights_{random("w1", {kWidth, kInner}), random("w2", {kInner, kWidth}),
                 random("w3", {1, kInner})},
        biases_{random("b1", {kWidth}), random("b2", {kInner}), random("b3", {1})},
        gate_(parameters_, "gate", weights_, biases_) {
    parameters_.allocate(at::kCPU);
    gate_.collapse(parameters_);
  }

  at::Tensor factored(const at::Tensor& h) const {
    at::Tensor z = h;
    for (std::size_t i = 0; i < 3; ++i) z = z.matmul(weights_[i].t()) + biases_[i];
    return z;
  }

  ParameterSet parameters_;
  std::array<at::Tensor, 3> weights_, biases_;
  FactoredGate gate_;
};

TEST_F(Gate, CollapsedGivesWhatItsFactorsGive) {
  const at::Tensor h = random("h", {10, kInner});
  const at::Tensor collapsed = h.matmul(gate_.weight_I()) + gate_.bias();
  EXPECT_TRUE(at::allclose(collapsed, factored(h).reshape({-1}), 1e-5, 1e-6));
}

/// One step of gradient descent on a factor moves z by what the gradient says.
TEST_F(Gate, GradientsOfFactorsAreThoseOfTheMapTheyMake) {
  const at::Tensor h = random("h", {kInner});
  gate_.gradient(parameters_).narrow(0, 0, kInner).copy_(h);
  gate_.gradient(parameters_).narrow(0, kInner, 1).fill_(1.0);
  gate_.expand_gradient(parameters_);
  constexpr double kDelta = 1e-3;
  for (const ParameterSet::Entry& entry : parameters_.entries()) {
    if (entry.kind == ParameterSet::Entry::Kind::kSlot) continue;
    const at::Tensor gradient = entry.kind == ParameterSet::Entry::Kind::kOuter
                                    ? at::outer(entry.outer_rows, entry.outer_columns)
                                    : entry.gradient.clone();
    at::Tensor value = entry.value;
    auto z_at = [&](double factor) {
      value.add_(gradient, factor * kDelta);
      gate_.collapse(parameters_);
      const double z = (h.dot(gate_.weight_I()) + gate_.bias()).item<double>();
      value.sub_(gradient, factor * kDelta);
      return z;
    };
    const double slope = (z_at(1.0) - z_at(-1.0)) / (2.0 * kDelta);
    const double wanted = gradient.square().sum().item<double>();
    EXPECT_NEAR(slope, wanted, 2e-3 * (1.0 + wanted)) << entry.name;
  }
}

}  // namespace
}  // namespace midpo
