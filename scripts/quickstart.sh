#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian machine to the whole method: installs what is missing, builds midpo, makes a
# world whose truth can be computed, and runs every step in it on the CPU, up to the report.
#   scripts/quickstart.sh [FOLDER]      results go to FOLDER (default: runs/toy)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly folder="${1:-runs/toy}"

scripts/setup.sh
cmake --preset release >/dev/null
ninja -C build/release midpo midpo_collectives midpo_models midpo-parquet-rows

readonly start=$SECONDS
scripts/toy_story.sh "$folder"
printf '\nAll of it took %d s. What each method answers stands in %s.\n' \
  $((SECONDS - start)) "$folder/methods/*/responses.jsonl"
