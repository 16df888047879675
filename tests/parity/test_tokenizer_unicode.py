# SPDX-License-Identifier: Apache-2.0
"""Every character falls into the same words and normal forms as in Hugging Face tokenizers, although
the libraries below know different versions of Unicode."""
import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

import tokenizer_cases as cases

PATTERNS = {"llama3": cases.LLAMA3, "qwen2": cases.QWEN2, "gpt2": cases.GPT2, "gpt4o": cases.GPT4O,
            "possessive": cases.CL100K_POSSESSIVE, "deepseek3": cases.DEEPSEEK3,
            "word": r"\w+|\W", "word-class": r"[\w_]+|[^\w\s]+", "space-class": r"[\s]+|[^\s]+?(?=\s)|[\S\n]", "han": r"\p{Han}+|\P{L}+",
            "digits": r"\d+|\D+", "marks": r"\P{M}\p{M}+", "symbols": r"[\p{S}\p{P}]+|\p{^S}{3}",
            "caseless": r"(?i:'s|straße|k)|\p{Lu}+"}
NEIGHBOURS = "a1 \ns"


def characters():
    """All that is assigned or could be; large blocks of one kind are thinned out."""
    sparse = [(0x3400, 0x4dbe), (0x4e00, 0x9ffe), (0xac00, 0xd7a2), (0xe000, 0xf8ff),
              (0x12000, 0x12398), (0x13000, 0x1342e), (0x13460, 0x143fa), (0x14400, 0x14644),
              (0x17000, 0x187f6), (0x18800, 0x18cd4), (0x1b000, 0x1b11e), (0x1b170, 0x1b2fa)]
    dense = set(range(0x0, 0x20000)) - set(range(0xd800, 0xe000)) | set(range(0xe0000, 0xe0200))
    for first, last in sparse:
        dense -= set(range(first, last)) - set(range(first, last, 29))
    thin = [*range(0x20000, 0x33500, 29), *range(0x33500, 0x110000, 4099)]
    return [chr(c) for c in sorted(dense) + thin]


def batches(form, size=256):
    chars = characters()
    return ["".join(form.format(c=c) for c in chars[i:i + size]) for i in range(0, len(chars), size)]


def assert_same(texts, ours, theirs):
    wrong = [t for t, a, b in zip(texts, ours, theirs, strict=True) if a != b]
    assert not wrong, f"{len(wrong)} of {len(texts)} differ, first: {wrong[0]!r}"


def neighbour_model():
    """Bytes, and merges of each byte with a few neighbours: ids show where words end."""
    alphabet = cases.byte_alphabet()
    vocab = {c: i for i, c in enumerate(alphabet.values())}
    merges = []
    for other in (alphabet[ord(n)] for n in NEIGHBOURS):
        for char in alphabet.values():
            for pair in ((char, other), (other, char)):
                if "".join(pair) not in vocab:
                    vocab["".join(pair)] = len(vocab)
                    merges.append(pair)
    return models.BPE(vocab=vocab, merges=merges)


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_words_end_alike_around_every_character(name, tmp_path):
    oracle = Tokenizer(neighbour_model())
    oracle.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERNS[name]), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    oracle.save(str(tmp_path / "tokenizer.json"))
    texts = batches("a{c}a {c}1{c}\n'{c}s{c}\n")
    theirs = [e.ids for e in oracle.encode_batch(texts)]
    assert_same(texts, cases.encode(tmp_path, texts), theirs)


FORMS = {"nfc": normalizers.NFC(), "nfd": normalizers.NFD(), "nfkc": normalizers.NFKC(),
         "nfkd": normalizers.NFKD(), "lower": normalizers.Lowercase(), "strip": normalizers.Strip(),
         "bytes": normalizers.ByteLevel()}
STEPS = {"digits": pre_tokenizers.Digits(individual_digits=True), "whitespace": pre_tokenizers.Whitespace(),
         "whitespace-split": pre_tokenizers.WhitespaceSplit()}
# Number characters of Unicode 17, which Rust knows and the tables here do not.
NEWER_NUMBERS = set(map(chr, [*range(0x11DE0, 0x11DEA), *range(0x16FF4, 0x16FF7)]))


@pytest.mark.parametrize("name", sorted(FORMS))
def test_every_character_is_normalised_alike(name, tmp_path):
    oracle = Tokenizer(neighbour_model())
    oracle.normalizer = FORMS[name]
    oracle.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    oracle.save(str(tmp_path / "tokenizer.json"))
    # Marks of several classes around the character show reordering and composition.
    texts = [c for c in characters() if ord(c) < 0x300] + batches(
        "{c}\u0301a\u0334{c}\u0323\u1100{c}\u1161 \u0301{c}\u3099\u05b0{c}{c}", size=64)
    theirs = [e.ids for e in oracle.encode_batch(texts)]
    assert_same(texts, cases.encode(tmp_path, texts), theirs)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_every_character_is_split_alike(name, tmp_path):
    oracle = Tokenizer(neighbour_model())
    oracle.pre_tokenizer = pre_tokenizers.Sequence([
        STEPS[name], pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    oracle.save(str(tmp_path / "tokenizer.json"))
    texts = [t for t in batches("a{c}a1{c}1-{c}s", size=1) if not NEWER_NUMBERS & set(t)]
    theirs = [e.ids for e in oracle.encode_batch(texts)]
    assert_same(texts, cases.encode(tmp_path, texts), theirs)
