// SPDX-License-Identifier: Apache-2.0
#include "runtime/store/run_store.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"
#include "runtime/store/run_lock.h"
#include "runtime/store/run_schema.h"
#include "runtime/store/score_table.h"
#include "runtime/store/sqlite_database.h"
#include "runtime/store/verdict_table.h"

namespace midpo {
namespace {

bool have_equal_bits(const std::vector<double>& left, const std::vector<double>& right) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (std::bit_cast<std::uint64_t>(left[i]) != std::bit_cast<std::uint64_t>(right[i]))
      return false;
  }
  return true;
}

/// "[1.5 (0x1.8p+0), ...]": hexadecimal floats show differences that decimal ones round away.
std::string show(const std::vector<double>& values) {
  std::string text = "[";
  for (const double value : values) {
    char number[64];
    std::snprintf(number, sizeof number, "%s%.17g (%a)", text.size() > 1 ? ", " : "", value, value);
    text += number;
  }
  return text + "]";
}

RowChecksum frontier_checksum(std::uint64_t next_block, std::string_view sizes,
                              std::string_view counters) {
  RowChecksum checksum;
  return checksum.add(next_block).add(sizes).add(counters);
}

class SqliteRunStore final : public RunStore {
 public:
  explicit SqliteRunStore(const std::string& run_dir)
      : lock_(run_dir),
        database_(open_run_database(run_dir + "/run.db")),
        scores_(*database_),
        verdicts_(*database_),
        insert_model_(*database_, "INSERT INTO model VALUES (?1, ?2, ?3, ?4)"),
        replace_frontier_(*database_, "REPLACE INTO frontier VALUES (1, ?1, ?2, ?3, ?4)") {
    load_plan();
    load_models();
    load_frontier();
  }

  std::string plan() const override { return plan_; }
  void record_plan(std::string_view plan_json) override;
  std::uint32_t model_id(std::string_view identity, std::string_view description) override;
  void put_scores(std::uint32_t model, std::span<const StoredScore> scores) override;
  std::vector<std::optional<std::vector<double>>> find_scores(
      std::uint32_t model, std::span<const ContentHash> rows) override;
  void put_verdicts(std::span<const Verdict> verdicts) override;
  Frontier frontier() const override { return frontier_; }
  void set_frontier(const Frontier& frontier) override;
  void commit() override;
  std::uint64_t num_duplicates() const override { return num_duplicates_; }

 private:
  void load_plan();
  void load_models();
  void load_frontier();
  void begin_if_needed();
  void check_finite(std::uint32_t model, const StoredScore& score) const;
  void check_equal(std::uint32_t model, const StoredScore& score,
                   const std::vector<double>& stored) const;

  RunLock lock_;
  std::unique_ptr<SqliteDatabase> database_;
  ScoreTable scores_;
  VerdictTable verdicts_;
  SqliteStatement insert_model_;
  SqliteStatement replace_frontier_;
  std::string plan_;
  std::map<std::string, std::uint32_t, std::less<>> model_ids_;  ///< by identity
  std::vector<std::string> model_descriptions_;                  ///< by id - 1
  Frontier frontier_;
  std::uint64_t num_duplicates_ = 0;
  bool is_in_transaction_ = false;
};

void SqliteRunStore::begin_if_needed() {
  if (is_in_transaction_) return;
  database_->execute("BEGIN IMMEDIATE");
  is_in_transaction_ = true;
}

void SqliteRunStore::commit() {
  if (!is_in_transaction_) return;
  database_->commit();
  is_in_transaction_ = false;
}

void SqliteRunStore::load_plan() {
  SqliteStatement row(*database_, "SELECT json, checksum FROM plan");
  if (!row.step()) return;
  plan_ = row.bytes(0);
  check_row(*database_, "plan", 1, row.integer(1), RowChecksum().add(plan_));
}

void SqliteRunStore::record_plan(std::string_view plan_json) {
  if (!plan_.empty()) {
    require(plan_ == plan_json, ErrorCode::kConfig,
            database_->path() + ": belongs to another plan; use another run directory");
    return;
  }
  require(!plan_json.empty(), ErrorCode::kInternal, database_->path() + ": the plan is empty");
  begin_if_needed();
  SqliteStatement insert(*database_, "INSERT INTO plan VALUES (1, ?1, ?2)");
  insert.bind_text(1, plan_json).bind(2, RowChecksum().add(plan_json).digest()).run();
  commit();
  plan_ = plan_json;
}

void SqliteRunStore::load_models() {
  SqliteStatement row(*database_,
                      "SELECT id, identity, description, checksum FROM model ORDER BY id");
  while (row.step()) {
    model_descriptions_.emplace_back(row.bytes(2));
    const auto id = static_cast<std::uint32_t>(model_descriptions_.size());
    model_ids_.emplace(row.bytes(1), id);
    check_row(*database_, "model", row.integer(0), row.integer(3),
              RowChecksum().add(std::uint64_t{id}).add(row.bytes(1)).add(row.bytes(2)));
  }
}

std::uint32_t SqliteRunStore::model_id(std::string_view identity, std::string_view description) {
  if (const auto known = model_ids_.find(identity); known != model_ids_.end()) return known->second;
  begin_if_needed();
  const auto id = static_cast<std::uint32_t>(model_descriptions_.size() + 1);
  const RowChecksum checksum = RowChecksum().add(std::uint64_t{id}).add(identity).add(description);
  insert_model_.bind(1, std::int64_t{id}).bind_text(2, identity).bind_text(3, description);
  insert_model_.bind(4, checksum.digest()).run();
  model_ids_.emplace(identity, id);
  model_descriptions_.emplace_back(description);
  return id;
}

void SqliteRunStore::put_scores(std::uint32_t model, std::span<const StoredScore> scores) {
  require(model >= 1 && model <= model_descriptions_.size(), ErrorCode::kInternal,
          "put_scores: no model has this id");
  for (const StoredScore& score : scores) check_finite(model, score);
  if (!scores.empty()) begin_if_needed();
  for (const StoredScore& score : scores) {
    if (const auto stored = scores_.find(model, score.row_content)) {
      check_equal(model, score, *stored);
      ++num_duplicates_;
    } else {
      scores_.append(model, score.row_content, score.values);
    }
  }
}

void SqliteRunStore::check_finite(std::uint32_t model, const StoredScore& score) const {
  bool is_finite = !score.values.empty();
  for (const double value : score.values) is_finite = is_finite && std::isfinite(value);
  if (is_finite) return;
  throw Error(ErrorCode::kNumerics, "row content " + score.row_content.hex() + ": " +
                                        model_descriptions_[model - 1] + " gave " +
                                        show(score.values) + ", wanted finite numbers");
}

void SqliteRunStore::check_equal(std::uint32_t model, const StoredScore& score,
                                 const std::vector<double>& stored) const {
  if (have_equal_bits(score.values, stored)) return;
  throw Error(ErrorCode::kNumerics,
              database_->path() + ": row content " + score.row_content.hex() + " was scored " +
                  show(stored) + " by " + model_descriptions_[model - 1] + ", now " +
                  show(score.values) +
                  "; equal inputs must give equal bits: suspect the hardware, or a library that "
                  "does not repeat itself");
}

std::vector<std::optional<std::vector<double>>> SqliteRunStore::find_scores(
    std::uint32_t model, std::span<const ContentHash> rows) {
  std::vector<std::optional<std::vector<double>>> found;
  found.reserve(rows.size());
  for (const ContentHash& row : rows) found.push_back(scores_.find(model, row));
  return found;
}

void SqliteRunStore::put_verdicts(std::span<const Verdict> verdicts) {
  if (!verdicts.empty()) begin_if_needed();
  for (const Verdict& verdict : verdicts) verdicts_.put(verdict);
}

void SqliteRunStore::load_frontier() {
  SqliteStatement row(*database_,
                      "SELECT next_block, file_sizes, counters, checksum FROM frontier");
  if (!row.step()) return;
  frontier_.next_block = static_cast<std::uint64_t>(row.integer(0));
  check_row(*database_, "frontier", 1, row.integer(3),
            frontier_checksum(frontier_.next_block, row.bytes(1), row.bytes(2)));
  frontier_.file_sizes = nlohmann::json::parse(row.bytes(1)).get<std::vector<std::uint64_t>>();
  frontier_.counters_json = row.bytes(2);
}

void SqliteRunStore::set_frontier(const Frontier& frontier) {
  begin_if_needed();
  const std::string sizes = nlohmann::json(frontier.file_sizes).dump();
  replace_frontier_.bind(1, static_cast<std::int64_t>(frontier.next_block)).bind_text(2, sizes);
  replace_frontier_.bind_text(3, frontier.counters_json);
  replace_frontier_
      .bind(4, frontier_checksum(frontier.next_block, sizes, frontier.counters_json).digest())
      .run();
  frontier_ = frontier;
}

}  // namespace

std::unique_ptr<RunStore> RunStore::open(const std::string& run_dir) {
  make_directories(run_dir);
  return std::make_unique<SqliteRunStore>(run_dir);
}

}  // namespace midpo
