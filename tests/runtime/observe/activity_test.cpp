// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/activity.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "runtime/core/error.h"
#include "runtime/observe/live_view.h"
#include "runtime/observe/metrics_endpoint.h"
#include "runtime/observe/trace.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using nlohmann::json;

ActorFigures figures_of(const std::string& name) {
  for (const ActorFigures& figures : actor_figures()) {
    if (figures.name == name) return figures;
  }
  return {};
}

TEST(Activity, CountsTimeAndItemsOfWhatIsDone) {
  Activity activity("scorer 1");
  {
    const Activity::Busy busy = activity.busy("tile", 7);
    EXPECT_EQ(figures_of("scorer 1").state, "tile");
    EXPECT_EQ(figures_of("scorer 1").items, 0U);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const ActorFigures figures = figures_of("scorer 1");
  EXPECT_EQ(figures.state, "idle");
  EXPECT_EQ(figures.items, 7U);
  EXPECT_GE(figures.busy_seconds, 0.005);
  EXPECT_GE(figures.alive_seconds, figures.busy_seconds);
}

TEST(Activity, CarriesTheGroupOfItsJob) {
  const Activity store("store", "router");
  const Activity router("router", "router");
  std::vector<std::string> names;
  for (const ActorFigures& figures : actor_figures()) names.push_back(figures.name);
  EXPECT_EQ(names, (std::vector<std::string>{"router", "router store"}));
}

TEST(Trace, KeepsTheArrowsOfAJobBesideOthersApart) {
  TemporaryFolder folder;
  trace::open(folder.file("trace.json"));
  for (const std::string group : {"", "router"}) {
    Activity feeder("feeder", group);
    Activity::Busy busy = feeder.busy("compose");
    busy.begin_flow({"batch", 7});
  }
  trace::close();
  std::set<std::string> ids;
  for (const json& event : json::parse(folder.read("trace.json"))) {
    if (event["ph"] == "s") ids.insert(event["id"]);
  }
  EXPECT_EQ(ids.size(), 2U);
}

TEST(Activity, IsListedWhileItLivesInNumericalOrder) {
  const Activity ten("scorer 10");
  const Activity two("scorer 2");
  {
    const Activity feeder("feeder");
    std::vector<std::string> names;
    for (const ActorFigures& figures : actor_figures()) names.push_back(figures.name);
    EXPECT_EQ(names, (std::vector<std::string>{"feeder", "scorer 2", "scorer 10"}));
  }
  EXPECT_EQ(actor_figures().size(), 2U);
}

TEST(LiveView, GivesEachActorALineNoWiderThanTheTerminal) {
  Activity activity("safety expert");
  activity.set_version(12);
  activity.set_queue(3);
  const auto lines = actor_lines(actor_figures(), 200, 24);
  ASSERT_EQ(lines.size(), 1U);
  for (const char* part : {"safety expert", "idle", "queue 3", "version 12"}) {
    EXPECT_NE(lines[0].find(part), std::string::npos) << part;
  }
  EXPECT_EQ(actor_lines(actor_figures(), 20, 24).front().size(), 20U);
}

TEST(LiveView, CountsTheActorsThatTheTerminalHasNoRoomFor) {
  const std::vector<ActorFigures> actors(5);
  EXPECT_EQ(actor_lines(actors, 80, 5).size(), 5U);
  const auto lines = actor_lines(actors, 80, 3);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines.back(), "  and 3 more");
  EXPECT_EQ(actor_lines(actors, 80, -1), std::vector<std::string>{"  and 5 more"});
}

TEST(Trace, HoldsSpansAndTheArrowsBetweenThem) {
  const TemporaryFolder folder;
  trace::open(folder.file("trace.json"));
  Activity scorer("scorer 1");
  Activity store("store");
  {
    Activity::Busy busy = scorer.busy("reward tile", 16);
    busy.begin_flow({"tile", 5});
  }
  {
    Activity::Busy busy = store.busy("commit");
    busy.continue_flow({"tile", 5});
  }
  trace::close();
  const json events = json::parse(folder.read("trace.json"));
  const auto count = [&](const char* phase) {
    return std::count_if(events.begin(), events.end(),
                         [&](const json& event) { return event["ph"] == phase; });
  };
  EXPECT_EQ(count("M"), 2);
  EXPECT_EQ(count("X"), 2);
  std::vector<json> arrow;
  for (const json& event : events) {
    if (event["ph"] == "s" || event["ph"] == "t") arrow.push_back(event);
  }
  ASSERT_EQ(arrow.size(), 2U);
  EXPECT_EQ(arrow[0]["id"], arrow[1]["id"]);
  EXPECT_NE(arrow[0]["tid"], arrow[1]["tid"]);
}

TEST(Trace, IsReadableUpToAKill) {
  const TemporaryFolder folder;
  trace::open(folder.file("trace.json"));
  Activity scorer("scorer 1");
  for (int i = 0; i < 600; ++i) const Activity::Busy busy = scorer.busy("tile");
  std::ifstream file(folder.file("trace.json"));
  std::string line;
  int complete = 0;
  while (std::getline(file, line)) complete += line.ends_with("},") ? 1 : 0;
  EXPECT_GT(complete, 256);
  trace::close();
}

TEST(MetricsEndpoint, SpeaksPrometheus) {
  Activity activity("scorer 1");
  { const Activity::Busy busy = activity.busy("tile", 3); }
  const std::string text = prometheus_text(actor_figures());
  EXPECT_NE(text.find("# TYPE midpo_actor_rows_total counter\n"
                      "midpo_actor_rows_total{actor=\"scorer 1\"} 3\n"),
            std::string::npos);
}

TEST(MetricsEndpoint, IsRefusedBeyondTheLoopback) {
  for (const char* address : {"0.0.0.0:9464", "10.0.0.1:9464", "127.0.0.1", "127.0.0.1:0"}) {
    EXPECT_THROW(MetricsEndpoint::open(address), Error) << address;
  }
}

}  // namespace
}  // namespace midpo
