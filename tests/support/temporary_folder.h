// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace midpo {

inline std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A folder of one test's own, removed with everything in it.
class TemporaryFolder {
 public:
  /// Under `base` where that exists (/dev/shm makes fsync cheap), else where temporary files go.
  explicit TemporaryFolder(const std::string& base = "") {
    namespace fs = std::filesystem;
    const fs::path parent = fs::is_directory(base) ? fs::path(base) : fs::temp_directory_path();
    path_ = (parent / "midpo-test-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  std::string write(const std::string& name, std::string_view bytes) const {
    write_file(file(name), bytes);
    return file(name);
  }
  std::string read(const std::string& name) const { return read_file(file(name)); }

 private:
  std::string path_;
};

}  // namespace midpo
