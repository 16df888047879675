// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/metrics.h"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/core/error.h"
#include "runtime/core/json_text.h"
#include "runtime/observe/append_file.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

std::string unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::array<char, 32> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.3f", std::chrono::duration<double>(now).count());
  return buffer.data();
}

class JsonLines final : public MetricsWriter {
 public:
  explicit JsonLines(const std::string& path) : file_(path) { file_.remove_cut_line(); }

  void write(std::uint64_t step, std::span<const Metric> values) override {
    std::string line = "{\"step\":" + std::to_string(step) + ",\"time\":" + unix_time();
    for (const auto& [name, value] : values) {
      require_finite(name, value, step);
      line += ',' + json_string(name) + ':' + number_text(value);
    }
    file_.append(line + "}\n");
  }

 private:
  AppendFile file_;
};

}  // namespace

std::unique_ptr<MetricsWriter> MetricsWriter::open(const std::string& path) {
  return std::make_unique<JsonLines>(path);
}

void keep_metrics(const std::string& path, std::uint64_t num_lines) {
  std::ifstream file(path, std::ios::binary);
  std::uintmax_t kept = 0;
  std::string line;
  for (std::uint64_t i = 0; i < num_lines; ++i) {
    if (!std::getline(file, line) || file.eof()) return;
    kept += line.size() + 1;
  }
  file.close();
  if (!std::filesystem::exists(path)) return;
  std::error_code problem;
  std::filesystem::resize_file(path, kept, problem);
  require(!problem, ErrorCode::kStorage, path + ": cannot be cut: " + problem.message());
}

void require_finite(std::string_view metric, double value, std::uint64_t step) {
  if (std::isfinite(value)) return;
  throw Error(ErrorCode::kNumerics, "metric " + std::string(metric) + " is " + number_text(value) +
                                        " at step " + std::to_string(step) + ", must be finite");
}

}  // namespace midpo
