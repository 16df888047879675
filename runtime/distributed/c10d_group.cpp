// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/c10d_group.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <thread>

#include "runtime/core/error.h"
#include "runtime/distributed/life_signs.h"

namespace midpo {
namespace {

using Clock = RankBoard::Clock;

constexpr std::chrono::milliseconds kPoll{20};

c10::intrusive_ptr<c10d::Store> open_store(const CollectiveOptions& options) {
  c10d::TCPStoreOptions store;
  store.port = options.rendezvous.port;
  store.isServer = options.rank == 0;
  store.waitWorkers = false;
  store.timeout = options.join_limit;
  // Left to itself the server would listen on every address of the host.
  if (store.isServer) store.masterListenFd = options.listener;
  return c10::make_intrusive<c10d::TCPStore>(options.rendezvous.host, store);
}

std::string missing_ranks(c10d::Store& store, int size) {
  std::string missing;
  for (int i = 0; i < size; ++i) {
    if (store.check({sign_key(i)})) continue;
    missing += (missing.empty() ? "rank " : ", rank ") + std::to_string(i);
  }
  return missing;
}

void wait_for_all(c10d::Store& store, const CollectiveOptions& options, Clock::time_point start) {
  while (true) {
    const std::string missing = missing_ranks(store, options.size);
    if (missing.empty()) return;
    const std::string ended = options.watch ? options.watch() : std::string();
    require(ended.empty(), ErrorCode::kTransport, ended + " before it joined the others");
    require(Clock::now() - start < options.join_limit, ErrorCode::kTransport,
            missing + " did not come to " + options.rendezvous.text() + " within " +
                seconds_text(options.join_limit));
    std::this_thread::sleep_for(kPoll);
  }
}

c10::intrusive_ptr<c10d::Backend> make_gloo_group(const c10::intrusive_ptr<c10d::Store>& store,
                                                  const CollectiveOptions& options) {
  auto gloo = c10d::ProcessGroupGloo::Options::create(options.join_limit);
  gloo->devices = {
      c10d::ProcessGroupGloo::createDeviceForHostname(own_address_towards(options.rendezvous))};
  return c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>("gloo", store), options.rank, options.size, gloo);
}

}  // namespace

JoinedGroup join_group(const CollectiveOptions& options) {
  const auto start = Clock::now();
  JoinedGroup group;
  group.store = open_store(options);
  write_sign(*group.store, options.rank, {});
  wait_for_all(*group.store, options, start);
  group.store_of_signs = group.store->clone();
  group.bytes = make_gloo_group(group.store, options);
  group.arrays = options.device == "cpu" ? group.bytes : make_nccl_group(group.store, options);
  return group;
}

}  // namespace midpo
