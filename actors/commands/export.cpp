// SPDX-License-Identifier: Apache-2.0
// midpo export: what was trained, as a directory that other programs load.
#include <cstdio>

#include "actors/commands/command.h"
#include "actors/output_paths.h"
#include "models/checkpoint/model_config.h"
#include "models/export/mean_gates.h"
#include "models/export/merged_export.h"
#include "models/export/mixture_export.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

class ExportCommand : public Command {
 public:
  ExportCommand() : table_("export", "Write a directory that transformers and others load") {
    table_.example(
        "midpo export --model BASE --safety-adapter S --helpfulness-adapter H --router R "
        "--output DIR");
    table_.example("midpo export --format merged --model BASE --adapter A --output DIR");
    table_.group("Model");
    table_.text("model", &base_, "DIR", "Base language model").is_required = true;
    table_.text("adapter", &adapter_, "DIR", "PEFT adapter to merge (format merged)");
    table_.text("safety_adapter", &safety_, "DIR", "Safety expert, a PEFT adapter");
    table_.text("helpfulness_adapter", &helpfulness_, "DIR", "Helpfulness expert, a PEFT adapter");
    table_.text("router", &router_, "PATH", "Router directory, or a published router.pth");
    table_.flag("allow_pickle", &allow_pickle_,
                "Read .bin and .pth weights, through a reader that runs no code");
    table_.group("Output");
    table_.text("output", &output_, "DIR", "Directory to write").is_required = true;
    table_.choice("format", &format_, {"hf", "merged"},
                  "hf: the whole mixture, with a modelling file; merged: plain weights");
    table_.choice("dtype", &dtype_, {"base", "float32", "bfloat16", "float16"},
                  "Type of merged weights; base: as the base model stores each");
    table_.flag("overwrite", &overwrite_, "Replace the files that the output directory holds");
    table_.group("Constant gates (both experts merged; in place of a router: an approximation)");
    table_.number("alpha", &alpha_, 0.0, 1.0,
                  "Weight of the safety expert; with --router: its recorded means");
    table_.number("beta", &beta_, 0.0, 1.0,
                  "Weight of the helpfulness expert; with --router: its recorded means");
  }

  OptionTable& options() override { return table_; }

  int run() override {
    const bool is_mixture = !safety_.empty() || !helpfulness_.empty() || !router_.empty();
    require(is_mixture != !adapter_.empty(), ErrorCode::kConfig,
            "give either --adapter, or --safety-adapter, --helpfulness-adapter and --router");
    require(!is_mixture || (!safety_.empty() && !helpfulness_.empty()), ErrorCode::kConfig,
            "a mixture needs both --safety-adapter and --helpfulness-adapter");
    require(
        (format_ == "merged" && is_mixture) || !(table_.was_set("alpha") || table_.was_set("beta")),
        ErrorCode::kConfig,
        "alpha and beta stand in for gates where both experts are merged; give --format merged "
        "and both experts, or leave them out");
    // Sources are read while the output is written: they must not be the same folder.
    require_not_read({base_, adapter_, safety_, helpfulness_, router_}, {output_});
    if (format_ == "hf") {
      export_as_mixture();
    } else {
      export_merged(output_, merged(is_mixture), existing());
    }
    std::printf("%s\n", output_.c_str());
    return 0;
  }

 private:
  ExistingFolder existing() const {
    return overwrite_ ? ExistingFolder::kReplace : ExistingFolder::kAskToReplace;
  }

  void export_as_mixture() const {
    require(!router_.empty(), ErrorCode::kConfig,
            "format hf needs a mixture: --safety-adapter, --helpfulness-adapter and --router; a "
            "single adapter is a PEFT directory already, or use --format merged");
    require(dtype_ == "base", ErrorCode::kConfig,
            "dtype: format hf keeps the base model's weights as they are; leave it out");
    export_mixture(output_, {base_, safety_, helpfulness_, router_, allow_pickle_}, existing());
  }

  MergedExport merged(bool is_mixture) const {
    MergedExport model;
    model.base_dir = base_;
    model.allow_pickle = allow_pickle_;
    if (dtype_ == "float32") model.type = StoredType::kFloat32;
    if (dtype_ == "bfloat16") model.type = StoredType::kBFloat16;
    if (dtype_ == "float16") model.type = StoredType::kFloat16;
    if (!is_mixture) {
      model.adapters = {{adapter_, {}}};
      return model;
    }
    const MeanGates gates = constant_gates();
    model.adapters = {{safety_, gates.alpha}, {helpfulness_, gates.beta}};
    if (!router_.empty()) {
      std::fputs("midpo: constant gates in place of the router's: an approximation\n", stderr);
    }
    print_gates("safety expert", "alpha", gates.alpha);
    print_gates("helpfulness expert", "beta", gates.beta);
    return model;
  }

  /// Which constants stand in for the gates, and where they come from.
  void print_gates(const char* expert, const char* name, const std::vector<double>& gates) const {
    const bool is_recorded = !router_.empty() && !table_.was_set(name);
    std::fprintf(stderr, "midpo: weight of the %s by layer, %s:", expert,
                 is_recorded ? "the mean that training recorded" : "as given");
    for (const double gate : gates) std::fprintf(stderr, " %.4g", gate);
    std::fputs("\n", stderr);
  }

  /// As given, else the means that router training recorded.
  MeanGates constant_gates() const {
    MeanGates gates;
    const auto num_layers = static_cast<std::size_t>(load_model_config(base_).num_layers);
    if (!router_.empty()) gates = read_mean_gates(router_);
    if (router_.empty() || table_.was_set("alpha")) gates.alpha.assign(num_layers, alpha_);
    if (router_.empty() || table_.was_set("beta")) gates.beta.assign(num_layers, beta_);
    require(gates.alpha.size() == num_layers && gates.beta.size() == num_layers, ErrorCode::kConfig,
            "router: " + router_ +
                " did not record its mean gates for every layer; give --alpha "
                "and --beta");
    return gates;
  }

  std::string base_, adapter_, safety_, helpfulness_, router_, output_;
  std::string format_ = "hf";
  std::string dtype_ = "base";
  double alpha_ = 1.0;
  double beta_ = 1.0;
  bool allow_pickle_ = false;
  bool overwrite_ = false;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_export_command() { return std::make_unique<ExportCommand>(); }

}  // namespace midpo
