// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/store/crash_job.h"

#include <sys/mman.h>

#include <filesystem>
#include <new>
#include <vector>

#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"
#include "runtime/store/run_store.h"
#include "tests/support/temporary_folder.h"

namespace midpo::testing {
namespace {

constexpr const char* kPlan = "{\"job\":\"crash\"}";
constexpr const char* kManifest = "{\"rows\":\"all\"}\n";

ContentHash content_of(std::uint64_t row) { return content_hash(&row, sizeof row); }

std::vector<double> values_of(const CrashJob& job, std::uint64_t row, std::uint32_t model) {
  std::vector<double> values;
  for (int k = 0; k < job.values_per_row; ++k) {
    values.push_back(static_cast<double>(row) + 0.001 * k + 0.1 * model);
  }
  return values;
}

std::string block_text(const CrashJob& job, std::uint64_t block) {
  std::string text;
  for (std::uint64_t i = 0; i < job.rows_per_block; ++i) {
    text += "{\"row\":" + std::to_string(block * job.rows_per_block + i) + "}\n";
  }
  return text;
}

std::string blocks_text(const CrashJob& job, std::uint64_t num_blocks) {
  std::string text;
  for (std::uint64_t block = 0; block < num_blocks; ++block) text += block_text(job, block);
  return text;
}

std::string output_path(const CrashJob& job) { return job.folder + "/out.jsonl"; }
std::string manifest_path(const CrashJob& job) { return job.folder + "/manifest.json"; }

std::uint64_t durable_bytes(const Frontier& frontier) {
  return frontier.file_sizes.empty() ? 0 : frontier.file_sizes[0];
}

void put_block(const CrashJob& job, RunStore& store, std::uint64_t block) {
  const std::uint32_t models[] = {store.model_id("r", "reward"), store.model_id("c", "cost")};
  const std::uint64_t first = block * job.rows_per_block;
  for (std::uint64_t row = first; row < first + job.rows_per_block; ++row) {
    for (const std::uint32_t model : models) {
      const StoredScore score{content_of(row), values_of(job, row, model)};
      store.put_scores(model, {&score, 1});
    }
    const RunStore::Verdict verdict{row, content_of(row), "kept", ""};
    store.put_verdicts({&verdict, 1});
  }
}

/// All rows of a block stored as they were put (is_there), or none of them.
bool has_block(const CrashJob& job, RunStore& store, std::uint64_t block, bool is_there) {
  for (std::uint64_t i = 0; i < job.rows_per_block; ++i) {
    const std::uint64_t row = block * job.rows_per_block + i;
    const ContentHash content = content_of(row);
    for (const std::uint32_t model : {1u, 2u}) {
      const auto found = store.find_scores(model, {&content, 1})[0];
      if (found.has_value() != is_there) return false;
      if (is_there && *found != values_of(job, row, model)) return false;
    }
  }
  return true;
}

std::string find_loss_in_output(const CrashJob& job, const CrashReport& report,
                                const Frontier& frontier) {
  const std::string wanted = blocks_text(job, frontier.next_block);
  if (durable_bytes(frontier) != wanted.size()) return "frontier and output size differ";
  const GrowingFile output(output_path(job), durable_bytes(frontier));
  const std::string partial = output_path(job) + ".partial";
  const std::string found = read_file(output.is_published() ? output_path(job) : partial);
  if (found != wanted) return "output holds " + std::to_string(found.size()) + " wrong bytes";
  if (report.is_published && read_file(output_path(job)) != expected_output(job)) {
    return "published output lost";
  }
  const std::string manifest = read_file(manifest_path(job));
  return manifest.empty() || manifest == kManifest ? "" : "manifest is torn";
}

}  // namespace

SharedReport::SharedReport() {
  void* memory =
      mmap(nullptr, sizeof(CrashReport), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  report_ = new (memory) CrashReport;
}

SharedReport::~SharedReport() { munmap(report_, sizeof(CrashReport)); }

void run_crash_job(const CrashJob& job, CrashReport& report) {
  const auto store = RunStore::open(job.folder);
  store->record_plan(kPlan);
  Frontier frontier = store->frontier();
  report.acked_blocks = frontier.next_block;  // what an earlier life committed but could not report
  GrowingFile output(output_path(job), durable_bytes(frontier));
  while (frontier.next_block < job.num_blocks) {
    put_block(job, *store, frontier.next_block);
    output.append(block_text(job, frontier.next_block));
    frontier = {frontier.next_block + 1, {output.make_durable()}, "{}"};
    store->set_frontier(frontier);
    store->commit();
    report.acked_blocks = frontier.next_block;
  }
  output.publish();
  write_file_atomically(manifest_path(job), kManifest);
  report.is_published = true;
}

std::string expected_output(const CrashJob& job) { return blocks_text(job, job.num_blocks); }

std::string find_loss(const CrashJob& job, const CrashReport& report) {
  const auto store = RunStore::open(job.folder);
  const Frontier frontier = store->frontier();
  const std::uint64_t acked = report.acked_blocks;
  if (frontier.next_block < acked || frontier.next_block > acked + 1) {
    return "acknowledged " + std::to_string(acked) + " blocks, stored " +
           std::to_string(frontier.next_block);
  }
  if (acked > 0 && store->plan() != kPlan) return "plan lost";
  for (std::uint64_t block = 0; block < job.num_blocks; ++block) {
    if (!has_block(job, *store, block, block < frontier.next_block)) {
      return "block " + std::to_string(block) + " is wrong";
    }
  }
  if (frontier.next_block == 0) return "";
  return find_loss_in_output(job, report, frontier);
}

}  // namespace midpo::testing
