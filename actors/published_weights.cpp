// SPDX-License-Identifier: Apache-2.0
#include "actors/published_weights.h"

#include <fcntl.h>

#include <filesystem>
#include <set>
#include <vector>

#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

std::set<fs::path> files_of(const std::string& path) {
  std::set<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  require(!error && !files.empty(), ErrorCode::kStorage, path + ": holds no published weights");
  return files;
}

struct OpenFile {
  std::string path;
  FileDescriptor descriptor;
};

Frame read_whole(const OpenFile& file, std::uint64_t offset, std::size_t size) {
  Frame bytes(size);
  for (std::size_t done = 0; done < size;) {
    auto* end = reinterpret_cast<char*>(bytes.data() + done);
    const std::size_t count =
        read_some_at(file.descriptor, file.path, end, size - done, offset + done);
    require(count > 0, ErrorCode::kStorage, file.path + ": became shorter while it was sent");
    done += count;
  }
  return bytes;
}

}  // namespace

ContentHash hash_folder(const std::string& path) {
  ContentHasher hasher;
  for (const fs::path& file : files_of(path)) {
    hasher.update(file.filename().string());
    hasher.update(sha256_of_file(file.string()));
  }
  return hasher.digest();
}

void verify_weights(const PublishedWeights& weights) {
  const ContentHash found = hash_folder(weights.path);
  require(found == weights.hash, ErrorCode::kStalePolicy,
          weights.path + ": is " + found.hex() + ", but version " +
              std::to_string(weights.version) + " was published as " + weights.hash.hex());
}

std::shared_ptr<const WeightsVersion> open_weights(const PublishedWeights& weights) {
  auto version = std::make_shared<WeightsVersion>();
  version->version = weights.version;
  version->content = weights.hash.hex();
  const auto files = std::make_shared<std::vector<OpenFile>>();
  for (const fs::path& path : files_of(weights.path)) {
    files->push_back({path.string(), open_file(path.string(), O_RDONLY)});
    version->files.push_back({path.filename().string(), fs::file_size(path)});
  }
  version->read = [files](std::size_t file, std::uint64_t offset, std::size_t size) {
    return read_whole(files->at(file), offset, size);
  };
  return version;
}

}  // namespace midpo
