// SPDX-License-Identifier: Apache-2.0
// A base model, experts and a router of a few numbers each, in a folder of the test's own.
#pragma once

#include <string>
#include <vector>

#include "models/checkpoint/adapter_writer.h"
#include "models/checkpoint/expected_tensors.h"
#include "models/checkpoint/router_writer.h"
#include "models/checkpoint/safetensors_writer.h"
#include "tests/support/temporary_folder.h"

namespace midpo::test {

inline constexpr std::int64_t kHidden = 8;
inline constexpr std::int64_t kIntermediate = 6;
inline constexpr std::int64_t kLayers = 2;
inline constexpr std::int64_t kGateWidth = 4;

inline std::string base_config(const std::string& more = "") {
  return R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":8,
      "intermediate_size":6,"num_hidden_layers":2,"num_attention_heads":2,"vocab_size":9,
      "torch_dtype":"float32")" +
         more + "}";
}

inline std::string down_projection(std::int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".mlp.down_proj";
}

class SmallParts {
 public:
  SmallParts() { write_base(base_config()); }

  const std::string& path() const { return folder_.path(); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  std::string read(const std::string& name) const { return folder_.read(name); }

  /// Every weight is 0.5.
  void write_base(const std::string& config) const {
    std::filesystem::create_directories(file("base"));
    folder_.write("base/config.json", config);
    std::vector<TensorToWrite> tensors;
    for (const ExpectedTensor& tensor : expected_tensors(parse_model_config(config, "base"))) {
      if (tensor.is_optional) continue;
      tensors.push_back({tensor.name, StoredType::kFloat32, tensor.shape, halves_.data()});
    }
    write_safetensors(file("base/model.safetensors"), tensors);
  }

  /// A is all 0.5, B all 0.5: with rank 2 and alpha 4 the update is 2 * 2 * 0.25 = 1 everywhere.
  AdapterToWrite expert() const {
    AdapterToWrite adapter{"base", 2, 4.0, {"down_proj"}, {}};
    for (std::int64_t layer = 0; layer < kLayers; ++layer) {
      adapter.factors.push_back(
          {down_projection(layer), kIntermediate, kHidden, halves_.data(), halves_.data()});
    }
    return adapter;
  }

  RouterToWrite router() const {
    RouterToWrite router;
    router.num_layers = kLayers;
    router.intermediate_size = kIntermediate;
    router.gate_width = kGateWidth;
    router.lora_scale = 2.0;
    for (const ExpectedTensor& tensor : router_tensors(kLayers, kIntermediate, kGateWidth)) {
      router.tensors.push_back({tensor.name, StoredType::kFloat32, tensor.shape, halves_.data()});
    }
    return router;
  }

 private:
  TemporaryFolder folder_;
  std::vector<float> halves_ = std::vector<float>(256, 0.5F);
};

}  // namespace midpo::test
