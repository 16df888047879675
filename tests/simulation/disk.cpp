// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/disk.h"

#include "tests/simulation/world.h"

namespace midpo::simulation {

void Disk::put(Key key, const std::vector<double>& values) {
  if (const auto* known = find(key)) {
    check(*known == values, "two results for row " + std::to_string(key.second) + " differ");
    return;
  }
  open_.scores.emplace(key, values);
}

const std::vector<double>* Disk::find(Key key) const {
  const auto in = [key](const auto& scores) {
    const auto found = scores.find(key);
    return found == scores.end() ? nullptr : &found->second;
  };
  const auto* found = in(scores_);
  if (found == nullptr) found = in(open_.scores);
  if (found == nullptr && committing_) found = in(committing_->scores);
  return found;
}

void Disk::begin_commit() {
  check(!committing_, "two commits at once");
  committing_ = std::move(open_);
  open_ = {};
}

void Disk::end_commit() {
  apply(*committing_);
  committing_.reset();
}

void Disk::apply(const Transaction& transaction) {
  scores_.insert(transaction.scores.begin(), transaction.scores.end());
  if (transaction.frontier) frontier_ = *transaction.frontier;
}

void Disk::cut_output(std::uint64_t size) {
  check(size <= output_.size(), "the frontier is beyond the end of the output");
  output_.resize(size);
  synced_ = size;
}

void Disk::crash(std::uint64_t luck) {
  open_ = {};
  if (committing_ && luck % 2 == 0) apply(*committing_);
  committing_.reset();
  output_.resize(synced_ + (luck / 2) % (output_.size() - synced_ + 1));
  synced_ = output_.size();
}

}  // namespace midpo::simulation
