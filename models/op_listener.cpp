// SPDX-License-Identifier: Apache-2.0
#include "models/op_listener.h"

#include <ATen/record_function.h>

#include <memory>

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

OpListener g_listener = nullptr;

struct Started : at::ObserverContext {
  Clock::time_point time = Clock::now();
};

std::unique_ptr<at::ObserverContext> begin_op(const at::RecordFunction&) {
  return std::make_unique<Started>();
}

void end_op(const at::RecordFunction& op, at::ObserverContext* started) {
  g_listener(op.name(), static_cast<const Started*>(started)->time, Clock::now());
}

}  // namespace
}  // namespace midpo

extern "C" __attribute__((visibility("default"))) void midpo_listen_to_ops(
    midpo::OpListener listener) {
  midpo::g_listener = listener;
  at::addGlobalCallback(at::RecordFunctionCallback(midpo::begin_op, midpo::end_op)
                            .scopes({at::RecordScope::FUNCTION, at::RecordScope::USER_SCOPE}));
}
