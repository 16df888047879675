#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every gate a change must pass, in order, cheapest first; stops at the first failure and names it.
#   scripts/check.sh               all: format layers release cuda tests asan tsan fuzz
#   scripts/check.sh tests asan    only these
#   scripts/check.sh tidy          clang-tidy on the C++ files changed since HEAD (or in HEAD if none are)
# MIDPO_TSAN_LIBS: a folder of libcaf_core and libzmq built with -fsanitize=thread (docs/reliability.md); tsan then runs
# what real schedulers and sockets do, too.
# MIDPO_FUZZ_SECONDS: seconds for each fuzz target (default 60, 0: none). MIDPO_JOBS: parallel jobs (default: all cores).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly fuzz_seconds="${MIDPO_FUZZ_SECONDS:-60}"
readonly jobs="${MIDPO_JOBS:-$(nproc)}"
readonly tsan_libs="${MIDPO_TSAN_LIBS:-}"
# They are this script's: midpo warns of variables that are no option of its own, and tests see that.
unset MIDPO_FUZZ_SECONDS MIDPO_JOBS MIDPO_TSAN_LIBS
readonly all_gates=(format layers release cuda tests asan tsan fuzz)
export CTEST_OUTPUT_ON_FAILURE=1

say() { echo "check: $*" >&2; }

# install_hint PROGRAM: how to get what a gate needs.
install_hint() {
  say "$1 is not installed: sudo apt-get install \$(grep -v '^#' scripts/debian-packages-dev.txt)"
}

cpp_files() { git ls-files -- '*.h' '*.cpp' '*.cu' '*.inc'; }

gate_format() {
  if ! command -v clang-format >/dev/null; then
    install_hint clang-format
    say "format skipped"
    return 0
  fi
  cpp_files | xargs clang-format --dry-run -Werror
}

gate_layers() {
  python3 scripts/check_layers.py --self-test
  python3 scripts/check_layers.py
}

# build PRESET [TARGET...]
build() {
  cmake --preset "$1" >/dev/null
  ninja -C "build/$1" -j "$jobs" "${@:2}"
}

# run_tests FOLDER [CTEST ARGUMENT...], one at a time: most tests use several threads themselves.
run_tests() { ctest --test-dir "$1" --no-tests=error "${@:2}"; }

gate_release() { build release; }

# What needs a GPU to run needs none to compile.
gate_cuda() {
  if ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
    say "nvcc is not installed; cuda skipped"
    return 0
  fi
  build cuda midpo_cuda midpo_nccl
}

gate_tests() {
  build release
  run_tests build/release -L fast
}

gate_asan() {
  build asan
  run_tests build/asan -L fast
}

# Only what has threads of its own; the rest, as killing and damaging stores, would take minutes for
# nothing. Debian's libcaf and libzmq are not instrumented: tests on CAF's real scheduler or with
# sockets (label real_scheduler) would report races that are none.
gate_tsan() {
  build tsan tests/runtime/all tests/actors/all spin_rounds_test tokenizer_test
  run_tests build/tsan/tests/runtime -L fast -LE real_scheduler -E '^store_(kill|damage)_test$'
  run_tests build/tsan/tests/actors -L fast -LE real_scheduler
  run_tests build/tsan/tests/models -R '^(spin_rounds|tokenizer)_test$'
  [ -n "$tsan_libs" ] || return 0
  LD_LIBRARY_PATH="$tsan_libs" run_tests build/tsan/tests -L real_scheduler
}

# run_fuzzer PROGRAM: new inputs go to build/fuzz, a crasher to build/fuzz/crashes.
run_fuzzer() {
  local name corpus
  name=$(basename "$1")
  corpus="build/fuzz/corpus/$name"
  mkdir -p "$corpus" build/fuzz/crashes "tests/fuzz/corpus/$name"
  say "fuzz $name for $fuzz_seconds s"
  "$1" -max_total_time="$fuzz_seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -print_funcs=0 \
    -artifact_prefix="build/fuzz/crashes/$name-" "$corpus" "tests/fuzz/corpus/$name"
}

# Programs of build/fuzz, without building the rest of the tree with clang.
fuzz_programs() { ninja -C build/fuzz -t targets all | sed -n 's/^\([^ ]*_fuzzer\): CXX_EXECUTABLE_LINKER.*/\1/p'; }

gate_fuzz() {
  local program programs
  if [ "$fuzz_seconds" -eq 0 ]; then
    say "fuzz skipped (MIDPO_FUZZ_SECONDS=0)"
    return 0
  fi
  if ! command -v clang++ >/dev/null; then
    install_hint clang++
    return 1
  fi
  # Our libraries must report coverage too, or the fuzzer sees nothing but its own target.
  cmake --preset fuzz >/dev/null
  mapfile -t programs < <(fuzz_programs)
  if [ ${#programs[@]} -eq 0 ]; then
    say "no fuzz targets found"
    return 1
  fi
  ninja -C build/fuzz -j "$jobs" "${programs[@]}"
  for program in "${programs[@]}"; do
    run_fuzzer "build/fuzz/$program"
  done
}

gate_tidy() {
  local files
  if ! command -v clang-tidy >/dev/null; then
    install_hint clang-tidy
    return 1
  fi
  files=$(git diff --name-only --diff-filter=d HEAD -- '*.cpp')
  [ -n "$files" ] || files=$(git diff --name-only --diff-filter=d HEAD~1 -- '*.cpp')
  cmake --preset release >/dev/null
  [ -z "$files" ] || xargs clang-tidy --quiet -p build/release <<<"$files"
}

is_gate() { declare -F "gate_$1" >/dev/null; }

# The gate runs in a shell of its own: in a condition, set -e would be off within it.
run_gate() {
  local start=$SECONDS status=0
  say "gate $1"
  set +e
  (set -e; "gate_$1")
  status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    say "FAILED at gate $1 (exit status $status)"
    exit 1
  fi
  say "gate $1 passed in $((SECONDS - start)) s"
}

gates=("$@")
[ $# -gt 0 ] || gates=("${all_gates[@]}")
for gate in "${gates[@]}"; do
  if ! is_gate "$gate"; then
    say "unknown gate $gate (known: ${all_gates[*]} tidy)"
    exit 2
  fi
done
for gate in "${gates[@]}"; do
  run_gate "$gate"
done
say "all gates passed: ${gates[*]}"
