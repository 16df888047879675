// SPDX-License-Identifier: Apache-2.0
#include "actors/error_boundary.h"

#include <new>
#include <system_error>

namespace midpo {
namespace {

caf::error make(ErrorCode code, const std::string& text) {
  return caf::error(static_cast<std::uint8_t>(static_cast<int>(code) + 1), caf::atom("midpo"),
                    caf::make_message(text));
}

}  // namespace

caf::error to_caf_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return make(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return make(ErrorCode::kOutOfMemory, "out of memory");
  } catch (const std::system_error& error) {
    const bool lacks_thread = error.code() == std::errc::resource_unavailable_try_again;
    if (!lacks_thread) return make(ErrorCode::kInternal, error.what());
    return make(ErrorCode::kOutOfMemory,
                "a thread cannot be started; allow more of them (ulimit -u, the pids limit of a "
                "container) or more memory, or ask for fewer actors");
  } catch (const std::exception& error) {
    return make(ErrorCode::kInternal, error.what());
  }
}

Error from_caf_error(const caf::error& reason, const std::string& who) {
  if (reason.category() == caf::atom("midpo") && reason.context().match_elements<std::string>()) {
    return Error(static_cast<ErrorCode>(reason.code() - 1),
                 reason.context().get_as<std::string>(0));
  }
  return Error(ErrorCode::kInternal, who + " ended unexpectedly: " + caf::to_string(reason));
}

}  // namespace midpo
