#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens per second of `midpo generate`, transformers' generate and llama.cpp, side by side.

Every contestant writes the same number of tokens to the same prompts, greedily and without stopping
at eos, on the same cores; rounds alternate and the best of each counts. Model loading is left out.
Prints one JSON line per setting. Needs the Python peers (setup.sh --peers); llama.cpp takes part
where llama-cpp-python and gguf are installed.

  bench_generate.py FOLDER --size small --dtypes float32 bfloat16 --batches 1 16
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / os.environ.get("MIDPO_BUILD_DIR", "build/release")


def make_model(folder, size):
    import make_fixtures
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "base").exists():
        make_fixtures.make_fixtures(make_fixtures.parse_arguments(
            [str(folder), "--size", size, "--models", "base"]))
    return folder / "base"


class Midpo:
    """The command over a file; its own table says how long the generation took."""

    name = "midpo"

    def __init__(self, model, dtype, threads):
        self.arguments = [str(BUILD / "midpo"), "generate", "--model", str(model), "--dtype",
                          dtype, "--ignore-eos", "--overwrite"]
        self.threads = threads

    def run(self, prompts, new_tokens, adapters=()):
        # All threads in every step, or a generator a thread; the better one counts.
        count = len(prompts)
        shapes = [(1, self.threads, count)]
        if count > 1:
            shapes.append((self.threads, 1, -(-count // self.threads)))
        return min((self.run_shape(prompts, new_tokens, adapters, *shape) for shape in shapes),
                   key=lambda outcome: outcome[1])

    def run_shape(self, prompts, new_tokens, adapters, generators, threads, sequences):
        with tempfile.TemporaryDirectory() as folder:
            data, output = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
            data.write_text("".join(json.dumps({"prompt_ids": ids}) + "\n" for ids in prompts))
            table = subprocess.run(
                [*self.arguments, "--data", str(data), "--output", str(output),
                 "--max-new-tokens", str(new_tokens), *adapters, "--generators", str(generators),
                 "--threads", str(threads), "--max-sequences", str(sequences)],
                check=True, capture_output=True, text=True).stdout.splitlines()
            responses = [json.loads(line)["response_ids"] for line in output.open()]
        words = table[2].replace(",", "").split()
        return responses, float(words[3]) / float(words[5])


class HuggingFace:
    name = "transformers"

    def __init__(self, model, dtype, threads):
        torch.set_num_threads(threads)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, dtype), attn_implementation="sdpa").eval()

    @torch.inference_mode()
    def run(self, prompts, new_tokens):
        ids = torch.tensor(prompts)
        start = time.perf_counter()
        out = self.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                                  max_new_tokens=new_tokens, min_new_tokens=new_tokens,
                                  pad_token_id=0)
        return out[:, ids.shape[1]:].tolist(), time.perf_counter() - start


def permuted(weight, heads):
    """Rows of a q or k projection in llama.cpp's order: pairs of a rotation side by side."""
    return (weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2)
            .reshape(weight.shape).contiguous())


def write_gguf(model_dir, dtype, path):
    import gguf
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"t{i}".encode() for i in range(config.vocab_size)])
    writer.add_token_scores([0.0] * config.vocab_size)
    writer.add_token_types([1] * config.vocab_size)
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
             "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    for name, tensor in model.state_dict().items():
        stem = name.removesuffix(".weight")
        if stem not in names:
            _, _, layer, part = stem.split(".", 3)
            if part == "self_attn.q_proj":
                tensor = permuted(tensor, config.num_attention_heads)
            if part == "self_attn.k_proj":
                tensor = permuted(tensor, config.num_key_value_heads)
            names[stem] = f"blk.{layer}.{parts[part]}"
        if tensor.dim() == 1 or dtype == "float32":
            writer.add_tensor(f"{names[stem]}.weight", tensor.float().numpy())
        else:
            bits = tensor.bfloat16().contiguous().view(torch.int16).numpy().view("uint8")
            writer.add_tensor(f"{names[stem]}.weight", bits,
                              raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class LlamaCpp:
    """Its C interface through llama-cpp-python's low-level binding: one batch of all sequences a
    step, as its own batched example does it."""

    name = "llama.cpp"

    def __init__(self, model, dtype, threads):
        import llama_cpp
        self.api = llama_cpp
        path = model.parent / f"model-{dtype}.gguf"
        if not path.exists():
            write_gguf(model, dtype, path)
        llama_cpp.llama_backend_init()
        # Called for as long as the library lives: kept from the garbage collector.
        self.silence = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self.silence, None)
        self.threads, self.dtype = threads, dtype
        load = getattr(llama_cpp, "llama_model_load_from_file", None)
        load = load or llama_cpp.llama_load_model_from_file
        self.model = load(str(path).encode(), llama_cpp.llama_model_default_params())
        self.vocab = json.loads((model / "config.json").read_text())["vocab_size"]

    def make_context(self, count, length):
        params = self.api.llama_context_default_params()
        params.n_ctx = count * length
        params.n_batch = params.n_ubatch = 2048
        params.n_seq_max = count
        params.n_threads = params.n_threads_batch = self.threads
        if self.dtype == "float32":  # equal precision: its cache is in half precision otherwise
            params.type_k = params.type_v = self.api.GGML_TYPE_F32
        make = getattr(self.api, "llama_init_from_model", None)
        make = make or self.api.llama_new_context_with_model
        return make(self.model, params)

    def run(self, prompts, new_tokens):
        import numpy as np
        api, count, length = self.api, len(prompts), len(prompts[0])
        context = self.make_context(count, length + new_tokens + 8)
        batch = api.llama_batch_init(max(count * length, 512), 0, 1)
        start = time.perf_counter()
        entries = [(token, at, s, at + 1 == length)
                   for s, prompt in enumerate(prompts) for at, token in enumerate(prompt)]
        responses = [[] for _ in prompts]
        for step in range(new_tokens):
            batch.n_tokens = len(entries)
            for i, (token, position, sequence, is_read) in enumerate(entries):
                batch.token[i], batch.pos[i] = token, position
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
                batch.logits[i] = is_read
            if api.llama_decode(context, batch) != 0:
                raise RuntimeError("llama_decode failed")
            reads = [i for i, entry in enumerate(entries) if entry[3]]
            entries = []
            for sequence, i in enumerate(reads):
                logits = np.ctypeslib.as_array(api.llama_get_logits_ith(context, i), (self.vocab,))
                token = int(logits.argmax())
                responses[sequence].append(token)
                entries.append((token, length + step, sequence, True))
        seconds = time.perf_counter() - start
        api.llama_batch_free(batch)
        api.llama_free(context)
        return responses, seconds


def agreement(responses, wanted):
    """Share of responses that are equal to the last token."""
    return sum(a == b for a, b in zip(responses, wanted)) / len(wanted)


def measure(contestants, args, dtype, batch):
    generator = torch.Generator().manual_seed(batch)
    prompts = torch.randint(10, 1000, (batch, args.prompt_tokens), generator=generator).tolist()
    best, responses = {}, {}
    for _ in range(args.rounds):
        for contestant in contestants:
            name = contestant.name
            responses[name], seconds = contestant.run(prompts, args.new_tokens)
            best[name] = min(best.get(name, seconds), seconds)
    rates = {name: batch * args.new_tokens / seconds for name, seconds in best.items()}
    peer = max((rate for name, rate in rates.items() if name != "midpo"), default=None)
    line = {"benchmark": "generate", "size": args.size, "dtype": dtype, "batch": batch,
            "prompt_tokens": args.prompt_tokens, "new_tokens": args.new_tokens,
            "threads": args.threads,
            "tokens_per_s": {name: round(rate, 1) for name, rate in rates.items()},
            "equal_to_midpo": {name: agreement(texts, responses["midpo"])
                               for name, texts in responses.items() if name != "midpo"}}
    if peer:
        line["times_better_peer"] = round(rates["midpo"] / peer, 2)
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="models are made here")
    parser.add_argument("--size", default="small")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    model = make_model(args.folder, args.size)
    transformers.utils.logging.set_verbosity_error()
    for dtype in args.dtypes:
        contestants = [Midpo(model, dtype, args.threads), HuggingFace(model, dtype, args.threads)]
        try:
            contestants.append(LlamaCpp(model, dtype, args.threads))
        except ImportError as missing:
            print(f"without llama.cpp: {missing}", file=sys.stderr)
        for batch in args.batches:
            measure(contestants, args, dtype, batch)


if __name__ == "__main__":
    main()
