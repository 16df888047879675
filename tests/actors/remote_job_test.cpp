// SPDX-License-Identifier: Apache-2.0
// A ranking job whose tiles are computed by workers behind real sockets, all in one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "actors/rank_run.h"
#include "actors/remote/worker_actor.h"
#include "runtime/core/error.h"
#include "runtime/transport/server_endpoint.h"
#include "runtime/transport/worker_table.h"
#include "tests/support/stub_engines.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

constexpr int kRows = 200;

std::string make_rows() {
  std::mt19937 random(3);
  std::string text;
  for (int i = 0; i < kRows; ++i) {
    const std::string ids = std::to_string(random() % 500) + "," + std::to_string(random() % 500);
    text += "{\"prompt_ids\":[" + std::to_string(1000 + i) + "],\"response_0_ids\":[" + ids +
            "],\"response_1_ids\":[7," + ids + "]}\n";
  }
  return text;
}

class RemoteJobTest : public ::testing::Test {
 protected:
  void SetUp() override { data_ = folder_.write("rows.jsonl", make_rows()); }

  RankResult run(const std::string& name, std::uint32_t num_scorers, const std::string& address,
                 double wait_limit = 20.0) {
    RankJob job;
    job.block_rows = 16;
    job.num_scorers = num_scorers;
    job.output_path = folder_.file(name + ".jsonl");
    job.scores_output_path = folder_.file(name + ".scores.jsonl");
    job.quarantine_path = folder_.file(name + ".run/quarantine.jsonl");
    job.on_bad_row = BadRowPolicy::kQuarantine;
    job.shows_progress = false;
    RankRun rank;
    rank.folder = {folder_.file(name + ".run"), ordered_outputs(job)};
    prepare_run_folder(rank.folder, true, false);
    rank.data = {data_};
    rank.requirements.min_responses = 2;
    if (!address.empty()) {
      rank.remote = std::make_shared<RemoteJob>();
      rank.remote->server.address = address;
      rank.remote->wait_limit = std::chrono::duration<double>(wait_limit);
    }
    rank.load_models = [&](RankJob& unfinished) {
      unfinished.templates.push_back(nullptr);
      for (const Role role : {Role::kReward, Role::kCost}) {
        JobModel model{role, {}, 0, 0};
        model.path = role_name(role);
        ModelOptions options;
        options.path = model.path;
        model.replicas.push_back(engines_.load_score_model(options));
        unfinished.models.push_back(std::move(model));
      }
      unfinished.tile_tokens = 50;
    };
    return run_ranking(rank, std::move(job));
  }

  std::future<void> start_worker(const std::string& address, const EngineFactory& engines,
                                 double give_up_after = 20.0) {
    WorkerConfig config;
    config.connection.address = address;
    config.name = "worker " + std::to_string(num_workers_++);
    config.roles = {"scorer"};
    config.devices = {"cpu"};
    config.num_lanes = 2;
    config.give_up_after = std::chrono::duration<double>(give_up_after);
    return std::async(std::launch::async, [config, &engines] { run_worker(config, engines); });
  }

  TemporaryFolder folder_;
  std::string data_;
  StubEngines engines_;
  int num_workers_ = 0;
};

/// Nobody's first tile is done before everybody has one: a job cannot end while a worker is still
/// on its way.
StubEngines meeting_engines(const std::shared_ptr<std::latch>& meeting) {
  StubEngines engines;
  const auto has_come = std::make_shared<std::once_flag>();
  engines.scorer_hook = [=](std::span<const RowTokens>) {
    std::call_once(*has_come, [&] { meeting->count_down(); });
    meeting->wait();
  };
  return engines;
}

TEST_F(RemoteJobTest, WritesTheBytesOfALocalRun) {
  run("local", 2, "");
  const std::string address = "tcp://127.0.0.1:45871";
  const auto meeting = std::make_shared<std::latch>(2);
  const StubEngines first = meeting_engines(meeting), second = meeting_engines(meeting);
  auto one = start_worker(address, first);
  auto two = start_worker(address, second);
  run("remote", 0, address);
  one.get();
  two.get();
  EXPECT_EQ(folder_.read("local.jsonl"), folder_.read("remote.jsonl"));
  EXPECT_EQ(folder_.read("local.scores.jsonl"), folder_.read("remote.scores.jsonl"));
}

TEST_F(RemoteJobTest, ReportsARowThatAWorkerCannotComputeAsALocalScorerWould) {
  StubEngines faulty;
  faulty.scorer_hook = [](std::span<const RowTokens> rows) {
    for (const RowTokens& row : rows) {
      if (row.sequences.front().front() == 1042) throw Error(ErrorCode::kNumerics, "NaN");
    }
  };
  const std::string address = "tcp://127.0.0.1:45872";
  auto worker = start_worker(address, faulty);
  const RankResult result = run("faulty", 0, address);
  worker.get();
  EXPECT_EQ(result.outcome.counters.quarantined, 1U);
  EXPECT_THAT(folder_.read("faulty.run/quarantine.jsonl"), HasSubstr("\"row\":42,"));
}

TEST_F(RemoteJobTest, AWorkerEndsWithALaneThatDoes) {
  StubEngines broken;
  broken.scorer_hook = [](std::span<const RowTokens>) { throw std::runtime_error("a bug"); };
  const std::string address = "tcp://127.0.0.1:45877";
  auto worker = start_worker(address, broken);
  auto job = std::async(std::launch::async, [&] { return run("broken", 0, address); });
  ASSERT_EQ(worker.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_THROW(worker.get(), Error);
  auto second = start_worker(address, engines_);
  EXPECT_EQ(job.get().outcome.rows_done, static_cast<std::uint64_t>(kRows));
  second.get();
}

TEST_F(RemoteJobTest, StopsWhenNobodyComes) {
  try {
    run("alone", 0, "tcp://127.0.0.1:45873", 0.3);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTransport);
    EXPECT_THAT(error.what(), HasSubstr("no worker has joined"));
  }
}

TEST_F(RemoteJobTest, AWorkerGivesUpWithoutACoordinator) {
  auto worker = start_worker("tcp://127.0.0.1:45874", engines_, 0.3);
  try {
    worker.get();
    FAIL() << "the worker must give up";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTransport);
    EXPECT_THAT(error.what(), HasSubstr("nobody answers"));
  }
}

/// A job that does nothing by itself: the table and the socket that real ones have.
class BareJob {
 public:
  BareJob(const std::string& address, std::uint64_t epoch, const ModelInfo& model)
      : table_(options(epoch, model)), endpoint_(server(address), [this](auto peer, auto wire) {
          const std::lock_guard lock(mutex_);
          arrived_.emplace_back(peer, std::move(wire));
        }) {}

  /// Serves its workers until the condition holds. @return whether it did within the limit
  bool serve(const std::function<bool()>& condition,
             std::chrono::milliseconds limit = std::chrono::seconds(15)) {
    const auto deadline = WorkerTable::Clock::now() + limit;
    while (!condition() && WorkerTable::Clock::now() < deadline) {
      step();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return condition();
  }

  template <typename Event>
  std::vector<Event> heard() const {
    std::vector<Event> found;
    for (const WorkerEvent& event : events_) {
      if (const auto* wanted = std::get_if<Event>(&event)) found.push_back(*wanted);
    }
    return found;
  }
  WorkerTable& table() { return table_; }

 private:
  static WorkerTableOptions options(std::uint64_t epoch, const ModelInfo& model) {
    WorkerTableOptions made;
    made.job = "ab";
    made.epoch = epoch;
    made.welcome.models = {{"reward", "reward", model.content.hex(), "fp32", ""}};
    return made;
  }
  static ServerOptions server(const std::string& address) {
    ServerOptions made;
    made.address = address;
    return made;
  }
  void note(std::vector<WorkerEvent> events) {
    events_.insert(events_.end(), events.begin(), events.end());
  }
  void step() {
    std::deque<std::pair<std::string, std::vector<Frame>>> arrived;
    {
      const std::lock_guard lock(mutex_);
      arrived.swap(arrived_);
    }
    const auto now = WorkerTable::Clock::now();
    for (const auto& [peer, wire] : arrived) note(table_.receive(peer, decode(wire), now));
    note(table_.tick(now));
    for (const auto& [peer, message] : table_.due(now)) endpoint_.send(peer, encode(message));
  }

  std::mutex mutex_;
  std::deque<std::pair<std::string, std::vector<Frame>>> arrived_;
  WorkerTable table_;
  std::vector<WorkerEvent> events_;
  ServerEndpoint endpoint_;  // last: its thread ends before the rest does
};

TEST_F(RemoteJobTest, AWorkerIsReadyOnlyWhenNoneOfItsLanesComputesForAJobThatIsGone) {
  const std::string address = "tcp://127.0.0.1:45875";
  std::promise<void> release;
  const std::shared_future<void> is_released(release.get_future());
  std::atomic<int> num_computing{0};
  std::atomic<int> num_begun{0};
  StubEngines slow;
  slow.scorer_hook = [&](std::span<const RowTokens> rows) {
    ++num_computing;
    if (num_begun++ == 0) is_released.wait();
    if (!rows.empty()) --num_computing;
  };
  ModelOptions model;
  model.path = "reward";
  const ModelInfo info = engines_.load_score_model(model)->info();
  auto worker = start_worker(address, slow);
  auto before = std::make_unique<BareJob>(address, 1, info);
  ASSERT_TRUE(before->serve([&] { return !before->heard<WorkerReady>().empty(); }));
  const WorkerId lost = before->heard<WorkerReady>()[0].worker;
  ASSERT_TRUE(before->table().assign(lost, 1, 0, TileTask{0, {{{1}}}}, WorkerTable::Clock::now()));
  ASSERT_TRUE(before->serve([&] { return num_computing == 1; }));
  before.reset();

  BareJob next(address, 2, info);
  ASSERT_TRUE(next.serve([&] { return !next.heard<WorkerJoined>().empty(); }));
  EXPECT_FALSE(next.serve([&] { return !next.heard<WorkerReady>().empty(); },
                          std::chrono::milliseconds(800)))
      << "one of its two lanes is free, the other is not";
  EXPECT_EQ(num_computing, 1);
  release.set_value();
  ASSERT_TRUE(next.serve([&] { return !next.heard<WorkerReady>().empty(); }));
  EXPECT_EQ(num_computing, 0) << "ready, and still at an old tile";
  const WorkerId found = next.heard<WorkerReady>()[0].worker;
  ASSERT_TRUE(next.table().assign(found, 2, 0, TileTask{0, {{{2}}}}, WorkerTable::Clock::now()));
  ASSERT_TRUE(next.serve([&] { return !next.heard<TaskDone>().empty(); }));
  EXPECT_EQ(next.heard<TaskDone>()[0].task, 2U);
  EXPECT_EQ(next.table().num_unasked(), 0U) << "the old tile's result is nobody's";
  next.table().finish("the job is done");
  EXPECT_TRUE(next.serve([&] { return next.table().is_settled(); }));
  worker.get();
}

}  // namespace
}  // namespace midpo
