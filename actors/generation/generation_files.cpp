// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/generation_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "actors/model_options.h"
#include "actors/output_paths.h"
#include "actors/rank_plan.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string partial_path(const OutputChoice& choice) { return choice.path + ".partial"; }
std::string plan_path(const OutputChoice& choice) { return choice.path + ".plan.json"; }

struct CompleteLines {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;  ///< up to and with the last line feed
};

CompleteLines complete_lines(const std::string& path) {
  CompleteLines lines;
  std::ifstream file(path, std::ios::binary);
  std::array<char, 1 << 16> block;
  std::uint64_t read = 0;
  while (file.read(block.data(), block.size()) || file.gcount() > 0) {
    const auto end = block.begin() + file.gcount();
    for (auto feed = std::find(block.begin(), end, '\n'); feed != end;
         feed = std::find(feed + 1, end, '\n')) {
      ++lines.count;
      lines.bytes = read + static_cast<std::uint64_t>(feed - block.begin()) + 1;
    }
    read += static_cast<std::uint64_t>(file.gcount());
  }
  return lines;
}

/// @param output  what was written under the recorded plan
void check_recorded_plan(const OutputChoice& choice, const std::string& output,
                         const std::string& plan) {
  std::ifstream file(plan_path(choice), std::ios::binary);
  require(file.good(), ErrorCode::kConfig,
          output + " is there but not " + plan_path(choice) +
              ", which says how it was made; choose another --output, or start anew with "
              "--overwrite");
  check_same_plan({std::istreambuf_iterator<char>(file), {}}, plan,
                  "choose another --output, or start anew with --overwrite");
}

void discard(const std::string& path) {
  std::error_code failure;
  fs::remove(path, failure);
  require(!failure, ErrorCode::kStorage, path + ": cannot be removed: " + failure.message());
}

}  // namespace

bool prepare_output(const OutputChoice& choice) {
  require(!(choice.resume && choice.overwrite), ErrorCode::kConfig,
          "resume and overwrite exclude each other; give one of them");
  const fs::path folder = fs::absolute(choice.path).parent_path();
  make_directories(folder.string());
  if (choice.overwrite) {
    for (const std::string& path : {choice.path, partial_path(choice), plan_path(choice)}) {
      discard(path);
    }
    return true;
  }
  const bool is_finished = fs::exists(choice.path);
  require_replaceable({choice.path}, choice.resume);
  require(choice.resume || !fs::exists(partial_path(choice)), ErrorCode::kConfig,
          partial_path(choice) +
              " holds an unfinished output; continue it with --resume, or discard it with "
              "--overwrite");
  return !is_finished;
}

std::string generation_plan(const GenerationJob& job, const std::vector<InputFile>& inputs) {
  const ResponseOptions& responses = job.responses;
  const ModelInfo& info = job.model().info();
  const json plan{{"plan_version", 1},
                  {"data", input_entries(inputs)},
                  {"model", info.content.hex()},
                  {"dtype", dtype_name(info.dtype)},
                  {"numerics", info.numerics},
                  {"plain", job.is_plain},
                  {"temperature", responses.sampling.temperature},
                  {"top_k", responses.sampling.top_k},
                  {"top_p", responses.sampling.top_p},
                  {"repetition_penalty", responses.sampling.repetition_penalty},
                  {"num_samples", responses.num_samples},
                  {"max_new_tokens", responses.max_new_tokens},
                  {"max_length", responses.max_length},
                  {"stop", responses.stops},
                  {"stop_ids", responses.stop_ids},
                  {"log_probs", responses.wants_log_probs},
                  {"seed", responses.seed}};
  return plan.dump(1) + "\n";
}

std::unique_ptr<GrowingFile> open_output(const OutputChoice& choice, const std::string& plan,
                                         std::uint64_t& num_rows) {
  num_rows = 0;
  std::uint64_t bytes = 0;
  if (choice.resume && fs::exists(partial_path(choice))) {
    check_recorded_plan(choice, partial_path(choice), plan);
    const CompleteLines lines = complete_lines(partial_path(choice));
    num_rows = lines.count;
    bytes = lines.bytes;
  } else {
    write_file_atomically(plan_path(choice), plan);
  }
  return std::make_unique<GrowingFile>(choice.path, bytes);
}

void check_finished_output(const OutputChoice& choice, const std::string& plan) {
  check_recorded_plan(choice, choice.path, plan);
}

void remove_if_empty(const OutputChoice& choice) {
  std::error_code failure;
  if (fs::file_size(partial_path(choice), failure) != 0 || failure) return;
  discard(partial_path(choice));
  discard(plan_path(choice));
}

}  // namespace midpo
