// SPDX-License-Identifier: Apache-2.0
// Whole online runs with stub models: real actors, weights, store and files; generators here and
// behind real sockets, all in one process.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "actors/online/online_run.h"
#include "actors/remote/worker_actor.h"
#include "tests/support/error_text.h"
#include "tests/support/stub_engines.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

constexpr int kPrompts = 40;
constexpr int kRounds = 6;

class OnlineJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::internal::CaptureStdout();
    folder_.write("prompts.jsonl", prompt_lines(0, kPrompts));
    for (const char* name : {"base", "reward", "cost"}) {
      std::filesystem::create_directories(folder_.file(name));
    }
  }
  void TearDown() override { testing::internal::GetCapturedStdout(); }

  static std::string prompt_lines(int begin, int end) {
    std::string lines;
    for (int i = begin; i < end; ++i) {
      lines += "{\"prompt_ids\":[" + std::to_string(1000 + i) + "]}\n";
    }
    return lines;
  }

  OnlineConfig config(const std::string& name, std::int64_t max_staleness = 2) const {
    OnlineConfig config;
    config.max_staleness = max_staleness;
    config.sampling.max_new_tokens = 8;
    TrainingConfig& training = config.training;
    training.data = {folder_.file("prompts.jsonl")};
    training.model = folder_.file("base");
    training.reward_model = folder_.file("reward");
    training.cost_model = folder_.file("cost");
    training.output = folder_.file(name);
    training.scores_dir = folder_.file(name + "/state/scores");
    training.learning_rate = 0.1;
    training.batch_size = 8;
    training.max_steps = kRounds;
    training.save_steps = 2;
    training.scorers = 1;
    training.remote.wait_for_workers = 20.0;
    return config;
  }

  void run(const OnlineConfig& config) { run_online(config, "{}\n", engines_); }

  /// Everything a run makes but its times.
  std::string made(const std::string& name) const {
    std::string all = folder_.read(name + "/policy/stub.bin");
    for (int round = 0; round < kRounds; ++round) {
      all += folder_.read(name + "/state/rounds/round-" + std::to_string(round) + ".jsonl");
    }
    std::istringstream metrics(folder_.read(name + "/state/metrics.jsonl"));
    for (std::string line; std::getline(metrics, line);) {
      auto fields = nlohmann::json::parse(line);
      fields.erase("time");
      all += fields.dump();
    }
    return all;
  }

  std::future<void> start_worker(const std::string& address) {
    WorkerConfig config;
    config.connection.address = address;
    config.name = "worker";
    config.roles = {"generator", "scorer"};
    config.devices = {"cpu"};
    config.num_lanes = 2;
    config.give_up_after = std::chrono::seconds(20);
    return std::async(std::launch::async, [this, config] { run_worker(config, engines_); });
  }

  TemporaryFolder folder_;
  StubEngines engines_;
};

TEST_F(OnlineJobTest, MakesTheSameWithAnyNumberOfActors) {
  for (const std::int64_t staleness : {0, 2}) {
    const std::string suffix = std::to_string(staleness);
    run(config("one" + suffix, staleness));
    OnlineConfig many = config("many" + suffix, staleness);
    many.generators = 3;
    many.training.scorers = 2;
    run(many);
    EXPECT_EQ(made("many" + suffix), made("one" + suffix));
  }
  EXPECT_NE(made("one0"), made("one2"));
}

TEST_F(OnlineJobTest, MakesTheSameWithAGeneratorBehindSockets) {
  run(config("here"));
  OnlineConfig remote = config("there");
  remote.generators = 0;
  remote.training.scorers = 0;
  remote.training.remote.listen = "tcp://127.0.0.1:45881";
  auto worker = start_worker(remote.training.remote.listen);
  run(remote);
  worker.get();
  EXPECT_EQ(made("there"), made("here"));
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// Refuses rows of one prompt with so many sequences: candidates, or the pair made of them.
HookedScorer::Hook refuse(std::int32_t prompt, std::size_t num_sequences) {
  return [prompt, num_sequences](std::span<const RowTokens> rows) {
    for (const RowTokens& row : rows) {
      if (row.sequences.size() != num_sequences || row.sequences[0][0] != prompt) continue;
      throw Error(ErrorCode::kNumerics, "no number");
    }
  };
}

TEST_F(OnlineJobTest, LeavesOutAPromptWhoseCandidatesCannotBeScored) {
  constexpr std::size_t kCandidates = 4;
  run(config("whole"));
  // The first row of round 1 that a pair is made of.
  std::istringstream round(folder_.read("whole/state/rounds/round-1.jsonl"));
  nlohmann::json kept;
  for (std::string line; std::getline(round, line) && kept.is_null();) {
    const auto row = nlohmann::json::parse(line);
    if (row["kept"]) kept = row;
  }
  ASSERT_FALSE(kept.is_null());
  const auto prompt = kept["prompt_ids"][0].get<std::int32_t>();
  for (const std::size_t num_sequences : {kCandidates, std::size_t{2}}) {
    const std::string name = std::to_string(num_sequences);
    for (const std::uint32_t scorers : {1, 2}) {
      engines_.scorer_hook = refuse(prompt, num_sequences);
      OnlineConfig poisoned = config(name + "-" + std::to_string(scorers));
      poisoned.training.on_bad_row = "quarantine";
      poisoned.training.scorers = scorers;
      run(poisoned);
    }
    engines_.scorer_hook = nullptr;
    const std::string found = folder_.read(name + "-1/state/quarantine.jsonl");
    EXPECT_EQ(nlohmann::json::parse(found)["row"], prompt - 1000);
    OnlineConfig told = config(name);
    told.training.on_bad_row = "quarantine";
    std::filesystem::create_directories(folder_.file(name + "/state"));
    folder_.write(name + "/state/quarantine.jsonl", found);
    told.training.resume = true;
    run(told);
    for (const char* scorers : {"-1", "-2"}) EXPECT_EQ(made(name + scorers), made(name));
    EXPECT_NE(made(name), made("whole"));
  }
}

TEST_F(OnlineJobTest, StopsAtARowThatCannotBeScored) {
  engines_.scorer_hook = refuse(1000 + 7, 4);
  const std::string text = error_text(ErrorCode::kNumerics, [&] { run(config("run")); });
  EXPECT_NE(text.find("prompts.jsonl:8"), std::string::npos) << text;
}

/// One line that is no row, one prompt that leaves no room for a response.
TEST_F(OnlineJobTest, StopsAtAPromptThatNobodyCanAnswer) {
  const std::string good = prompt_lines(0, 3);
  folder_.write("prompts.jsonl", good + "{\"prompt_ids\":\n" + prompt_lines(4, kPrompts));
  std::string text = error_text(ErrorCode::kData, [&] { run(config("unreadable")); });
  EXPECT_NE(text.find("prompts.jsonl:4"), std::string::npos) << text;

  const std::string long_prompt = "{\"prompt_ids\":[1" + repeated(",1", 5000) + "]}\n";
  folder_.write("prompts.jsonl", good + long_prompt + prompt_lines(4, kPrompts));
  text = error_text(ErrorCode::kData, [&] { run(config("long")); });
  EXPECT_NE(text.find("prompts.jsonl:4: the prompt has 5001 tokens"), std::string::npos) << text;
  EXPECT_NE(text.find("--on-bad-row quarantine"), std::string::npos) << text;
  EXPECT_FALSE(std::filesystem::exists(folder_.file("long/state/rounds/round-0.jsonl")));
}

TEST_F(OnlineJobTest, GoesOnWithoutPromptsThatNobodyCanAnswer) {
  const std::string long_prompt = "{\"prompt_ids\":[1" + repeated(",1", 5000) + "]}\n";
  folder_.write("prompts.jsonl",
                "not a row\n" + prompt_lines(1, 9) + long_prompt + prompt_lines(10, kPrompts));
  engines_.scorer_hook = refuse(1000 + 12, 4);  // found out only when it is scored
  for (const int generators : {1, 3}) {
    OnlineConfig some = config("run" + std::to_string(generators));
    some.training.on_bad_row = "quarantine";
    some.generators = generators;
    run(some);
  }
  EXPECT_EQ(made("run3"), made("run1"));
  std::istringstream file(folder_.read("run1/state/quarantine.jsonl"));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_GE(lines.size(), 3u);
  EXPECT_EQ(lines[0]["raw"], "not a row");
  EXPECT_EQ((std::pair<int, int>(lines[1]["row"], lines[1]["line"])), std::pair(9, 10));
  for (std::size_t i = 2; i < lines.size(); ++i) EXPECT_EQ(lines[i]["row"], 12);
  const auto rows = nlohmann::json::parse(folder_.read("run1/state/manifest.json"))["rows"];
  EXPECT_EQ((std::array<int, 3>{rows["in"], rows["out"], rows["quarantined"]}),
            (std::array<int, 3>{kPrompts, kPrompts - 3, 3}));

  // Who knows from the start that row 12 is bad leaves out that row, not the 12th that is left.
  engines_.scorer_hook = nullptr;
  OnlineConfig told = config("told");
  told.training.on_bad_row = "quarantine";
  told.training.resume = true;
  std::filesystem::create_directories(folder_.file("told/state"));
  folder_.write("told/state/quarantine.jsonl", folder_.read("run1/state/quarantine.jsonl"));
  run(told);
  EXPECT_EQ(made("told"), made("run1"));
  EXPECT_EQ(folder_.read("told/state/quarantine.jsonl"),
            folder_.read("run1/state/quarantine.jsonl"));
}

}  // namespace
}  // namespace midpo
