#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the compiler cannot: who may include whom, sizes, SPDX lines, plain comments.

    scripts/check_layers.py [FILE...]     default: every source file of the repository
    scripts/check_layers.py --self-test   proves that each rule can fail

Prints file:line: rule: text. Exit 1 if a rule is broken; warnings do not count.
"""

import argparse
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

CPP_SUFFIXES = {".h", ".cpp", ".cu", ".cuh", ".inc"}
OTHER_SUFFIXES = {".py", ".sh", ".cmake"}
FOLDERS = ("actors/", "models/", "runtime/", "tests/", "scripts/", "cmake/")
MAX_COLUMNS = 100
MAX_SOURCE_LINES, MAX_TEST_LINES, ADVISED_HEADER_LINES = 400, 800, 200
MAX_FUNCTION_LINES = 70

# Third-party headers by prefix, and the only folders (or files) that may include them. Tests may
# include all but the ones of (). The first match decides.
HEADER_OWNERS = [
    ("torch/torch.h", ()),
    ("torch/", ("models/", "runtime/distributed/")),
    ("ATen/", ("models/", "runtime/distributed/")),
    ("c10/", ("models/", "runtime/distributed/")),
    ("caf/", ("actors/",)),
    ("spdlog/", ("runtime/observe/log.cpp",)),
    ("fmt/", ("runtime/observe/log.cpp",)),
    ("zmq", ("runtime/transport/",)),
    ("msgpack", ("runtime/transport/",)),
    ("sqlite3", ("runtime/store/",)),
    ("yaml-cpp/", ("runtime/config/",)),
    ("CLI/", ("runtime/config/",)),
    ("simdjson", ("runtime/data/", "models/tokenizer/")),
    ("nlohmann/", ("models/", "runtime/checkpoint/", "runtime/data/", "runtime/judge/", "runtime/report/",
                   "runtime/store/", "actors/")),
    ("httplib.h", ("runtime/judge/http_post.cpp", "runtime/observe/metrics_endpoint.cpp")),
    ("zlib.h", ("runtime/data/",)),
    ("zstd.h", ("runtime/data/",)),
    ("arrow/", ("runtime/data/",)),
    ("parquet/", ("runtime/data/",)),
    ("openssl/", ("runtime/core/",)),
    ("xxh", ("runtime/core/",)),
    ("pcre2", ("models/tokenizer/",)),
    ("utf8proc", ("models/tokenizer/",)),
    ("sentencepiece", ("models/tokenizer/",)),
    ("gtest/", ()),
    ("gmock/", ()),
]
TEST_HEADERS = ("gtest/", "gmock/")
# What makes a class of models/ more than mathematics. A lock is not: engines may be shared.
MACHINE_HEADERS = {"thread", "condition_variable", "future", "semaphore", "latch", "barrier",
                   "stop_token", "sys/socket.h", "netinet/in.h", "pthread.h"}

INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)
TYPE = re.compile(r'(?:struct|class|union|enum class|enum) (\w+)(?!\w|::)[^;()]*\{')
CONTAINER = re.compile(r'\b(namespace|class|struct|union|enum|extern)\b')


class Finding(NamedTuple):
    line: int
    rule: str
    text: str
    is_warning: bool = False


def folder_of(path: str) -> str:
    """The unit of the layer rules: actors/, models/, runtime/<name>/, tests/."""
    parts = path.split("/")
    return "/".join(parts[:2]) + "/" if parts[0] == "runtime" and len(parts) > 2 else parts[0] + "/"


def allowed_folders(path: str) -> tuple[str, ...]:
    folder = folder_of(path)
    if folder == "actors/":
        return ("actors/", "models/", "runtime/")
    if folder == "models/":
        return ("models/", "runtime/core/")
    return (folder, "runtime/core/")


def check_own_include(path: str, line: int, header: str):
    allowed = allowed_folders(path)
    if not header.startswith(allowed):
        yield Finding(line, "layer", f"{folder_of(path)} may not include {header}; "
                                     f"allowed: {' '.join(allowed)}")


def check_foreign_include(path: str, line: int, header: str):
    is_test = path.startswith("tests/")
    if path.startswith("models/") and header in MACHINE_HEADERS:
        yield Finding(line, "machine", f"models/ may not include <{header}>: no threads, no sockets")
    for prefix, owners in HEADER_OWNERS:
        if not header.startswith(prefix):
            continue
        is_free = is_test and (owners or prefix in TEST_HEADERS)
        if not is_free and not path.startswith(owners or ("nowhere/",)):
            where = " ".join(owners) or ("tests/" if prefix in TEST_HEADERS else "nobody")
            yield Finding(line, "third-party", f"<{header}> belongs to {where}")
        return


def check_includes(path: str, text: str):
    for line, content in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(content)
        if not match:
            continue
        header = match.group(2)
        if header.startswith(FOLDERS):
            if not path.startswith("tests/"):
                yield from check_own_include(path, line, header)
        else:
            yield from check_foreign_include(path, line, header)


def check_size(path: str, text: str):
    count = text.count("\n")
    limit = MAX_TEST_LINES if path.startswith("tests/") else MAX_SOURCE_LINES
    if count > limit:
        yield Finding(count, "file-size", f"{count} lines, at most {limit}; split it by idea")
    elif path.endswith(".h") and count > ADVISED_HEADER_LINES:
        yield Finding(count, "header-size", f"{count} lines, advised {ADVISED_HEADER_LINES}", True)


def check_columns(path: str, text: str):
    for line, content in enumerate(text.splitlines(), 1):
        if len(content) > MAX_COLUMNS:
            yield Finding(line, "columns", f"{len(content)} columns, at most {MAX_COLUMNS}")


def check_spdx(path: str, text: str):
    lines = text.splitlines()[:2]
    wanted = lines[1:] if lines and lines[0].startswith("#!") else lines[:1]
    if not wanted or "SPDX-License-Identifier: Apache-2.0" not in wanted[0]:
        yield Finding(1, "spdx", "the first line must be the SPDX line")


def check_comments(path: str, text: str):
    for match in TOKEN.finditer(text):
        if not match.group().startswith(("//", "/*")):
            continue
        for offset, content in enumerate(match.group().split("\n")):
            if not content.isascii():
                line = text.count("\n", 0, match.start()) + 1 + offset
                odd = next(c for c in content if not c.isascii())
                yield Finding(line, "plain-comment", f"non-ASCII {odd!r} in a comment")


def without_text(text: str) -> str:
    """Comments, strings and preprocessor lines blanked, line numbers kept."""
    blanked = TOKEN.sub(lambda match: "\n" * match.group().count("\n"), text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group().count("\n"), blanked,
                  flags=re.MULTILINE)


def check_functions(path: str, text: str):
    """By braces: the outermost block that is no namespace or type is a function's body."""
    containers, statement, start_line, line = [], "", 0, 1
    body_depth, body_start, depth = 0, 0, 0
    for char in without_text(text):
        if char == "\n":
            line += 1
        if char == "{":
            depth += 1
            if not body_depth:
                is_container = CONTAINER.search(statement) and "(" not in statement
                if is_container:
                    containers.append(depth)
                else:
                    body_depth, body_start = depth, start_line or line
        elif char == "}":
            if depth == body_depth:
                if line - body_start + 1 > MAX_FUNCTION_LINES and "(" in statement:
                    yield Finding(body_start, "function-size",
                                  f"{line - body_start + 1} lines, at most {MAX_FUNCTION_LINES}")
                body_depth = 0
            elif containers and containers[-1] == depth:
                containers.pop()
            depth -= 1
        if body_depth:
            continue
        is_access = char == ":" and statement in ("public", "protected", "private")
        if char in "{};" or is_access:
            statement, start_line = "", 0
        elif not char.isspace() or statement:
            statement += char
            start_line = start_line or line


def types_of(text: str):
    """(line, name) of each type defined at the left margin, outside of unnamed namespaces: those
    that all files see under one name."""
    unnamed = 0
    for line, content in enumerate(text.splitlines(), 1):
        unnamed += content == "namespace {"
        unnamed -= unnamed and content == "}  // namespace"
        match = None if unnamed else TYPE.match(content)
        if match:
            yield line, match.group(1)


def check_type_names(texts: dict[str, str]):
    """One namespace: two types of one name are one to the linker, which keeps the functions of
    either."""
    homes = {}
    for path, text in texts.items():
        if path.startswith("tests/") or pathlib.PurePath(path).suffix not in CPP_SUFFIXES:
            continue
        for line, name in types_of(text):
            home = homes.setdefault(name, path)
            if home != path:
                yield path, Finding(line, "type-name", f"{name} is defined in {home} as well")


CPP_RULES = (check_includes, check_size, check_columns, check_spdx, check_comments, check_functions)


def check_text(path: str, text: str) -> list[Finding]:
    rules = CPP_RULES if pathlib.PurePath(path).suffix in CPP_SUFFIXES else (check_spdx,)
    return sorted(finding for rule in rules for finding in rule(path, text))


def is_ours(path: str) -> bool:
    name = pathlib.PurePath(path)
    is_known = name.suffix in CPP_SUFFIXES | OTHER_SUFFIXES or name.name == "CMakeLists.txt"
    return is_known and (path.startswith(FOLDERS) or "/" not in path)


def repository_files(root: pathlib.Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in listed.splitlines() if is_ours(path) and (root / path).exists())


def check_files(root: pathlib.Path, paths: list[str]) -> int:
    num_errors = 0
    texts = {path: (root / path).read_text(encoding="utf-8") for path in paths}
    found = [(path, finding) for path, text in texts.items() for finding in check_text(path, text)]
    for path, finding in (*found, *check_type_names(texts)):
        kind = "warning: " if finding.is_warning else ""
        print(f"{path}:{finding.line}: {kind}{finding.rule}: {finding.text}")
        num_errors += not finding.is_warning
    print(f"check_layers: {len(paths)} files, {num_errors} errors", file=sys.stderr)
    return 1 if num_errors else 0


SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


def included(header: str) -> str:
    return SPDX + f"#include {header}\n"


def function_of(num_lines: int, scope: str = "namespace midpo {\n") -> str:
    return SPDX + scope + "int f() {\n" + "g();\n" * (num_lines - 2) + "}\n}\n"


# (path, text, rule that must fire or None)
SELF_TESTS = [
    ("models/a.cpp", included('"runtime/core/error.h"'), None),
    ("models/a.cpp", included('"runtime/data/row.h"'), "layer"),
    ("models/a.cpp", included('"actors/job.h"'), "layer"),
    ("runtime/data/a.cpp", included('"runtime/data/b.h"'), None),
    ("runtime/data/a.cpp", included('"runtime/store/b.h"'), "layer"),
    ("runtime/core/a.cpp", included('"runtime/data/b.h"'), "layer"),
    ("runtime/flow/a.cpp", included('"models/engines.h"'), "layer"),
    ("runtime/flow/a.cpp", included('"actors/job.h"'), "layer"),
    ("actors/a.cpp", included('"runtime/store/b.h"'), None),
    ("actors/a.cpp", included('"tests/support/b.h"'), "layer"),
    ("tests/a.cpp", included('"actors/job.h"'), None),
    ("actors/a.cpp", included("<caf/all.hpp>"), None),
    ("runtime/flow/a.cpp", included("<caf/all.hpp>"), "third-party"),
    ("runtime/observe/progress.cpp", included("<spdlog/spdlog.h>"), "third-party"),
    ("runtime/observe/log.cpp", included("<spdlog/spdlog.h>"), None),
    ("actors/a.cpp", included("<zmq.hpp>"), "third-party"),
    ("runtime/flow/a.cpp", included("<ATen/core/Tensor.h>"), "third-party"),
    ("actors/a.cpp", included("<c10/core/Device.h>"), "third-party"),
    ("models/a.cpp", included("<ATen/core/Tensor.h>"), None),
    ("models/a.cpp", included("<torch/torch.h>"), "third-party"),
    ("tests/models/a.cpp", included("<torch/torch.h>"), "third-party"),
    ("tests/models/a.cpp", included("<torch/types.h>"), None),
    ("actors/a.cpp", included("<sqlite3.h>"), "third-party"),
    ("actors/a.cpp", included("<yaml-cpp/yaml.h>"), "third-party"),
    ("models/a.cpp", included("<simdjson.h>"), "third-party"),
    ("models/tokenizer/a.cpp", included("<simdjson.h>"), None),
    ("runtime/observe/a.cpp", included("<nlohmann/json.hpp>"), "third-party"),
    ("models/checkpoint/a.cpp", included("<arrow/api.h>"), "third-party"),
    ("runtime/data/a.cpp", included("<gtest/gtest.h>"), "third-party"),
    ("models/a.cpp", included("<thread>"), "machine"),
    ("models/a.cpp", included("<string>"), None),
    ("models/a.cpp", SPDX + "\n" * MAX_SOURCE_LINES, "file-size"),
    ("tests/a.cpp", SPDX + "\n" * MAX_SOURCE_LINES, None),
    ("tests/a.cpp", SPDX + "\n" * MAX_TEST_LINES, "file-size"),
    ("models/a.h", SPDX + "\n" * ADVISED_HEADER_LINES, "header-size"),
    ("models/a.cpp", SPDX + "x" * MAX_COLUMNS + "\n", None),
    ("models/a.cpp", SPDX + "x" * (MAX_COLUMNS + 1) + "\n", "columns"),
    ("models/a.cpp", "int a;\n", "spdx"),
    ("scripts/a.py", "import os\n", "spdx"),
    ("scripts/a.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n", None),
    ("models/a.cpp", SPDX + "// caf\u00e9\n", "plain-comment"),
    ("models/a.cpp", SPDX + "/* a\n \u2192 b */\n", "plain-comment"),
    ("models/a.cpp", SPDX + 'auto s = "// \u00e9";\n', None),
    ("models/a.cpp", SPDX + 'auto s = R"(")"; // \u00e9\n', "plain-comment"),
    ("models/a.cpp", SPDX + "int n = 1'000; // \u00e9 '\n", "plain-comment"),
    ("models/a.cpp", function_of(MAX_FUNCTION_LINES), None),
    ("models/a.cpp", function_of(MAX_FUNCTION_LINES + 1), "function-size"),
    ("models/a.h", function_of(MAX_FUNCTION_LINES, "class A {\n public:\n"), None),
    ("models/a.h", function_of(MAX_FUNCTION_LINES + 1, "class A {\n public:\n"), "function-size"),
    ("models/a.h", SPDX + "class A {\n" + "  int f() { return 0; }\n" * 80 + "};\n", None),
    ("models/a.cpp", SPDX + "int t[] = {\n" + "1,\n" * 80 + "};\n", None),
]


def self_test() -> int:
    num_failed = 0
    for path, text, wanted in SELF_TESTS:
        fired = {finding.rule for finding in check_text(path, text)}
        if fired != ({wanted} if wanted else set()):
            print(f"self-test: {path} {text[len(SPDX):][:60]!r}: {fired}, wanted {wanted}")
            num_failed += 1
    print(f"check_layers: {len(SELF_TESTS)} self-tests, {num_failed} failed", file=sys.stderr)
    return 1 if num_failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="paths from the repository's root")
    parser.add_argument("--self-test", action="store_true", help="prove that each rule can fail")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    return check_files(root, arguments.files or repository_files(root))


if __name__ == "__main__":
    sys.exit(main())
