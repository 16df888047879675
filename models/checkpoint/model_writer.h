// SPDX-License-Identifier: Apache-2.0
// Language and score models as Hugging Face directories.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/checkpoint/model_config.h"
#include "models/checkpoint/safetensors_writer.h"
#include "runtime/core/atomic_folder.h"

namespace midpo {

/// A model that descends from another one, whose config and tokenizer it keeps.
struct ModelToWrite {
  std::string source_dir;              ///< config.json, tokenizer files, generation_config.json
  std::vector<TensorToWrite> tensors;  ///< all weights, by HF's names
  std::string config_changes = "{}";   ///< JSON object: keys of config.json to set
};

/// Writes the directory; all or nothing. config.json names the type that the weights are stored in.
/// @throws Error kCheckpoint (source), kStorage; kConfig where the folder holds what may not be
/// replaced; kInternal where the tensors are not those of such a model.
void write_model(const std::string& dir, const ModelToWrite& model,
                 ExistingFolder existing = ExistingFolder::kReplaceOwn);

/// The same without a look at the tensors' names, into a folder to which more may be added.
void write_model_files(const AtomicFolder& folder, const ModelToWrite& model);

/// What a score model has beside its trunk and score_head.weight, score_head.bias.
struct ScoreModelToWrite {
  std::string source_dir;              ///< a language model or a score model
  std::vector<TensorToWrite> tensors;  ///< trunk ("model.layers...") and score_head
  ScoreHeadConfig head;
  float normalizer_mean = 0.0F;
  float normalizer_variance = 1.0F;
  std::int64_t normalizer_count = 0;
};

/// As safe-rlhf saves its models: architecture LlamaForScore (Qwen2ForScore, ...), the head's keys
/// in config.json, the normalizer's state among the weights. Throws as write_model().
void write_score_model(const std::string& dir, const ScoreModelToWrite& model,
                       ExistingFolder existing = ExistingFolder::kReplaceOwn);

}  // namespace midpo
