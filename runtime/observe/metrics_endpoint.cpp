// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/metrics_endpoint.h"

#include <charconv>

#include "runtime/core/error.h"
#include "runtime/observe/small_http.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

struct Address {
  std::string host;
  int port = 0;
};

Address parse_address(const std::string& text) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kConfig, "metrics_address is " + text + ": " + what +
                                        "; give a loopback address as 127.0.0.1:9464");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) fail("has no port");
  Address address{text.substr(0, colon), 0};
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (failure != std::errc() || stop != end || address.port < 1 || address.port > 65535) {
    fail("has no port from 1 to 65535");
  }
  if (address.host != "localhost" && !address.host.starts_with("127.")) fail("is not loopback");
  return address;
}

class HttpEndpoint final : public MetricsEndpoint {
 public:
  explicit HttpEndpoint(const Address& address)
      : server_(SmallHttpServer::open(
            address.host == "localhost" ? "127.0.0.1" : address.host, address.port,
            {"/metrics", kContentType, [] { return prometheus_text(actor_figures()); }})) {}

 private:
  std::unique_ptr<SmallHttpServer> server_;
};

void add_metric(std::string& text, const std::string& name, const std::string& type,
                const std::string& help, const std::vector<ActorFigures>& actors,
                double (*value)(const ActorFigures&)) {
  text += "# HELP " + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
  for (const ActorFigures& actor : actors) {
    text += name + "{actor=\"" + actor.name + "\"} " + number_text(value(actor)) + '\n';
  }
}

}  // namespace

std::string prometheus_text(const std::vector<ActorFigures>& actors) {
  std::string text;
  add_metric(text, "midpo_actor_busy_seconds_total", "counter", "Time an actor worked", actors,
             [](const ActorFigures& a) { return a.busy_seconds; });
  add_metric(text, "midpo_actor_alive_seconds_total", "counter", "Time since it was started",
             actors, [](const ActorFigures& a) { return a.alive_seconds; });
  add_metric(text, "midpo_actor_rows_total", "counter", "Rows it has done", actors,
             [](const ActorFigures& a) { return static_cast<double>(a.items); });
  add_metric(text, "midpo_actor_queue", "gauge", "What waits for it", actors,
             [](const ActorFigures& a) { return static_cast<double>(a.queue); });
  add_metric(text, "midpo_actor_state_seconds", "gauge", "Time in its present state", actors,
             [](const ActorFigures& a) { return a.state_seconds; });
  add_metric(text, "midpo_actor_idle", "gauge", "1 while it waits for work", actors,
             [](const ActorFigures& a) { return a.state == "idle" ? 1.0 : 0.0; });
  add_metric(text, "midpo_actor_weights_version", "gauge", "Steps behind its weights", actors,
             [](const ActorFigures& a) { return static_cast<double>(a.version); });
  return text;
}

std::unique_ptr<MetricsEndpoint> MetricsEndpoint::open(const std::string& address) {
  return std::make_unique<HttpEndpoint>(parse_address(address));
}

}  // namespace midpo
