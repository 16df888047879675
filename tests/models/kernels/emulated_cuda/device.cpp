// SPDX-License-Identifier: Apache-2.0
#include "tests/models/kernels/emulated_cuda/device.h"

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace midpo::emulated_cuda {
namespace {

constexpr std::size_t kWarp = 32;
constexpr std::size_t kStackBytes = 128 * 1024;

enum class State { kReady, kInShuffle, kAtBarrier, kEnded };

/// A thread of a block, with a stack of its own; never moved while it runs.
struct Thread {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  State state = State::kReady;
  Size index;
  float offered = 0.0F;  ///< to the lane that asks for it
  unsigned lane_mask = 0;
};

Order order = Order::kForwards;
Place here;
std::vector<std::unique_ptr<Thread>> threads;  ///< of the block, kept for the next one
Thread* running = nullptr;
ucontext_t scheduler;
const std::function<void()>* body = nullptr;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "emulated CUDA: block (%u, %u): %s\n", here.block_index.x,
               here.block_index.y, what);
  std::abort();
}

void run_body() {
  (*body)();
  running->state = State::kEnded;
  swapcontext(&running->context, &scheduler);
}

void wait_in(State state) {
  running->state = state;
  swapcontext(&running->context, &scheduler);
  here.thread_index = running->index;
}

void resume(Thread& thread) {
  running = &thread;
  here.thread_index = thread.index;
  swapcontext(&scheduler, &thread.context);
}

void start(Thread& thread, Size index) {
  thread.index = index;
  thread.state = State::kReady;
  getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = thread.stack.get();
  thread.context.uc_stack.ss_size = kStackBytes;
  thread.context.uc_link = nullptr;
  makecontext(&thread.context, run_body, 0);
}

using Lanes = std::span<const std::unique_ptr<Thread>>;

bool all_in(Lanes lanes, State state) {
  return std::ranges::all_of(lanes, [&](const auto& lane) { return lane->state == state; });
}

bool has(Lanes lanes, State state) {
  return std::ranges::any_of(lanes, [&](const auto& lane) { return lane->state == state; });
}

void shuffle(Lanes lanes) {
  if (!all_in(lanes, State::kInShuffle)) fail("not all lanes of a warp come to a shuffle");
  std::vector<float> offered;
  for (const auto& lane : lanes) offered.push_back(lane->offered);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    lanes[i]->offered = offered.at(i ^ lanes[i]->lane_mask);
    lanes[i]->state = State::kReady;
  }
}

/// Until every lane has ended or waits for the block.
void run_warp(Lanes lanes) {
  do {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      Thread& lane = *lanes[order == Order::kForwards ? i : lanes.size() - 1 - i];
      if (lane.state == State::kReady) resume(lane);
    }
    if (has(lanes, State::kInShuffle)) shuffle(lanes);
  } while (has(lanes, State::kReady));
}

void run_block() {
  const Lanes all(threads);
  const std::size_t num_warps = (all.size() + kWarp - 1) / kWarp;
  while (!all_in(all, State::kEnded)) {
    for (std::size_t i = 0; i < num_warps; ++i) {
      const std::size_t warp = order == Order::kForwards ? i : num_warps - 1 - i;
      run_warp(all.subspan(warp * kWarp, std::min(kWarp, all.size() - warp * kWarp)));
    }
    if (!has(all, State::kAtBarrier)) continue;
    if (!all_in(all, State::kAtBarrier)) fail("not all threads come to __syncthreads()");
    for (const auto& thread : all) thread->state = State::kReady;
  }
}

}  // namespace

void set_order(Order value) { order = value; }

const Place& place() { return here; }

void run(Size grid, Size block, const std::function<void()>& thread) {
  body = &thread;
  threads.resize(block.x * block.y * block.z);
  here = {grid, block, {0, 0, 0}, {0, 0, 0}};
  for (unsigned number = 0; number < grid.x * grid.y * grid.z; ++number) {
    here.block_index = {number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y};
    for (unsigned i = 0; i < threads.size(); ++i) {
      if (!threads[i]) threads[i] = std::make_unique<Thread>();
      start(*threads[i], {i % block.x, i / block.x % block.y, i / block.x / block.y});
    }
    run_block();
  }
}

void meet_block() { wait_in(State::kAtBarrier); }

float exchange(float value, unsigned lane_mask) {
  running->offered = value;
  running->lane_mask = lane_mask;
  wait_in(State::kInShuffle);
  return running->offered;
}

}  // namespace midpo::emulated_cuda
