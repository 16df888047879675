// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/atomic_folder.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <vector>

#include "runtime/core/atomic_file.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kListName = ".midpo";
constexpr const char* kListTitle =
    "# Files that midpo wrote here. It replaces the folder while no others are in it.";

/// Without trailing slashes, and where symbolic links lead: the link itself stays.
std::string resolved(const std::string& path) {
  std::error_code error;
  fs::path place = fs::weakly_canonical(path, error);
  if (error) throw storage_error(path, "look at it", error.value());
  if (!place.has_filename()) place = place.parent_path();
  return place.string();
}

std::vector<fs::directory_entry> entries_of(const std::string& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) throw storage_error(folder, "read the folder", error.value());
  return {entries, fs::directory_iterator()};
}

std::set<std::string> listed_names(const std::string& folder) {
  std::set<std::string> names;
  std::ifstream list(folder + "/" + kListName);
  std::string line;
  if (!std::getline(list, line) || line != kListTitle) return names;
  while (std::getline(list, line)) names.insert(line);
  return names;
}

void write_list(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : entries_of(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  std::string text = std::string(kListTitle) + "\n" + kListName + "\n";
  for (const std::string& name : names) text += name + "\n";
  write_file_atomically(folder + "/" + kListName, text);
}

void sync_contents(const std::string& folder) {
  for (const auto& entry : entries_of(folder)) {
    const std::string path = entry.path().string();
    sync_file(open_file(path, O_RDONLY), path);
  }
  sync_file(open_file(folder, O_RDONLY | O_DIRECTORY), folder);
}

void rename_or_throw(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    throw storage_error(to, "rename " + from + " to it", errno);
  }
}

/// Puts `fresh` where `path` is and the old folder where `fresh` was. File systems that cannot
/// exchange two names in one step leave a moment without the folder.
void exchange(const std::string& fresh, const std::string& path) {
  const int result = ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE);
  if (result == 0) return;
  if (errno != EINVAL && errno != ENOSYS) {
    throw storage_error(path, "exchange it with " + fresh, errno);
  }
  const std::string old = path + ".midpo-old";
  rename_or_throw(path, old);
  rename_or_throw(fresh, path);
  rename_or_throw(old, fresh);
}

}  // namespace

void require_replaceable(const std::string& path, ExistingFolder existing) {
  const std::string place = resolved(path);
  std::error_code error;
  const fs::file_status found = fs::status(place, error);
  if (!fs::exists(found)) return;
  require(fs::is_directory(found), ErrorCode::kConfig,
          path + ": is no folder; choose another path for the output");
  const std::set<std::string> own = listed_names(place);
  for (const auto& entry : entries_of(place)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory()) {
      throw Error(ErrorCode::kConfig, path + ": holds a folder, " + name +
                                          "; midpo replaces folders of files only: choose another");
    }
    if (existing != ExistingFolder::kReplace && !own.contains(name)) {
      const bool asks = existing == ExistingFolder::kAskToReplace;
      throw Error(ErrorCode::kConfig,
                  path + ": holds " + name + ", which midpo did not write; " +
                      (asks ? "choose another folder, or replace it with --overwrite"
                            : "it is never removed: move it away, or choose another folder"));
    }
  }
}

void remove_folder_atomically(const std::string& path) {
  const std::string old = path + ".midpo-old";
  std::error_code error;
  fs::remove_all(old, error);
  if (!error && fs::exists(path)) {
    rename_or_throw(path, old);
    fs::remove_all(old, error);
  }
  if (error) throw storage_error(path, "remove it", error.value());
}

AtomicFolder::AtomicFolder(const std::string& path, ExistingFolder existing)
    : path_(resolved(path)), temporary_path_(path_ + ".midpo-tmp") {
  require_replaceable(path, existing);
  std::error_code error;
  fs::remove_all(temporary_path_, error);
  if (error) throw storage_error(temporary_path_, "remove what a killed run left", error.value());
  make_directories(temporary_path_);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!is_published_) fs::remove_all(temporary_path_, ignored);
}

void AtomicFolder::publish() {
  write_list(temporary_path_);
  sync_contents(temporary_path_);
  std::error_code ignored;
  const bool is_replaced = fs::is_directory(path_, ignored) && !fs::is_empty(path_, ignored);
  if (is_replaced) {
    exchange(temporary_path_, path_);
  } else {
    rename_or_throw(temporary_path_, path_);
  }
  sync_parent_folder(path_);
  is_published_ = true;
  if (is_replaced) fs::remove_all(temporary_path_, ignored);
}

}  // namespace midpo
