# SPDX-License-Identifier: Apache-2.0
"""Random experts and routers, and transformers' side of a generation, for the parity tests."""
import json

import torch
import transformers
from safetensors.torch import load_file, save_file

from engine_models import VOCAB

GATE_WIDTH = 24


def make_expert(folder, base, seed, targets=("down_proj",)):
    """A PEFT adapter whose B is not zero, rank 4, scale 2."""
    import peft
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = peft.get_peft_model(
        model, peft.LoraConfig(r=4, lora_alpha=8, target_modules=list(targets)))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.normal_(0, 0.15)
    model.save_pretrained(folder)
    return folder


def random_gates(base, seed):
    """{layers.0.alpha.0.weight: ...}: gates of a size that neither saturates nor vanishes."""
    config = json.loads((base / "config.json").read_text())
    inputs = config["intermediate_size"]
    generator = torch.Generator().manual_seed(seed)
    shapes = [(GATE_WIDTH, inputs), (inputs, GATE_WIDTH), (1, inputs)]
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for gate in ("alpha", "beta"):
            for i, shape in enumerate(shapes):
                name = f"layers.{layer}.{gate}.{i}"
                tensors[f"{name}.weight"] = (torch.randn(shape, generator=generator)
                                             * shape[1] ** -0.5)
                tensors[f"{name}.bias"] = torch.randn(shape[0], generator=generator) * 0.3
    return tensors


def save_router(folder, base, gates, **changes):
    """As `midpo router` writes it."""
    config = json.loads((base / "config.json").read_text())
    folder.mkdir()
    save_file(gates, folder / "router.safetensors")
    router_config = {"format": "midpo-router", "num_layers": config["num_hidden_layers"],
                     "intermediate_size": config["intermediate_size"], "gate_width": GATE_WIDTH,
                     "lora_scale": 2.0, **changes}
    (folder / "router_config.json").write_text(json.dumps(router_config))
    return folder


def save_published_router(path, gates):
    """As the published code saves it: state dicts by layer, of modules in an nn.Sequential."""
    state = {}
    for name, tensor in gates.items():
        _, layer, gate, index, kind = name.split(".")
        state.setdefault(f"layer_{layer}_{gate}", {})[f"{index}.{kind}"] = tensor
    torch.save(state, path)
    return path


class MixtureOracle:
    """The mixture by its definition: factored gates and unmerged experts behind each down_proj.

    gates: as random_gates makes them, or two numbers."""

    def __init__(self, base, safety, helpfulness, gates, dtype=torch.float32):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=dtype).eval()
        experts = [load_file(folder / "adapter_model.safetensors")
                   for folder in (safety, helpfulness)]
        for i, layer in enumerate(self.model.model.layers):
            prefix = f"base_model.model.model.layers.{i}.mlp.down_proj.lora_"
            pairs = [(e[prefix + "A.weight"], e[prefix + "B.weight"]) for e in experts]
            layer.mlp.down_proj.register_forward_hook(self.hook(gates, i, pairs))

    @staticmethod
    def hook(gates, layer, pairs):
        def gate(name, h):
            if not isinstance(gates, dict):
                return gates[0 if name == "alpha" else 1]
            for i in range(3):
                key = f"layers.{layer}.{name}.{i}"
                h = h @ gates[f"{key}.weight"].T + gates[f"{key}.bias"]
            return torch.sigmoid(h)

        def add_experts(_module, inputs, output):
            h = inputs[0].float()
            result = output.float()
            for name, (a, b) in zip(("alpha", "beta"), pairs, strict=True):
                result = result + gate(name, h) * 2.0 * ((h @ a.T) @ b.T)
            return result.to(output.dtype)

        return add_experts

    @torch.inference_mode()
    def log_probs(self, ids):
        logits = self.model(torch.tensor([ids]), use_cache=False).logits[0, :-1].float()
        return logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()


def random_prompts(count, seed, longest=40):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest, (count,), generator=generator).tolist()
    return [torch.randint(3, VOCAB, (length,), generator=generator).tolist() for length in lengths]


@torch.inference_mode()
def greedy(model, prompt, max_new_tokens, **options):
    """Token ids of transformers' greedy response, eos included where it came."""
    ids = model.generate(torch.tensor([prompt]), max_new_tokens=max_new_tokens, do_sample=False,
                         pad_token_id=0, **options)
    return ids[0, len(prompt):].tolist()


class Generate:
    """`midpo generate` over prompts of token ids."""

    def __init__(self, midpo, folder):
        self.midpo, self.folder, self.count = midpo, folder, 0

    def __call__(self, base, prompts, *arguments):
        self.count += 1
        data, output = (self.folder / f"{name}_{self.count}.jsonl" for name in ("in", "out"))
        self.midpo.write_jsonl(data, [{"prompt_ids": prompt, "n": i}
                                      for i, prompt in enumerate(prompts)])
        self.midpo.run_ok("generate", "--model", base, "--data", data, "--output", output,
                          *arguments)
        rows = self.midpo.read_jsonl(output)
        assert [row["n"] for row in rows] == list(range(len(prompts)))
        return rows
