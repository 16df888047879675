// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/outbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "runtime/core/error.h"

namespace midpo {

Outbox::Outbox(std::size_t limit) : limit_(limit), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  require(wake_.is_open(), ErrorCode::kTransport, "no event descriptor is left; raise ulimit -n");
}

bool Outbox::push(Outgoing message) {
  const std::lock_guard lock(mutex_);
  if (is_closed_ || messages_.size() >= limit_) return false;
  messages_.push_back(std::move(message));
  if (messages_.size() == 1) wake();
  return true;
}

std::deque<Outgoing> Outbox::take() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto ignored = ::read(wake_.get(), &count, sizeof count);
  return std::exchange(messages_, {});
}

void Outbox::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  wake();
}

void Outbox::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = ::write(wake_.get(), &one, sizeof one);
}

}  // namespace midpo
