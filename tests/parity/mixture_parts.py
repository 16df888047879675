# SPDX-License-Identifier: Apache-2.0
"""Random experts and gates for a base model, and the mixture as hooks on transformers' model."""
import json

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

GATE_WIDTH = 8


def load_base(folder, dtype=torch.float32):
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager").eval()


def write_adapter(base, folder, seed, targets=("down_proj",), rank=4, alpha=8):
    """A PEFT directory as peft writes it, with an update that matters."""
    torch.manual_seed(seed)
    options = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets),
                              task_type="CAUSAL_LM", init_lora_weights=False)
    adapted = peft.get_peft_model(load_base(base), options)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(folder)
    return folder


def write_router(base, folder, seed, **config):
    """A router directory of random gates, as midpo router writes it."""
    model = transformers.AutoConfig.from_pretrained(base)
    size, width = model.intermediate_size, GATE_WIDTH
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in range(model.num_hidden_layers):
        for gate in ("alpha", "beta"):
            for index, (outputs, inputs) in enumerate(((width, size), (size, width), (1, size))):
                name = f"layers.{layer}.{gate}.{index}"
                tensors[f"{name}.weight"] = 0.3 * torch.randn(outputs, inputs, generator=generator)
                tensors[f"{name}.bias"] = 0.3 * torch.randn(outputs, generator=generator)
    folder.mkdir()
    save_file(tensors, folder / "router.safetensors")
    (folder / "router_config.json").write_text(json.dumps({
        "format": "midpo-router", "num_layers": model.num_hidden_layers,
        "intermediate_size": size, "gate_width": width, "lora_scale": 2.0, **config}))
    return folder


class Mixture:
    """The parts of one mixture, in folders."""

    def __init__(self, base, root):
        self.base = base
        self.safety = write_adapter(base, root / "safety", seed=1)
        self.helpfulness = write_adapter(base, root / "helpfulness", seed=2)
        self.router = write_router(base, root / "router", seed=3)

    def arguments(self):
        """Options that name the experts and the router to midpo."""
        return ["--safety-adapter", self.safety, "--helpfulness-adapter", self.helpfulness,
                "--router", self.router]

    def oracle(self, dtype=torch.float32):
        """transformers' base model with a hook on every down projection; gates factored."""
        model = load_base(self.base, dtype)
        router = load_file(self.router / "router.safetensors")
        experts = {"alpha": load_file(self.safety / "adapter_model.safetensors"),
                   "beta": load_file(self.helpfulness / "adapter_model.safetensors")}

        def gate_of(layer, gate, hidden):
            for index in range(3):
                name = f"layers.{layer}.{gate}.{index}"
                hidden = F.linear(hidden, router[f"{name}.weight"], router[f"{name}.bias"])
            return torch.sigmoid(hidden)

        def make_hook(layer):
            prefix = f"base_model.model.model.layers.{layer}.mlp.down_proj"

            def hook(_, inputs, output):
                hidden = inputs[0].float()
                mixed = output.float()
                for gate, tensors in experts.items():
                    update = hidden @ tensors[f"{prefix}.lora_A.weight"].T
                    update = update @ tensors[f"{prefix}.lora_B.weight"].T
                    mixed = mixed + gate_of(layer, gate, hidden) * 2.0 * update
                return mixed.to(output.dtype)

            return hook

        for layer, module in enumerate(model.model.layers):
            module.mlp.down_proj.register_forward_hook(make_hook(layer))
        return model
