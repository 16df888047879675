// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/part_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::uint64_t> kPrompts{10, 11, 12, 13, 14};

TEST(PartDesk, CutsARoundIntoAsManyPartsAsCanBeWrittenSideBySide) {
  PartDesk desk;
  desk.join(0, 1, true);
  desk.join(1, 1, true);
  desk.add_round(3, 2, kPrompts);
  const auto given = desk.hand_out();
  ASSERT_EQ(given.size(), 2U);
  EXPECT_THAT(given[0].part.prompts, ElementsAre(10, 12, 14));
  EXPECT_THAT(given[1].part.prompts, ElementsAre(11, 13));
  EXPECT_EQ(given[0].part.round, 3U);
  EXPECT_EQ(given[0].part.version, 2U);
}

TEST(PartDesk, HasNoPartWithoutPrompts) {
  PartDesk desk;
  desk.join(0, 100, true);
  desk.add_round(0, 0, kPrompts);
  EXPECT_EQ(desk.hand_out().size(), kPrompts.size());
}

TEST(PartDesk, GivesAPartOnlyToWhoHasConfirmedItsVersion) {
  PartDesk desk;
  desk.join(7, 2, false);
  desk.add_round(0, 4, kPrompts);
  desk.confirm(7, 3);
  EXPECT_THAT(desk.hand_out(), IsEmpty());
  desk.confirm(7, 4);
  EXPECT_EQ(desk.hand_out().size(), 2U);
}

TEST(PartDesk, GivesTheOldestPartsFirstAndNoMoreThanCredits) {
  PartDesk desk;
  desk.join(0, 1, true);
  desk.add_round(0, 0, kPrompts);
  desk.add_round(1, 0, kPrompts);
  const auto first = desk.hand_out();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].part.round, 0U);
  EXPECT_THAT(desk.hand_out(), IsEmpty());
  EXPECT_TRUE(desk.finish(0, first[0].part.id));
  EXPECT_EQ(desk.hand_out().at(0).part.round, 1U);
}

TEST(PartDesk, SpreadsPartsOverGenerators) {
  PartDesk desk;
  desk.join(0, 2, true);
  desk.join(1, 2, true);
  desk.add_round(0, 0, {1, 2});
  const auto given = desk.hand_out();
  ASSERT_EQ(given.size(), 2U);
  EXPECT_NE(given[0].generator, given[1].generator);
}

TEST(PartDesk, GivesTheSamePartAgainWhenItsGeneratorIsLost) {
  PartDesk desk;
  desk.join(0, 1, true);
  desk.add_round(0, 0, kPrompts);
  const RoundPart part = desk.hand_out().at(0).part;
  desk.leave(0);
  EXPECT_THAT(desk.hand_out(), IsEmpty());
  desk.join(1, 1, true);
  const auto again = desk.hand_out();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].part.prompts, part.prompts);
  EXPECT_EQ(again[0].part.attempt, part.attempt + 1);
  EXPECT_FALSE(desk.finish(0, part.id)) << "the lost one's answer";
  EXPECT_TRUE(desk.finish(1, part.id));
}

TEST(PartDesk, TakesAPartOnce) {
  PartDesk desk;
  desk.join(0, 1, true);
  desk.add_round(0, 0, kPrompts);
  const std::uint64_t id = desk.hand_out().at(0).part.id;
  EXPECT_TRUE(desk.finish(0, id));
  EXPECT_FALSE(desk.finish(0, id));
}

TEST(PartDesk, GivesAPartUpThatFailsAgainAndAgain) {
  PartDesk desk;
  desk.join(0, 1, true);
  desk.add_round(0, 0, kPrompts);
  for (std::uint32_t i = 1; i < PartDesk::kMaxFailures; ++i) {
    EXPECT_FALSE(desk.fail(0, desk.hand_out().at(0).part.id));
  }
  const std::uint64_t id = desk.hand_out().at(0).part.id;
  const auto dead = desk.fail(0, id);
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->prompts, kPrompts);
  EXPECT_EQ(desk.num_waiting() + desk.num_out(), 0U);
}

/// With the versions that these tests use.
void join_remote(PartDesk& desk, PartDesk::GeneratorId generator, std::uint32_t credits) {
  desk.join(generator, credits, false);
  for (const std::uint64_t version : {0, 1}) desk.confirm(generator, version);
}

TEST(PartDesk, PartsAPartThatHasEndedItsGeneratorIntoPrompts) {
  PartDesk desk;
  join_remote(desk, 0, 1);
  desk.add_round(3, 1, kPrompts);
  const RoundPart part = desk.hand_out().at(0).part;
  desk.leave(0);
  EXPECT_FALSE(desk.blame(part.id));
  EXPECT_FALSE(desk.blame(part.id)) << "it is no part any more";
  join_remote(desk, 1, 100);
  std::vector<std::uint64_t> prompts;
  for (const auto& given : desk.hand_out()) {
    ASSERT_EQ(given.part.prompts.size(), 1U);
    EXPECT_NE(given.part.id, part.id);
    EXPECT_EQ(given.part.round, 3U);
    EXPECT_EQ(given.part.version, 1U);
    prompts.push_back(given.part.prompts[0]);
  }
  EXPECT_EQ(prompts, part.prompts);
}

TEST(PartDesk, GivesUpThePromptThatEndsItsGenerators) {
  PartDesk desk;
  desk.add_round(0, 0, {4});
  std::optional<RoundPart> dead;
  for (std::uint64_t generator = 1; generator <= PartDesk::kMaxFailures; ++generator) {
    EXPECT_FALSE(dead);
    join_remote(desk, generator, 1);
    const std::uint64_t id = desk.hand_out().at(0).part.id;
    desk.leave(generator);
    dead = desk.blame(id);
  }
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->prompts, std::vector<std::uint64_t>{4});
  EXPECT_EQ(desk.num_waiting() + desk.num_out(), 0U);
}

TEST(PartDesk, DropsWhatIsWrittenOfAPartThatWasTakenAway) {
  PartDesk desk;
  join_remote(desk, 0, 1);
  desk.add_round(0, 0, {4, 5});
  const std::uint64_t id = desk.hand_out().at(0).part.id;
  desk.leave(0);
  join_remote(desk, 1, 1);
  ASSERT_EQ(desk.hand_out().at(0).part.id, id) << "given again before the death is known";
  EXPECT_FALSE(desk.blame(id));
  EXPECT_FALSE(desk.finish(1, id));
  EXPECT_EQ(desk.hand_out().at(0).generator, 1U) << "its place is free again";
  desk.leave(1);
  EXPECT_EQ(desk.num_waiting(), 2U) << "each prompt once";
}

TEST(PartDesk, LeavesAPartWithTheLocalGeneratorThatHasIt) {
  PartDesk desk;
  join_remote(desk, 1, 1);
  desk.add_round(0, 0, {4, 5});
  const std::uint64_t id = desk.hand_out().at(0).part.id;
  desk.leave(1);
  desk.join(0, 1, true);
  ASSERT_EQ(desk.hand_out().at(0).part.id, id);
  EXPECT_FALSE(desk.blame(id));
  EXPECT_TRUE(desk.finish(0, id)) << "what it has passed on must not be written again";
  EXPECT_EQ(desk.num_waiting(), 0U);
}

}  // namespace
}  // namespace midpo
