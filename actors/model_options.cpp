// SPDX-License-Identifier: Apache-2.0
#include "actors/model_options.h"

#include <filesystem>

#include "runtime/core/control_group.h"
#include "runtime/core/error.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

DType dtype_from_name(const std::string& name) {
  return name == "bfloat16" || name == "bf16" ? DType::kBFloat16 : DType::kFloat32;
}

}  // namespace

void add_compute_options(OptionTable& table, ComputeConfig& config,
                         const std::vector<std::string>& templates) {
  table.group("Computing");
  table.choice("dtype", &config.dtype, {"float32", "bfloat16", "fp32", "bf16"},
               "Weights and activations");
  table.text("device", &config.device, "DEVICE", "cpu, cuda:0, or several: cuda:0,cuda:1");
  table.flag("allow_pickle", &config.allow_pickle,
             "Read .bin weights, through a reader that runs no code");
  table.group("Text");
  table.integer("max_length", &config.max_length, 1, 1 << 20,
                "Tokens a sequence may have; cut on the right (prompts to be answered: refused)");
  table.choice("template", &config.template_name, templates, "How prompt and response are joined");
}

std::vector<std::string> device_list(const ComputeConfig& config) {
  std::vector<std::string> devices;
  std::size_t start = 0;
  while (start <= config.device.size()) {
    const std::size_t end = std::min(config.device.find(',', start), config.device.size());
    devices.push_back(config.device.substr(start, end - start));
    start = end + 1;
  }
  for (const std::string& device : devices) {
    const bool is_cuda = device.starts_with("cuda:") && device.size() > 5 &&
                         device.find_first_not_of("0123456789", 5) == std::string::npos;
    require(is_cuda || (device == "cpu" && devices.size() == 1), ErrorCode::kConfig,
            "device is " + config.device + ", must be cpu, cuda:N or a list cuda:N,cuda:M");
  }
  return devices;
}

ModelOptions model_options(const ComputeConfig& config, const std::string& path,
                           const std::string& device, std::string_view option) {
  require(fs::is_directory(path), ErrorCode::kConfig,
          std::string(option) + ": " + path +
              " is not a directory; give a Hugging Face model directory");
  ModelOptions options;
  options.path = path;
  options.dtype = dtype_from_name(config.dtype);
  options.device = device;
  options.allow_pickle = config.allow_pickle;
  return options;
}

std::shared_ptr<const PromptTemplate> load_template(const ComputeConfig& config,
                                                    const std::string& model_dir) {
  const fs::path dir(model_dir);
  if (!fs::exists(dir / "tokenizer.json") && !fs::exists(dir / "tokenizer.model")) return nullptr;
  auto prompt_template = std::make_shared<const PromptTemplate>(
      template_kind_from_name(config.template_name), load_tokenizer(model_dir), config.max_length);
  if (!prompt_template->recognises_eos_text()) {
    log::warn("eos_text_not_recognised",
              {{"model", model_dir},
               {"effect", "eos is added by its id; the files' rules are followed otherwise"}});
  }
  return prompt_template;
}

std::string_view dtype_name(DType dtype) {
  return dtype == DType::kBFloat16 ? "bfloat16" : "float32";
}

std::int64_t step_threads(std::int64_t wanted, std::string_view option) {
  const auto cores = static_cast<std::int64_t>(num_cores());
  if (wanted <= cores) return wanted;
  log::warn("threads_capped",
            {{"option", option}, {"wanted", wanted}, {"cores", cores}, {"used", cores}});
  return cores;
}

}  // namespace midpo
