// SPDX-License-Identifier: Apache-2.0
// Groups of two and three ranks over Gloo. Ranks are threads of this process; where one has to die,
// processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <numeric>
#include <thread>

#include "runtime/core/error.h"
#include "runtime/distributed/open_collective.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct Meeting {
  RendezvousAddress address;
  FileDescriptor listener = listen_at(address);
  int size = 2;
  RankLimits limits{milliseconds(1500), seconds(20)};

  /// The group closes the listener, so each has a copy.
  CollectiveOptions options(int rank) const {
    CollectiveOptions options;
    options.rank = rank;
    options.size = size;
    options.rendezvous = address;
    options.listener = rank == 0 ? dup(listener.get()) : -1;
    options.limits = limits;
    options.join_limit = seconds(20);
    return options;
  }
};

/// Runs the body as each of `size` ranks at once.
void run_ranks(int size, const std::function<void(Collective&)>& body) {
  Meeting meeting;
  meeting.size = size;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      EXPECT_NO_THROW(body(*open_collective(meeting.options(rank)))) << "rank " << rank;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<float> numbers(std::size_t count, int rank) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>((i * 7919 + static_cast<std::size_t>(rank) * 104729) % 1000) / 7;
  }
  return values;
}

class Sizes : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, Sizes, ::testing::Values(1, 2, 3));

TEST_P(Sizes, SumsArraysWhereTheyLie) {
  run_ranks(GetParam(), [](Collective& group) {
    std::vector<float> values(1000);
    std::iota(values.begin(), values.end(), static_cast<float>(group.rank()));
    group.start_sum(values);
    group.finish();
    const int n = group.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(values[i], static_cast<float>(n * static_cast<int>(i) + n * (n - 1) / 2));
    }
  });
}

TEST_P(Sizes, SumsManyArraysAtOnce) {
  run_ranks(GetParam(), [](Collective& group) {
    std::vector<float> values(900, 1.0F);
    for (std::size_t begin = 0; begin < 900; begin += 90) {
      group.start_sum(std::span(values).subspan(begin, 90));
    }
    group.finish();
    EXPECT_THAT(values, ::testing::Each(static_cast<float>(group.size())));
  });
}

TEST_P(Sizes, SumsAtOneRank) {
  run_ranks(GetParam(), [](Collective& group) {
    const int last = group.size() - 1;
    std::vector<float> values(100, static_cast<float>(group.rank() + 1));
    group.start_sum_at(last, values);
    group.finish();
    const auto wanted = static_cast<float>(group.size() * (group.size() + 1) / 2);
    if (group.rank() == last) {
      EXPECT_THAT(values, ::testing::Each(wanted));
    }
  });
}

TEST_P(Sizes, CopiesOneRanksArray) {
  run_ranks(GetParam(), [](Collective& group) {
    const int last = group.size() - 1;
    std::vector<float> values(100, static_cast<float>(group.rank()));
    group.start_copy_from(last, values);
    group.finish();
    EXPECT_THAT(values, ::testing::Each(static_cast<float>(last)));
  });
}

TEST_P(Sizes, SendsAndGathersBytesOfAnyLength) {
  run_ranks(GetParam(), [](Collective& group) {
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{100'000}}) {
      const std::string text(length, 'x');
      EXPECT_EQ(group.broadcast(group.rank() == 0 ? text : "ignored", Patience::kDeadline), text);
    }
    const std::string own(static_cast<std::size_t>(group.rank()) * 1000, 'r');
    const std::vector<std::string> all = group.gather(own);
    ASSERT_EQ(static_cast<int>(all.size()), group.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].size(), i * 1000);
  });
}

// c10d's flight recorder is one for the process and not guarded: this crashed one time in three.
TEST(Collective, ServesManyGroupsInOneProcess) {
  for (int group = 0; group < 12; ++group) {
    run_ranks(2, [](Collective& ranks) {
      EXPECT_EQ(ranks.gather(std::to_string(ranks.rank())).back(), "1");
    });
  }
}

/// Lets the thread run, but not the threads it starts, only when nobody else wants to.
void run_last() {
  const sched_param none{};
  ASSERT_EQ(sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &none), 0);
}

// A rank that left at once closed connections that a slow one was still about to see made.
TEST(Collective, IsLeftByNobodyBeforeAllAreConnected) {
  Meeting meeting;
  std::jthread slow([&] {
    run_last();
    EXPECT_NO_THROW(open_collective(meeting.options(1)));
  });
  std::vector<std::jthread> busy;
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
    busy.emplace_back([](const std::stop_token& stop) {
      setpriority(PRIO_PROCESS, 0, 10);  // of this thread: other tests go first
      while (!stop.stop_requested()) {
        const auto end = std::chrono::steady_clock::now() + milliseconds(30);
        while (std::chrono::steady_clock::now() < end) continue;
        std::this_thread::sleep_for(milliseconds(1));
      }
    });
  }
  EXPECT_NO_THROW(open_collective(meeting.options(0)));
  slow.join();
}

TEST(Collective, SumsToTheSameBitsEveryTimeAndEverywhere) {
  constexpr std::size_t kCount = 100'003;
  std::vector<std::vector<float>> results(6);
  for (std::size_t round = 0; round < 2; ++round) {
    run_ranks(3, [&](Collective& group) {
      std::vector<float> values = numbers(kCount, group.rank());
      group.start_sum(values);
      group.finish();
      results[round * 3 + static_cast<std::size_t>(group.rank())] = values;
    });
  }
  for (const std::vector<float>& result : results) EXPECT_EQ(result, results.front());
}

TEST(Collective, NamesTheRankThatDidNotCome) {
  Meeting meeting;
  meeting.size = 3;
  std::thread other([&] {
    CollectiveOptions options = meeting.options(1);
    options.join_limit = seconds(2);
    EXPECT_THROW(open_collective(options), Error);
  });
  try {
    CollectiveOptions options = meeting.options(0);
    options.join_limit = seconds(1);
    open_collective(options);
    ADD_FAILURE() << "rank 2 was not missed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTransport);
    EXPECT_THAT(error.what(), HasSubstr("rank 2 did not come"));
  }
  other.join();
}

TEST(Collective, PassesAFailureToThoseWhoWait) {
  run_ranks(3, [](Collective& group) {
    if (group.rank() == 1) return group.fail("its disk is full");
    try {
      group.gather("waiting");
      ADD_FAILURE() << "waited for nobody";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("its disk is full"));
    }
  });
}

/// What rank 0 says when rank 1, a process that came to the group, is treated badly.
std::string after(const std::function<void(pid_t)>& treatment, const RankLimits& limits) {
  Meeting meeting;
  meeting.limits = limits;
  const pid_t child = fork();
  if (child == 0) {
    try {
      const auto group = open_collective(meeting.options(1));
      group->broadcast("", Patience::kWhileAlive);
      std::this_thread::sleep_for(seconds(30));
    } catch (const std::exception&) {
    }
    _exit(0);
  }
  std::string text;
  try {
    const auto group = open_collective(meeting.options(0));
    group->broadcast("go", Patience::kDeadline);
    treatment(child);
    std::vector<float> values(1000);
    group->start_sum(values);
    group->finish();
  } catch (const Error& error) {
    text = error.what();
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return text;
}

TEST(Collective, NamesARankThatIsKilled) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text =
      after([](pid_t child) { kill(child, SIGKILL); }, {milliseconds(1500), seconds(20)});
  EXPECT_THAT(text, HasSubstr("rank 1 gave no sign of life"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
}

TEST(Collective, IsNotEndedByTheSignalOfABrokenPipe) {
  signal(SIGPIPE, SIG_DFL);
  run_ranks(2, [](Collective&) {});
  struct sigaction present {};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &present), 0);
  EXPECT_EQ(present.sa_handler, SIG_IGN);
}

TEST(Collective, NamesARankThatHangs) {
  const std::string text =
      after([](pid_t child) { kill(child, SIGSTOP); }, {milliseconds(1500), seconds(20)});
  EXPECT_THAT(text, HasSubstr("rank 1 gave no sign of life"));
}

TEST(Collective, NamesARankThatLivesButDoesNotCome) {
  const std::string text = after([](pid_t) {}, {seconds(10), seconds(1)});
  EXPECT_THAT(text, HasSubstr("rank 1 is alive but did not come"));
}

}  // namespace
}  // namespace midpo
