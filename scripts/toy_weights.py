# SPDX-License-Identifier: Apache-2.0
"""Tensors, safetensors files and configurations of small Llama models, without dependencies."""
import json
import struct


class Matrix:
    """A dense row-major matrix of floats, [rows, columns]."""

    def __init__(self, rng, rows, columns, noise):
        self.shape = (rows, columns)
        self.values = [rng.gauss(0.0, noise) for _ in range(rows * columns)]

    def set(self, row, column, value):
        self.values[row * self.shape[1] + column] = value


class Vector:
    def __init__(self, values):
        self.shape = (len(values),)
        self.values = list(values)


def layer_shapes(hidden, intermediate):
    """The matrices of a decoder layer without grouped heads: name -> (rows, columns)."""
    return {"self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (hidden, hidden),
            "self_attn.v_proj": (hidden, hidden), "self_attn.o_proj": (hidden, hidden),
            "mlp.gate_proj": (intermediate, hidden), "mlp.up_proj": (intermediate, hidden),
            "mlp.down_proj": (hidden, intermediate)}


def llama_config(vocab, hidden, intermediate, num_layers, num_heads, max_positions):
    """What config.json of any Llama model says; the caller adds `architectures`."""
    return {
        "model_type": "llama", "hidden_act": "silu", "hidden_size": hidden,
        "intermediate_size": intermediate, "num_hidden_layers": num_layers,
        "num_attention_heads": num_heads, "num_key_value_heads": num_heads,
        "max_position_embeddings": max_positions, "vocab_size": len(vocab), "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0, "tie_word_embeddings": False, "attention_bias": False,
        "bos_token_id": vocab["<s>"], "eos_token_id": vocab["</s>"], "pad_token_id": vocab["<pad>"],
        "torch_dtype": "float32",
    }


def write_safetensors(path, tensors):
    """8 bytes of header length, the header as JSON, then every tensor's bytes."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in sorted(tensors.items()):
        size = 4 * len(tensor.values)
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, tensor in sorted(tensors.items()):
            out.write(struct.pack(f"<{len(tensor.values)}f", *tensor.values))
