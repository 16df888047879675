// SPDX-License-Identifier: Apache-2.0
#include "runtime/store/shared_store.h"

#include <mutex>
#include <utility>

namespace midpo {
namespace {

class SharedStore final : public RunStore {
 public:
  explicit SharedStore(std::shared_ptr<RunStore> store) : store_(std::move(store)) {}

  std::string plan() const override {
    const std::lock_guard lock(mutex_);
    return store_->plan();
  }
  void record_plan(std::string_view plan_json) override {
    const std::lock_guard lock(mutex_);
    store_->record_plan(plan_json);
  }
  std::uint32_t model_id(std::string_view identity, std::string_view description) override {
    const std::lock_guard lock(mutex_);
    return store_->model_id(identity, description);
  }
  void put_scores(std::uint32_t model, std::span<const StoredScore> scores) override {
    const std::lock_guard lock(mutex_);
    store_->put_scores(model, scores);
  }
  std::vector<std::optional<std::vector<double>>> find_scores(
      std::uint32_t model, std::span<const ContentHash> rows) override {
    const std::lock_guard lock(mutex_);
    return store_->find_scores(model, rows);
  }
  void put_verdicts(std::span<const Verdict> verdicts) override {
    const std::lock_guard lock(mutex_);
    store_->put_verdicts(verdicts);
  }
  Frontier frontier() const override {
    const std::lock_guard lock(mutex_);
    return store_->frontier();
  }
  void set_frontier(const Frontier& frontier) override {
    const std::lock_guard lock(mutex_);
    store_->set_frontier(frontier);
  }
  void commit() override {
    const std::lock_guard lock(mutex_);
    store_->commit();
  }
  std::uint64_t num_duplicates() const override {
    const std::lock_guard lock(mutex_);
    return store_->num_duplicates();
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<RunStore> store_;
};

}  // namespace

std::shared_ptr<RunStore> share_store(std::shared_ptr<RunStore> store) {
  return std::make_shared<SharedStore>(std::move(store));
}

}  // namespace midpo
