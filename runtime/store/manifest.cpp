// SPDX-License-Identifier: Apache-2.0
#include "runtime/store/manifest.h"

#include <nlohmann/json.hpp>

#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t num_filtered(const RunManifest& manifest) {
  std::uint64_t total = 0;
  for (const auto& [reason, rows] : manifest.rows_filtered) total += rows;
  return total;
}

Json inputs_json(const RunManifest& manifest) {
  Json list = Json::array();
  for (const ManifestInput& file : manifest.inputs) {
    list.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return list;
}

Json outputs_json(const RunManifest& manifest) {
  Json list = Json::array();
  for (const ManifestOutput& file : manifest.outputs) {
    list.push_back(
        {{"path", file.path}, {"bytes", file.bytes}, {"rows", file.rows}, {"sha256", file.sha256}});
  }
  return list;
}

Json models_json(const RunManifest& manifest) {
  Json list = Json::array();
  for (const ManifestModel& model : manifest.models) {
    list.push_back({{"role", model.role},
                    {"content_hash", model.content_hash},
                    {"dtype", model.dtype},
                    {"device", model.device},
                    {"numerics", model.numerics}});
  }
  return list;
}

Json rows_json(const RunManifest& manifest) {
  Json filtered = Json::object();
  for (const auto& [reason, rows] : manifest.rows_filtered) filtered[reason] = rows;
  return {{"in", manifest.rows_in},
          {"out", manifest.rows_out},
          {"filtered", filtered},
          {"quarantined", manifest.rows_quarantined}};
}

}  // namespace

void check_row_counts(const RunManifest& manifest) {
  const std::uint64_t filtered = num_filtered(manifest);
  if (manifest.rows_in == manifest.rows_out + filtered + manifest.rows_quarantined) return;
  throw Error(ErrorCode::kInternal,
              "rows do not add up: in " + std::to_string(manifest.rows_in) + ", out " +
                  std::to_string(manifest.rows_out) + " + filtered " + std::to_string(filtered) +
                  " + quarantined " + std::to_string(manifest.rows_quarantined) +
                  "; do not use the outputs, and report this as a defect of midpo");
}

std::string manifest_json(const RunManifest& manifest) {
  const Json json = {
      {"midpo_version", manifest.midpo_version},
      {"plan_hash", manifest.plan_hash},
      {"rows", rows_json(manifest)},
      {"inputs", inputs_json(manifest)},
      {"outputs", outputs_json(manifest)},
      {"models", models_json(manifest)},
      {"times", {{"started_at", manifest.started_at}, {"finished_at", manifest.finished_at}}}};
  // A path need not be UTF-8; JSON must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_manifest(const std::string& path, const RunManifest& manifest) {
  check_row_counts(manifest);
  write_file_atomically(path, manifest_json(manifest));
}

}  // namespace midpo
