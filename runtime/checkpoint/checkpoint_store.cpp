// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/checkpoint_store.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/core/atomic_file.h"
#include "runtime/core/atomic_folder.h"
#include "runtime/core/error.h"
#include "runtime/core/hash.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr const char* kStateFile = "state.safetensors";
constexpr const char* kTrainerStateFile = "trainer_state.json";
constexpr const char* kLeavingSuffix = ".old";

/// The step in a folder's name; nothing for names that are not ours.
std::optional<std::uint64_t> step_in(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::uint64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [rest, status] = std::from_chars(name.data() + kPrefix.size(), end, step);
  if (status != std::errc() || rest != end) return std::nullopt;
  return step;
}

std::string hash_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  ContentHasher hasher;
  std::vector<char> bytes(std::size_t{1} << 20);
  while (file) {
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    hasher.update(bytes.data(), static_cast<std::size_t>(file.gcount()));
  }
  require(file.eof(), ErrorCode::kCheckpoint, path + ": cannot be read");
  return hasher.digest().hex();
}

/// What a kill left of removals.
void remove_leaving(const std::string& folder) {
  std::error_code ignored;
  std::vector<fs::path> leaving;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == kLeavingSuffix) leaving.push_back(entry.path());
  }
  for (const fs::path& path : leaving) fs::remove_all(path, ignored);
}

CheckpointStore::Found read_checkpoint(const std::string& folder) {
  const std::string path = folder + "/" + kTrainerStateFile;
  std::ifstream file(path, std::ios::binary);
  require(file.good(), ErrorCode::kCheckpoint, path + ": cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  CheckpointStore::Found found{parse_trainer_state(text.str(), path), folder + "/" + kStateFile};
  const std::string hash = hash_of_file(found.state_path);
  require(hash == found.state.state_hash, ErrorCode::kCheckpoint,
          found.state_path + ": is damaged (hash " + hash + ", recorded " + found.state.state_hash +
              ")");
  return found;
}

}  // namespace

CheckpointStore::CheckpointStore(std::string folder, std::uint64_t max_kept)
    : folder_(std::move(folder)), max_kept_(max_kept) {
  remove_leaving(folder_);
  remove_old();
}

std::string CheckpointStore::path_of(std::uint64_t step) const {
  return folder_ + "/" + std::string(kPrefix) + std::to_string(step);
}

void CheckpointStore::write(TrainerState state,
                            const std::function<void(const std::string& path)>& save_state) {
  AtomicFolder checkpoint(path_of(state.global_step), ExistingFolder::kReplaceOwn);
  save_state(checkpoint.file(kStateFile));
  state.state_hash = hash_of_file(checkpoint.file(kStateFile));
  write_file_atomically(checkpoint.file(kTrainerStateFile), trainer_state_json(state));
  checkpoint.publish();
  remove_old();
}

std::optional<CheckpointStore::Found> CheckpointStore::newest(
    std::vector<std::string>* damaged) const {
  const std::vector<std::uint64_t> all = steps();
  std::string problems;
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    try {
      return read_checkpoint(path_of(*step));
    } catch (const Error& error) {
      damaged->push_back(error.what());
      problems += std::string("\n  ") + error.what();
    }
  }
  require(all.empty(), ErrorCode::kCheckpoint,
          folder_ +
              ": no checkpoint is whole; restore one from a copy, or start anew with "
              "--overwrite:" +
              problems);
  return std::nullopt;
}

std::vector<std::uint64_t> CheckpointStore::steps() const {
  std::vector<std::uint64_t> found;
  std::error_code missing;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, missing)) {
    if (const auto step = step_in(entry.path().filename().string())) found.push_back(*step);
  }
  std::ranges::sort(found);
  return found;
}

void CheckpointStore::remove_old() const {
  if (max_kept_ == 0) return;
  std::vector<std::uint64_t> all = steps();
  for (std::size_t i = 0; i + max_kept_ < all.size(); ++i) {
    // Under another name first: a kill in the middle must not leave half a checkpoint behind.
    const std::string leaving = path_of(all[i]) + kLeavingSuffix;
    std::error_code problem;
    fs::rename(path_of(all[i]), leaving, problem);
    if (!problem) fs::remove_all(leaving, problem);
    require(!problem, ErrorCode::kStorage,
            path_of(all[i]) + ": cannot be removed: " + problem.message());
  }
}

}  // namespace midpo
