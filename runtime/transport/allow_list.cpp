// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/allow_list.h"

#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "runtime/core/error.h"

namespace midpo {
namespace {

struct Line {
  std::string place;  ///< FILE:NUMBER
  PublicKey key;
  KeyRights rights;
};

Line parse_line(const std::string& text, const std::string& place) {
  std::istringstream words(text);
  std::string digits, name, roles, rest;
  words >> digits >> name >> roles >> rest;
  const auto key = parse_public_key(digits);
  require(key.has_value(), ErrorCode::kConfig,
          place +
              ": is no public key; a line is 64 hex digits and a name, as in the NAME.pub of "
              "midpo keygen");
  Line line{place, *key, {name.empty() ? digits.substr(0, 8) : name}};
  const std::string who = place + ": key " + line.rights.name + " (" + digits.substr(0, 8) + "...)";
  require(rest.empty(), ErrorCode::kConfig,
          who + " is followed by '" + roles + " " + rest +
              "', must be followed by its roles in one word, as scorer,generator, or by nothing");
  if (!roles.empty()) line.rights.roles = parse_worker_roles(roles, who + ": its list of roles");
  return line;
}

std::vector<Line> read_lines(const std::string& path) {
  std::ifstream file(path);
  require(file.good(), ErrorCode::kConfig, path + ": cannot be read");
  std::vector<Line> lines;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text.front() == '#') continue;
    lines.push_back(parse_line(text, path + ":" + std::to_string(number)));
  }
  require(!lines.empty(), ErrorCode::kConfig, path + ": holds no public key");
  return lines;
}

}  // namespace

PublicKey read_public_key(const std::string& path) {
  const std::vector<Line> lines = read_lines(path);
  require(lines.size() == 1, ErrorCode::kConfig,
          path + ": holds " + std::to_string(lines.size()) + " keys, must hold one");
  return lines.front().key;
}

AllowList AllowList::read(const std::string& path) {
  AllowList list;
  for (Line& line : read_lines(path)) {
    const auto [entry, is_new] = list.rights_.emplace(line.key, line.rights);
    require(is_new || entry->second == line.rights, ErrorCode::kConfig,
            line.place + ": key " + line.rights.name +
                " stands in another line with another name or other roles; remove one of them");
  }
  return list;
}

std::optional<KeyRights> AllowList::find(const PublicKey& key) const {
  const auto found = rights_.find(key);
  if (found == rights_.end()) return std::nullopt;
  return found->second;
}

std::size_t AllowedKeys::reload() {
  AllowList fresh = AllowList::read(path_);
  const std::lock_guard lock(mutex_);
  list_ = std::move(fresh);
  return list_.size();
}

std::optional<KeyRights> AllowedKeys::find(const PublicKey& key) const {
  const std::lock_guard lock(mutex_);
  return list_.find(key);
}

}  // namespace midpo
