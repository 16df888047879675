# SPDX-License-Identifier: Apache-2.0
"""A language model with two experts, each weighted per layer and token by a gate (MidPO).

With h the input of an MLP's down projection W:

    out = W h + alpha(h) * s B_s A_s h + beta(h) * s B_h A_h h

alpha and beta are sigmoids of one affine map of h each (the three linear maps they are trained as,
multiplied together). Experts and gates are computed in float32 whatever the model's dtype is.
"""
import torch
from torch import nn
from torch.nn import functional as F
from transformers import (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM,
                          Qwen3ForCausalLM)

from .configuration_midpo import (MidPOLlamaConfig, MidPOMistralConfig, MidPOQwen2Config,
                                  MidPOQwen3Config)


class GatedExpert(nn.Module):
    """sigmoid(gate(h)) * scale * B(A(h)), float32 in and out."""

    def __init__(self, in_features, out_features, rank, scale):
        super().__init__()
        self.scale = scale
        self.gate = nn.Linear(in_features, 1)
        self.lora_A = nn.Linear(in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, out_features, bias=False)

    def forward(self, hidden):
        weight = torch.sigmoid(F.linear(hidden, self.gate.weight.float(), self.gate.bias.float()))
        low_rank = F.linear(hidden, self.lora_A.weight.float())
        return weight * self.scale * F.linear(low_rank, self.lora_B.weight.float())


class MixedDownProjection(nn.Linear):
    """The base model's down projection, and both experts beside it."""

    def __init__(self, base, experts):
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None,
                         device=base.weight.device, dtype=base.weight.dtype)
        for name in ("safety", "helpfulness"):
            expert = GatedExpert(base.in_features, base.out_features, **experts[name])
            setattr(self, name, expert)

    def forward(self, hidden):
        exact = hidden.float()
        update = self.safety(exact) + self.helpfulness(exact)
        return (super().forward(hidden).float() + update).to(hidden.dtype)


class MidPOMixture:
    """Puts the experts into a causal language model of transformers."""

    _keep_in_fp32_modules_strict = ["safety", "helpfulness"]

    def __init__(self, config):
        super().__init__(config)
        for layer in self.model.layers:
            layer.mlp.down_proj = MixedDownProjection(layer.mlp.down_proj, config.midpo)


class MidPOLlamaForCausalLM(MidPOMixture, LlamaForCausalLM):
    config_class = MidPOLlamaConfig


class MidPOMistralForCausalLM(MidPOMixture, MistralForCausalLM):
    config_class = MidPOMistralConfig


class MidPOQwen2ForCausalLM(MidPOMixture, Qwen2ForCausalLM):
    config_class = MidPOQwen2Config


class MidPOQwen3ForCausalLM(MidPOMixture, Qwen3ForCausalLM):
    config_class = MidPOQwen3Config
