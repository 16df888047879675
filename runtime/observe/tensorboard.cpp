// SPDX-License-Identifier: Apache-2.0
// Format: TFRecord frames around protocol-buffer messages Event{wall_time 1, step 2, file_version
// 3, summary 5, session_log 7}, Summary{value 1}, Value{tag 1, simple_value 2}.
#include "runtime/observe/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <system_error>

#include "runtime/core/crc32c.h"
#include "runtime/core/error.h"
#include "runtime/observe/append_file.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

enum class WireType : unsigned char { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string fixed(std::uint64_t value, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string field(int number, WireType type, const std::string& content) {
  const std::string tag =
      varint(static_cast<std::uint64_t>(number) << 3 | static_cast<std::uint64_t>(type));
  return tag + (type == WireType::kBytes ? varint(content.size()) : "") + content;
}

std::string field(int number, double value) {
  return field(number, WireType::kFixed64, fixed(std::bit_cast<std::uint64_t>(value), 8));
}

std::string field(int number, float value) {
  return field(number, WireType::kFixed32, fixed(std::bit_cast<std::uint32_t>(value), 4));
}

double unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::string events_path(const std::string& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem)
    throw Error(ErrorCode::kStorage, folder + ": cannot be created: " + problem.message());
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {"host"};
  const auto seconds = static_cast<std::int64_t>(unix_seconds());
  return folder + "/events.out.tfevents." + std::to_string(seconds) + "." + host.data() + "." +
         std::to_string(::getpid()) + ".0";
}

class TensorBoardWriter final : public MetricsWriter {
 public:
  TensorBoardWriter(const std::string& folder, std::uint64_t first_step)
      : file_(events_path(folder)) {
    const std::string event =
        field(1, unix_seconds()) + field(3, WireType::kBytes, "brain.Event:2");
    file_.append(tensorboard_record(event));
    if (first_step > 0) write_start(first_step);
  }

  void write(std::uint64_t step, std::span<const Metric> values) override {
    std::string summary;
    for (const auto& [name, value] : values) {
      require_finite(name, value, step);
      const std::string scalar =
          field(1, WireType::kBytes, std::string(name)) + field(2, static_cast<float>(value));
      summary += field(1, WireType::kBytes, scalar);
    }
    const std::string event = field(1, unix_seconds()) + field(2, WireType::kVarint, varint(step)) +
                              field(5, WireType::kBytes, summary);
    file_.append(tensorboard_record(event));
  }

 private:
  /// SessionLog{status 1 = START}: what was written from this step on is void.
  void write_start(std::uint64_t step) {
    const std::string session = field(1, WireType::kVarint, varint(1));
    file_.append(tensorboard_record(field(1, unix_seconds()) +
                                    field(2, WireType::kVarint, varint(step)) +
                                    field(7, WireType::kBytes, session)));
  }

  AppendFile file_;
};

}  // namespace

std::string tensorboard_record(std::string_view payload) {
  const auto masked = [](std::string_view bytes) {
    return fixed(std::rotr(crc32c(bytes), 15) + 0xa282ead8u, 4);
  };
  const std::string length = fixed(payload.size(), 8);
  return length + masked(length) + std::string(payload) + masked(payload);
}

std::unique_ptr<MetricsWriter> open_tensorboard(const std::string& folder,
                                                std::uint64_t first_step) {
  return std::make_unique<TensorBoardWriter>(folder, first_step);
}

}  // namespace midpo
