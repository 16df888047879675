# SPDX-License-Identifier: Apache-2.0
"""Configurations of MidPO mixtures: those of their base models and one more key.

`midpo` is {"safety": {"rank": 16, "scale": 2.0}, "helpfulness": {"rank": 16, "scale": 2.0}}: rank
and scale of the two LoRA experts on every down projection.
"""
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config


class MidPOLlamaConfig(LlamaConfig):
    model_type = "midpo_llama"
    base_model_tp_plan = None  # the experts are not split over devices


class MidPOMistralConfig(MistralConfig):
    model_type = "midpo_mistral"
    base_model_tp_plan = None


class MidPOQwen2Config(Qwen2Config):
    model_type = "midpo_qwen2"
    base_model_tp_plan = None


class MidPOQwen3Config(Qwen3Config):
    model_type = "midpo_qwen3"
    base_model_tp_plan = None
