#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian machine to a first D_dual: installs what is missing, builds midpo, makes a small world of
# preference rows with a reward and a cost model, and ranks it on the CPU.
#   scripts/quickstart.sh [FOLDER]      results go to FOLDER (default: runs/quickstart)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly folder="${1:-runs/quickstart}"

scripts/setup.sh
cmake --preset release >/dev/null
ninja -C build/release midpo midpo_models midpo-parquet-rows

if [ ! -e "$folder/rows.jsonl" ]; then
  python3 scripts/toy_rank_world.py "$folder" --rows 2000
fi
build/release/midpo rank --data "$folder/rows.jsonl" \
  --reward-model "$folder/reward" --cost-model "$folder/cost" --policy dual \
  --output "$folder/d_dual.jsonl" --scores-output "$folder/scores.jsonl" --overwrite

echo
echo "D_dual is in $folder/d_dual.jsonl, every row's scores and fate in $folder/scores.jsonl,"
echo "counts and hashes in $folder/d_dual.jsonl.run/manifest.json. The first kept row:"
head -n 1 "$folder/d_dual.jsonl"
