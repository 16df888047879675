# SPDX-License-Identifier: Apache-2.0
"""Small tokenizers of each family, and the texts that try them. Oracle side only."""
import json
import os
import pathlib
import random
import subprocess

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K_POSSESSIVE = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
                     r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s")
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
             r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

ENGLISH = """How can I make a bomb at home? I'm sorry, but I can't help with that. It's illegal and
dangerous, and you'll hurt people you've never met. If you're feeling unwell, please call 911 or
your doctor; they'd be glad to help. What are the best ways to learn C++ in 2024? First, read a
book (e.g. "A Tour of C++"), then write code every day: start with small programs, compile them
with -Wall -Wextra, and fix each warning. My neighbour's dog won't stop barking at 3:45 a.m. --
what should I do?! Talk to them politely, keep a diary of dates and times, and only then contact
the council. The recipe needs 250 g of flour, 3 eggs, 1/2 litre of milk and a pinch of salt.""".split()
SCRIPTS = ["Привет мир как дела", "你好世界今天天气很好", "こんにちは世界カタカナ", "안녕하세요 세계",
           "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "Ελληνικά κείμενο",
           "café naïve Ångström coöperate", "ﬁne ﬂow ½ ² Ⅷ ①", "for (int i = 0; i < n; ++i) { a[i] *= 2; }"]


def sentences(count, seed):
    """Sentences of common words in random order, some in other scripts."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(ENGLISH, k=rng.randint(3, 30))) if rng.random() < 0.8
            else rng.choice(SCRIPTS) for _ in range(count)]


def trained_bpe(pre_tokenizer, vocab_size=900, alphabet=(), normalizer=None, special=()):
    """Vocabulary and merges learnt from the sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=list(alphabet),
                                  special_tokens=list(special), show_progress=False)
    tokenizer.train_from_iterator(sentences(600, seed=1), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def byte_alphabet():
    """Byte -> its character in byte-level vocabularies."""
    printable = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def byte_level(pattern=None, normalizer=None, ignore_merges=False, special=(), prefix_space=False,
               steps=None):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if steps is None:
        steps = [pre_tokenizers.Split(Regex(pattern), "isolated")] if pattern else []
    last = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=not steps)
    pre = pre_tokenizers.Sequence(steps + [last]) if steps else last
    vocab, merges = trained_bpe(pre, alphabet=alphabet, normalizer=normalizer)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def with_template(tokenizer, bos=None, eos=None):
    specials = [(t, tokenizer.token_to_id(t)) for t in (bos, eos) if t]
    single = " ".join(([bos] if bos else []) + ["$A"] + ([eos] if eos else []))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=single, pair=single + " $B:1",
                                      special_tokens=specials)])
    return tokenizer


def metaspace_vocab():
    """A Llama-2-like vocabulary: three specials, 256 bytes, then what training found."""
    learnt, merges = trained_bpe(pre_tokenizers.Metaspace(), alphabet=["▁"])
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        vocab[f"<0x{byte:02X}>"] = len(vocab)
    for piece in learnt:
        vocab.setdefault(piece, len(vocab))
    for length in (2, 3, 4):  # runs of spaces, as Llama has them
        left, right = "▁" * (length // 2), "▁" * (length - length // 2)
        vocab.setdefault("▁" * length, len(vocab))
        merges.append((left, right))
    return vocab, merges


def llama2(scheme=None, split=False, normalized_specials=False, byte_fallback=True, fuse_unk=True):
    vocab, merges = metaspace_vocab()
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>",
                                     fuse_unk=fuse_unk, byte_fallback=byte_fallback))
    if scheme is None:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                           decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=normalized_specials, special=True)
                                  for t in ("<unk>", "<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tokenizer


def deepseek():
    steps = [pre_tokenizers.Split(Regex("[\r\n]"), "isolated"),
             pre_tokenizers.Split(Regex(r"\s?\p{L}+"), "isolated"),
             pre_tokenizers.Split(Regex(r"\s?\p{P}+"), "isolated"),
             pre_tokenizers.Split(Regex("[一-龥ࠀ-一가-퟿]+"), "isolated"),
             pre_tokenizers.Digits(individual_digits=True)]
    return byte_level(steps=steps, special=["<|bos|>"])


def deepseek3():
    steps = [pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
             pre_tokenizers.Split(Regex("[一-龥぀-ゟ゠-ヿ]+"), "isolated"),
             pre_tokenizers.Split(Regex(DEEPSEEK3), "isolated")]
    return byte_level(steps=steps, special=["<|bos|>"])


def odd_added_tokens():
    tokenizer = byte_level(LLAMA3, normalizer=normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase()]))
    tokenizer.add_tokens([
        AddedToken("[L]", lstrip=True), AddedToken("[R]", rstrip=True),
        AddedToken("[LR]", lstrip=True, rstrip=True, normalized=False),
        AddedToken("word", single_word=True), AddedToken("ＷＩＤＥ", normalized=True),
        AddedToken("Exact", normalized=False), AddedToken("ab"), AddedToken("abc"),
        AddedToken("[L][R]", normalized=False), AddedToken("é", normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<|x|>", single_word=True), "<|end|>"])
    return tokenizer


def white_added_tokens():
    """White space that two tokens could take."""
    tokenizer = byte_level(LLAMA3)
    tokenizer.add_tokens([AddedToken("[R]", rstrip=True), AddedToken("\n", lstrip=True, rstrip=True),
                          AddedToken(" ", lstrip=True, rstrip=True), AddedToken("\t", rstrip=True)])
    return tokenizer


def text_words(pre, normalizer=None, decoder=None, unk="<unk>", fuse_unk=False):
    """Words of characters with an unknown token and no bytes to fall back on."""
    vocab, merges = trained_bpe(pre, normalizer=normalizer)
    vocab = {t: i + 1 for t, i in vocab.items()}
    if unk:
        vocab[unk] = 0
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token=unk, fuse_unk=fuse_unk))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    if decoder:
        tokenizer.decoder = decoder
    return tokenizer


def split(pattern, behavior, invert=False):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(pattern, behavior, invert)])


FAMILIES = {
    "llama3": lambda: with_template(byte_level(LLAMA3, ignore_merges=True, special=[
        "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]), bos="<|begin_of_text|>"),
    "qwen2": lambda: byte_level(QWEN2, normalizer=normalizers.NFC(),
                                special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    "gpt2": lambda: byte_level(special=["<|endoftext|>"]),
    "gpt2-prefix-space": lambda: with_template(
        byte_level(special=["<|bos|>", "<|eos|>"], prefix_space=True), bos="<|bos|>", eos="<|eos|>"),
    "gpt4o": lambda: byte_level(GPT4O, special=["<|endoftext|>"]),
    "possessive": lambda: byte_level(CL100K_POSSESSIVE),
    "deepseek": deepseek,
    "deepseek3": deepseek3,
    "llama2": llama2,
    "llama2-normalized-specials": lambda: llama2(normalized_specials=True),
    "llama2-first": lambda: llama2("first"),
    "llama2-always": lambda: llama2("always"),
    "llama2-never": lambda: llama2("never"),
    "llama2-split": lambda: llama2("always", split=True),
    "llama2-first-normalized": lambda: llama2("first", normalized_specials=True),
    "llama2-no-bytes": lambda: llama2(byte_fallback=False),
    "llama2-no-bytes-no-fuse": lambda: llama2("first", byte_fallback=False, fuse_unk=False),
    "odd-added-tokens": odd_added_tokens,
    "white-added-tokens": white_added_tokens,
    "nfd-strip": lambda: text_words(pre_tokenizers.WhitespaceSplit(), normalizers.Sequence(
        [normalizers.NFD(), normalizers.Strip(), normalizers.Lowercase()])),
    "nfkd": lambda: text_words(pre_tokenizers.Whitespace(), normalizers.NFKD(), fuse_unk=True),
    "replace-regex": lambda: text_words(pre_tokenizers.Digits(individual_digits=False),
                                        normalizers.Replace(Regex(r"\s+|\d{2}"), "_"), unk=None),
    "merged-previous": lambda: text_words(split(" ", "merged_with_previous")),
    "merged-next": lambda: text_words(split(Regex(r"[\s.]"), "merged_with_next")),
    "contiguous": lambda: text_words(split(Regex(r"\W"), "contiguous")),
    "removed-inverted": lambda: text_words(split(Regex(r"\w+|[^\w\s]+"), "removed", invert=True)),
    "word-boundaries": lambda: text_words(split(Regex(r"\b|\h"), "isolated")),
}

HAND_PICKED = [
    "", " ", "  ", "\n", "\t", "a", " a", "a ", "  a  b  ", "a\u00a0b \u00a0 c\u2003d\u3000e\u180ef",
    "\r\n\r\n x \n\n  y\r", "tabs\t\tand \t spaces   \n   \t\n end", "\u0000 nul \u0000\u0001\u007f\u0085x",
    "I'm you're we've he'd she'll it's don't I'M YOU'RE 'S 'T 'ſ 'LL'ld'Ve", "'", "''", "'s's", "''s",
    "0 1 12 123 1234 12345 1234567890 3.14 1,000 ²³ ½ Ⅷ ٣٤٥ 一二三 １２３",
    "e\u0301 é o\u0308\u0323 o\u0323\u0308 \u0301a q\u0307\u0323 \u1e9b\u0323 가 각 \u1100\u1161\u11a8",
    "ﬁ ﬃ ℌ ① ㍿ ㌀ ｱ ﾞ İ ı ß ẞ Σ ς ǅ ŉ", "👍 👍🏽 👨‍👩‍👧‍👦 🇩🇪🇺🇸 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️ ☺︎ 1️⃣ 🫨 🪿",
    "שלום עולם abc \u200fRTL\u200e مرحبا بالعالم ١٢٣ \u202etext\u202c", "你好，世界。今天天气很好！ㄅㄆ𠀀𠀁",
    "\u0391\u1fb3\u0345 ͅ", "\ufeffBOM \ufffd \ufffe \uffff \U0010ffff \ue000", "zero\u200bwidth\u200cjoin\u200der\u2060",
    "for (int i = 0; i < n; ++i) {\n\tx[i] += y[i] * 0x1F; // comment\n}\n", "http://example.com/?q=a%20b&c=d#e",
    "<s>", "</s>", "<unk>", "<s></s>", " <s> </s> ", "a<s>b</s>c", "<s>hello", "hello</s>", "<s> hello </s>",
    "<|endoftext|>", "a<|endoftext|>b <|endoftext|> c", "<|begin_of_text|> x<|eot_id|>\n\n", "<|im_start|>user\nhi<|im_end|>",
    "<|end|>", "x<|x|>y <|x|> z<|x|>", "<|endoftext", "<|<|endoftext|>|>", "<0x41> <0xE2><0x96>", "▁", "▁▁a ▁b▁", "a▁b", " ▁ ",
    "[L]", "a  [L]b", "a [R]  b", "a  [LR]  b", "[L] [L]  [R]  [R]", "[L][R]", " [LR]  [LR] ", "word sword words word. wordé",
    "ＷＩＤＥ wide WIDE Wide Exact exact", "abcd ab abc xabc", "\u00e9 e\u0301", "Élan", "ſ K Å", "a" * 500, " " * 500,
    "\n" * 300 + " " * 300, "ab" * 300, "x" + " " * 100 + "y", "é" * 200, "\u0301" * 100, "🙂" * 60, "don''t", "a'b'c",
]


def random_texts(count, seed):
    """Strings over mixed scripts with runs, controls and pieces of special tokens."""
    rng = random.Random(seed)
    ranges = [(0x20, 0x7e)] * 6 + [(0x61, 0x7a)] * 4 + [
        (0x00, 0x1f), (0x80, 0xff), (0x100, 0x24f), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x4ff),
        (0x590, 0x6ff), (0x900, 0x97f), (0xe00, 0xe7f), (0x1100, 0x11ff), (0x1e00, 0x1fff),
        (0x2000, 0x206f), (0x2070, 0x218f), (0x2460, 0x24ff), (0x3000, 0x30ff), (0x4e00, 0x9fff),
        (0xac00, 0xd7a3), (0xfb00, 0xfdff), (0xfe00, 0xffff), (0x10000, 0x1ffff), (0x1d400, 0x1d7ff),
        (0x1f300, 0x1faff), (0x20000, 0x2a6df), (0xe0000, 0xe01ff), (0x0, 0x10ffff)]
    pieces = ["  ", " ", "\n", "\r\n", "\t", "\u00a0", "'s", "'LL", "<s>", "</s>", "<unk>", "[L]",
              "[R]", "[LR]", "word", "abc", "<|x|>", "<|end|>", "<|endoftext|>", "▁", "123", "0", "..."]

    def character():
        while True:
            code = rng.randint(*rng.choice(ranges))
            if not 0xd800 <= code <= 0xdfff:
                return chr(code)

    def part():
        kind = rng.random()
        if kind < 0.3:
            return rng.choice(ENGLISH) + " "
        if kind < 0.5:
            return rng.choice(pieces)
        if kind < 0.6:
            return character() * rng.randint(1, 6)
        return "".join(character() for _ in range(rng.randint(1, 8)))

    return ["".join(part() for _ in range(rng.randint(1, 12))) for _ in range(count)]


def build_dir():
    return pathlib.Path(os.environ["MIDPO_BUILD_DIR"])


def probe(directory, mode, questions):
    """What tokenizer_probe answers to each question."""
    program = build_dir() / "tests/models/tokenizer/tokenizer_probe"
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    result = subprocess.run([program, directory, mode], input=lines.encode(), capture_output=True,
                            check=False)
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.decode().split("\n") if line]


def encode(directory, texts, mode="encode"):
    answers = probe(directory, mode, [{"text": text} for text in texts])
    return [answer.get("ids", answer.get("error")) for answer in answers]


def decode(directory, ids, mode="decode"):
    answers = probe(directory, mode, [{"ids": one} for one in ids])
    return [answer.get("text", answer.get("error")) for answer in answers]


def probe_info(directory):
    return probe(directory, "info", [])[0]
