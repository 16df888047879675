// SPDX-License-Identifier: Apache-2.0
#include "actors/run_folder.h"

#include <filesystem>

#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

/// Everything a run writes into its folder.
constexpr const char* kRunFiles[] = {"config.yaml", "run.db",        "run.db-wal",
                                     "run.db-shm",  "manifest.json", "metrics.jsonl",
                                     "log.jsonl",   "lock",          "identity"};

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  require(!error, ErrorCode::kStorage, path.string() + ": cannot be removed: " + error.message());
}

void discard(const RunFolder& folder) {
  for (const char* name : kRunFiles) remove_file(folder.file(name));
  for (const std::string& output : folder.outputs) {
    remove_file(output);
    remove_file(output + ".partial");
  }
}

}  // namespace

RunStart prepare_run_folder(const RunFolder& folder, bool resume, bool overwrite) {
  require(!(resume && overwrite), ErrorCode::kConfig,
          "resume and overwrite exclude each other; give one of them");
  make_directories(folder.dir);
  if (overwrite) {
    discard(folder);
    return RunStart::kFresh;
  }
  const bool has_state = fs::exists(folder.file("run.db"));
  if (has_state && fs::exists(folder.file("manifest.json"))) {
    require(resume, ErrorCode::kConfig,
            folder.dir +
                " holds a finished run; choose another --run-dir, or discard it with --overwrite");
    return RunStart::kFinished;
  }
  if (has_state) {
    require(
        resume, ErrorCode::kConfig,
        folder.dir +
            " holds an unfinished run; continue it with --resume, or discard it with --overwrite");
    return RunStart::kResume;
  }
  for (const std::string& output : folder.outputs) {
    require(!fs::exists(output), ErrorCode::kConfig,
            output + " exists and no run of " + folder.dir +
                " made it; choose another path, or replace it with --overwrite");
    make_directories(fs::absolute(output).parent_path().string());
  }
  return RunStart::kFresh;
}

}  // namespace midpo
