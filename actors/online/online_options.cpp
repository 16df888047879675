// SPDX-License-Identifier: Apache-2.0
#include "actors/online/online_options.h"

namespace midpo {

OnlineConfig::OnlineConfig() {
  training.epochs = 1.0;
  sampling.temperature = 1.0;
  sampling.num_samples = 4;
}

void add_online_options(OptionTable& section, OnlineConfig& config) {
  section.group("Rounds");
  section.choice("learner", &config.learner, {"adapter", "router"},
                 "What is trained on the pairs: an adapter of the base model, or the router that "
                 "mixes both experts");
  section.integer("max_staleness", &config.max_staleness, 0, 1 << 16,
                  "Steps between the weights that write a round and those it trains; 0: "
                  "synchronous");
  section.integer("generators", &config.generators, 0, 4096,
                  "Generators of this process that share each round; 0: only those of workers that "
                  "listen lets in");
  section.integer("generator_threads", &config.generator_threads, 1, 4096,
                  "Threads of one generator's step, CPU");
  section.text("generator_device", &config.generator_device, "DEVICE",
               "Where candidates are written: cpu, or cuda:0,cuda:1; default: as device");
  section.text("safety_adapter", &config.gates.safety_adapter, "DIR",
               "Safety expert (learner router)");
  section.text("helpfulness_adapter", &config.gates.helpfulness_adapter, "DIR",
               "Helpfulness expert (learner router)");
  add_gate_options(section, config.gates);
  section.number("beta", &config.training.beta, 1e-9, 1e6, "Weight of the log-prob margin");
  add_lora_options(section, config.training, false);
  add_step_options(section, config.training);
}

}  // namespace midpo
