// SPDX-License-Identifier: Apache-2.0
// Experts and the router that follows them, without their jobs.
#include "actors/pipeline/expert_versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "actors/pipeline/version_companions.h"
#include "runtime/core/error.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

/// Experts of 8 and 12 steps, of which 2 and 6 are the first epoch: version 2 is followed first.
VersionSchedule schedule(std::uint64_t num_versions = 4) {
  return {num_versions, {{8, 2}, {12, 6}}};
}

class ExpertVersionsTest : public ::testing::Test {
 protected:
  std::shared_ptr<ExpertVersions> open(std::optional<std::uint64_t> max_staleness = 1) {
    auto versions = std::make_shared<ExpertVersions>(folder_.file("versions"), max_staleness);
    versions->settle(schedule());
    return versions;
  }

  static std::unique_ptr<Learner> make_expert() { return make_stub_learner({}); }

  std::unique_ptr<Learner> make_router() {
    LearnerOptions options;
    options.objective = Objective::kRouter;
    return make_stub_learner(options);
  }

  void publish_until(ExpertVersions& versions, std::uint64_t version) {
    for (std::size_t expert = 0; expert < kNumExperts; ++expert) {
      for (std::uint64_t v = 1; v <= version; ++v) {
        versions.publish(expert, *make_expert(), schedule().step_of(expert, v));
      }
    }
  }

  std::string why(const std::optional<StepWait>& wait) { return wait ? wait->what : ""; }

  TemporaryFolder folder_;
};

TEST_F(ExpertVersionsTest, NamesTheExpertThatIsWaitedFor) {
  const auto versions = open();
  versions->publish(0, *make_expert(), 2);
  versions->publish(0, *make_expert(), 4);
  const auto wait = versions->missing(2);
  EXPECT_THAT(why(wait), HasSubstr("version 2 of the helpfulness expert"));
  EXPECT_TRUE(wait->is_timed);
  versions->publish(1, *make_expert(), 1);
  EXPECT_NE(versions->missing(2)->progress, wait->progress) << "it has come nearer";
  versions->publish(1, *make_expert(), 3);
  versions->publish(1, *make_expert(), 6);
  EXPECT_FALSE(versions->missing(2));
}

TEST_F(ExpertVersionsTest, HoldsAnExpertThatWouldBeTooFarAhead) {
  const auto versions = open(1);
  publish_until(*versions, 3);
  // Steps 6 and 7 of 8 are behind version 3; step 8 makes version 4.
  EXPECT_FALSE(versions->hold(0, {6, 8}));
  const auto wait = versions->hold(0, {7, 8});
  EXPECT_THAT(why(wait), HasSubstr("router to be done with version 2"));
  EXPECT_FALSE(wait->is_timed) << "the router has not begun";
  versions->note_router(2, 0);
  EXPECT_TRUE(versions->hold(0, {7, 8})->is_timed);
  versions->note_router(3, 5);
  EXPECT_FALSE(versions->hold(0, {7, 8}));
  EXPECT_FALSE(versions->hold(0, {8, 8})) << "nothing is left to hold";
}

TEST_F(ExpertVersionsTest, HoldsNobodyBehindTheRouterOrStageAfterStage) {
  const auto versions = open(0);
  publish_until(*versions, 2);
  EXPECT_TRUE(versions->hold(0, {5, 8}));
  versions->note_router_done();
  EXPECT_FALSE(versions->hold(0, {5, 8}));
  EXPECT_FALSE(open(std::nullopt)->hold(0, {5, 8}));
}

TEST_F(ExpertVersionsTest, FindsWhatAnEarlierProcessHasPublished) {
  publish_until(*open(), 2);
  const auto versions = open();
  EXPECT_FALSE(versions->missing(2));
  EXPECT_TRUE(versions->missing(3));
  // Steps that are taken again publish nothing new.
  const auto before = std::filesystem::last_write_time(versions->weights(2)[0].path);
  versions->publish(0, *make_expert(), 4);
  EXPECT_EQ(std::filesystem::last_write_time(versions->weights(2)[0].path), before);
}

TEST_F(ExpertVersionsTest, RefusesAnotherSchedule) {
  open();
  ExpertVersions versions(folder_.file("versions"), 1);
  try {
    versions.settle(schedule(3));
    FAIL() << "the versions on disk stand behind other steps";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), HasSubstr("router.versions"));
  }
}

TEST_F(ExpertVersionsTest, RemembersTheScheduleOfExpertsThatAreDone) {
  open();
  ExpertVersions versions(folder_.file("versions"), 1);
  EXPECT_EQ(versions.schedule().num_versions(), 4U);
  EXPECT_EQ(versions.schedule().publishers(), schedule().publishers());
}

TEST_F(ExpertVersionsTest, RefusesAVersionThatCannotBeMadeAnyMore) {
  try {
    open()->publish(0, *make_expert(), 5);
    FAIL() << "versions 1 and 2 are missing";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("safety expert: version 1 is missing"));
  }
}

TEST_F(ExpertVersionsTest, LetsTheRouterBeginWhenDDualAndBothExpertsAreThere) {
  const auto versions = open();
  auto start = std::async(std::launch::async, [&] { return versions->wait_for_start(); });
  const auto is_waiting = [&] {
    return start.wait_for(std::chrono::milliseconds(30)) == std::future_status::timeout;
  };
  publish_until(*versions, 2);
  EXPECT_TRUE(is_waiting());
  versions->note_ranked();
  EXPECT_TRUE(start.get());
}

TEST_F(ExpertVersionsTest, LetsTheRouterGoWhenTheExpertsFail) {
  const auto versions = open();
  auto start = std::async(std::launch::async, [&] { return versions->wait_for_start(); });
  versions->give_up();
  EXPECT_FALSE(start.get());
}

TEST_F(ExpertVersionsTest, CountsHowFarExpertsGetAheadWhileAVersionIsUsed) {
  const auto versions = open(2);
  publish_until(*versions, 2);
  versions->note_router(2, 0);
  EXPECT_EQ(versions->staleness(2), 0U);
  versions->publish(1, *make_expert(), 9);
  EXPECT_EQ(versions->staleness(2), 1U);
  versions->note_router(2, 1);
  EXPECT_EQ(versions->max_staleness_seen(), 1U);
}

TEST_F(ExpertVersionsTest, TheRouterTakesOverTheVersionOfItsStep) {
  const auto versions = open(2);
  publish_until(*versions, 3);
  const auto follower = make_follower(versions);
  const auto router = make_router();
  const StepPlace second_part{1, 3};
  follower->arrive(*router, second_part);
  ASSERT_FALSE(follower->wait(second_part));
  const auto figures = follower->depart(*router, second_part);
  EXPECT_EQ(figures.at(0).name, "router/expert_version");
  EXPECT_EQ(figures.at(0).value, 3.0);
  EXPECT_TRUE(follower->wait({2, 3})) << "version 4 is not there";
}

TEST_F(ExpertVersionsTest, TheRouterRefusesWeightsThatHaveChanged) {
  const auto versions = open();
  publish_until(*versions, 2);
  std::ofstream(versions->weights(2)[1].path + "/stub.bin", std::ios::app) << "x";
  const auto router = make_router();
  try {
    make_follower(versions)->depart(*router, {0, 3});
    FAIL() << "these are not the weights that were published";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStalePolicy);
    EXPECT_THAT(error.what(), HasSubstr("helpfulness/version-2"));
  }
}

/// What a learner's thread does between its steps. @return the figures of each.
std::vector<std::vector<NamedNumber>> pass_all_steps(StepCompanion& companion, Learner& learner,
                                                     std::uint64_t num_steps) {
  std::vector<std::vector<NamedNumber>> figures;
  for (std::uint64_t step = 0; step <= num_steps; ++step) {
    const StepPlace place{step, num_steps};
    companion.arrive(learner, place);
    while (companion.wait(place)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    figures.push_back(companion.depart(learner, place));
  }
  return figures;
}

TEST_F(ExpertVersionsTest, ServesExpertsAndRouterOnThreadsOfTheirOwn) {
  const auto versions = open(1);
  std::vector<std::future<void>> experts;
  for (std::size_t i = 0; i < kNumExperts; ++i) {
    experts.push_back(std::async(std::launch::async, [&, i] {
      const auto expert = make_expert();
      pass_all_steps(*make_publisher(versions, i), *expert, schedule().publishers()[i].steps);
    }));
  }
  versions->note_ranked();
  ASSERT_TRUE(versions->wait_for_start());
  const auto router = make_router();
  const auto figures = pass_all_steps(*make_follower(versions), *router, 9);
  for (std::future<void>& expert : experts) expert.get();
  EXPECT_EQ(figures.front()[0].value, 2.0);
  EXPECT_EQ(figures.back()[0].value, 4.0);
  EXPECT_LE(versions->max_staleness_seen(), 1U);
}

}  // namespace
}  // namespace midpo
