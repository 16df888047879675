// SPDX-License-Identifier: Apache-2.0
#include "actors/policy_options.h"

#include <filesystem>

#include "runtime/config/option_values.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr double kLargestWeight = 1e6;

std::array<double, 2> parse_weights(const std::string& text) {
  const std::size_t comma = text.find(',');
  try {
    require(comma != std::string::npos, ErrorCode::kConfig, "has no comma");
    return {parse_number(text.substr(0, comma), -kLargestWeight, kLargestWeight),
            parse_number(text.substr(comma + 1), -kLargestWeight, kLargestWeight)};
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfig,
                "--mixture: " + text + " " + error.what() +
                    "; give the weights of the safety and the helpfulness expert: 0.5,0.5");
  }
}

void require_directory(const std::string& option, const std::string& path) {
  require(path.empty() || std::filesystem::is_directory(path), ErrorCode::kConfig,
          option + ": " + path + " is not a directory; give a PEFT adapter directory");
}

}  // namespace

void add_policy_options(OptionTable& table, PolicyConfig& config) {
  table.group("Model");
  table.text("model", &config.model, "DIR", "Base model, Hugging Face directory").is_required =
      true;
  table.text("adapter", &config.adapter, "DIR", "PEFT LoRA adapter on it");
  table.text("safety_adapter", &config.safety_adapter, "DIR", "Safety expert of a mixture");
  table.text("helpfulness_adapter", &config.helpfulness_adapter, "DIR",
             "Helpfulness expert of a mixture");
  table.text("router", &config.router, "DIR",
             "Gates that mix the experts: a router directory, or a published router.pth");
  table.text("mixture", &config.mixture, "A,B",
             "Fixed weights of safety and helpfulness expert instead of a router");
}

ModelOptions policy_options(const ComputeConfig& compute, const PolicyConfig& policy,
                            const std::string& device) {
  ModelOptions options = model_options(compute, policy.model, device, "--model");
  require_directory("--adapter", policy.adapter);
  require_directory("--safety-adapter", policy.safety_adapter);
  require_directory("--helpfulness-adapter", policy.helpfulness_adapter);
  options.adapter_path = policy.adapter;
  options.safety_adapter = policy.safety_adapter;
  options.helpfulness_adapter = policy.helpfulness_adapter;
  options.router_path = policy.router;
  if (!policy.mixture.empty()) options.mixture_weights = parse_weights(policy.mixture);
  return options;
}

}  // namespace midpo
