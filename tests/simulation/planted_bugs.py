#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants known bugs, one at a time, and lets the simulation look for each.

    tests/simulation/planted_bugs.py                    every patch of tests/simulation/planted/
    tests/simulation/planted_bugs.py PATCH...           only these
    tests/simulation/planted_bugs.py --none -- ARGS     builds without a bug, runs with ARGS

Each patch is applied to a copy of the sources, which stay as they are. Prints a table bug -> first
seed that fails; exit 1 if a bug survives MAX_SEEDS seeds, or a patch does not apply.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLANTED = ROOT / "tests" / "simulation" / "planted"
MAX_SEEDS = 2000
SOURCES = [
    "runtime/core/crc32c.cpp", "runtime/core/error.cpp", "runtime/core/hash.cpp",
    "runtime/flow/part_desk.cpp", "runtime/flow/task_ledger.cpp", "runtime/flow/tiles.cpp",
    "runtime/flow/work_desk.cpp",
]
FOLDERS = ["runtime/core", "runtime/flow", "runtime/transport", "tests/simulation"]
FLAGS = ["-std=c++20", "-O2", "-I."]
LIBRARIES = ["-lxxhash", "-lcrypto"]


def protocol_sources(cmake: str) -> list[str]:
    """What runtime/transport/CMakeLists.txt lists for midpo_protocol."""
    listed = re.search(r"midpo_library\(midpo_protocol\s+SOURCES([^)]*?)LINKS", cmake).group(1)
    return [f"runtime/transport/{name}" for name in listed.split()]


def copy_sources(to: pathlib.Path) -> list[str]:
    for folder in FOLDERS:
        (to / folder).mkdir(parents=True)
        for file in sorted((ROOT / folder).iterdir()):
            if file.suffix in (".h", ".cpp"):
                shutil.copy2(file, to / folder)
    simulation = sorted(f"tests/simulation/{file.name}" for file in (to / "tests/simulation").glob("*.cpp"))
    return SOURCES + protocol_sources((ROOT / "runtime/transport/CMakeLists.txt").read_text()) + simulation


def compile_one(folder: pathlib.Path, source: str) -> None:
    compiler = ["ccache", "g++"] if shutil.which("ccache") else ["g++"]
    target = str(pathlib.Path(source).with_suffix(".o"))
    subprocess.run(compiler + FLAGS + ["-c", source, "-o", target], cwd=folder, check=True)


def build(folder: pathlib.Path, sources: list[str], changed: list[str]) -> pathlib.Path:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda source: compile_one(folder, source), changed))
    objects = [str(pathlib.Path(source).with_suffix(".o")) for source in sources]
    subprocess.run(["g++", *objects, "-o", "simulation", *LIBRARIES], cwd=folder, check=True)
    return folder / "simulation"


def patched_files(patch: pathlib.Path) -> list[str]:
    return re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.MULTILINE)


def find(program: pathlib.Path) -> tuple[int | None, str]:
    """The first seed that fails, and how."""
    done = subprocess.run([program, "--count", str(MAX_SEEDS)], capture_output=True, text=True)
    match = re.search(r"^seed (\d+): (.*)", done.stdout, re.MULTILINE)
    if done.returncode == 0 or match is None:
        return None, done.stdout[-300:] + done.stderr[-300:]
    return int(match.group(1)), match.group(2)


def plant(folder: pathlib.Path, sources: list[str], patch: pathlib.Path) -> tuple[int | None, str]:
    command = ["patch", "-p1", "--silent", "--no-backup-if-mismatch"]
    subprocess.run(command, cwd=folder, stdin=patch.open("rb"), check=True)
    files = patched_files(patch)
    changed = sources if any(file.endswith(".h") for file in files) else files
    try:
        return find(build(folder, sources, changed))
    finally:
        subprocess.run(command + ["-R"], cwd=folder, stdin=patch.open("rb"), check=True)
        for source in changed:
            compile_one(folder, source)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("patches", nargs="*", type=pathlib.Path)
    parser.add_argument("--none", action="store_true")
    arguments, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="midpo-planted-") as name:
        folder = pathlib.Path(name)
        sources = copy_sources(folder)
        program = build(folder, sources, sources)
        if arguments.none:
            return subprocess.run([program, *[word for word in rest if word != "--"]], check=False).returncode
        survivors = 0
        for patch in arguments.patches or sorted(PLANTED.glob("*.patch")):
            seed, story = plant(folder, sources, patch)
            survivors += seed is None
            seeds = "NOT FOUND" if seed is None else str(seed + 1)
            print(f"{patch.stem:40} {seeds:>9}  {story[:110]}", flush=True)
        return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
