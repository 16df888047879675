#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole method in a toy world, step by step, from data to the report. Needs a built midpo.
#   scripts/toy_story.sh FOLDER [SEED [OPTIONS OF toy_world.py]]
# MIDPO names the program (default: build/release/midpo). A step whose result is there is not run
# again: delete the result, or the folder, to repeat it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly folder="$1" seed="${2:-42}"
readonly world_options=("${@:3}")
readonly midpo="${MIDPO:-build/release/midpo}" world="$folder/world"

# The models are too small for a second thread to pay: steps that do not wait for each other run
# side by side instead.
export OMP_NUM_THREADS=1

# step NAME RESULT COMMAND OPTIONS...: runs `midpo COMMAND` unless RESULT exists.
step() {
  local name="$1" result="$2" start=$SECONDS
  local log="${result#"$folder"/}"
  log="$folder/logs/${log//\//-}.txt"
  shift 2
  [ -e "$result" ] && return
  printf '\n== %s\n   midpo %s\n' "$name" "$*"
  "$midpo" "$@" > "$log" 2>&1 || { cat "$log" >&2; return 1; }
  printf '   done after %d s: %s\n' $((SECONDS - start)) "$result"
}

# train NAME RESULT COMMAND OPTIONS...: a step that learns, resumed where it was interrupted.
train() { step "$@" --seed "$seed" --resume; }

# Waits for the steps in the background; fails if one of them did.
together() {
  local job
  for job in $(jobs -p); do wait "$job"; done
}

mkdir -p "$folder/logs"
if [ ! -e "$world/world.json" ]; then
  echo "== A world of seed $seed: facts, requests, answers of mixed quality, noisy labels"
  python3 scripts/toy_world.py "$world" --seed "$seed" "${world_options[@]}"
fi

train "The base model learns the language, good and bad answers alike" "$folder/sft" \
  sft --config configs/toy/sft.yaml --model "$world/init" --data "$world/sft.jsonl" \
  --output "$folder/sft"

preferences=(--model "$folder/sft" --data "$world/preferences_train.jsonl")
train "A reward model learns which answers are more helpful" "$folder/reward" \
  reward --config configs/toy/reward.yaml "${preferences[@]}" --output "$folder/reward" &
train "A cost model learns which answers are less safe" "$folder/cost" \
  cost --config configs/toy/cost.yaml "${preferences[@]}" --output "$folder/cost" &
together

train "Two experts: one for safety, one for helpfulness" "$folder/experts" \
  expert --config configs/toy/expert.yaml "${preferences[@]}" --kind both \
  --reward-model "$folder/reward" --cost-model "$folder/cost" --output "$folder/experts"
experts=(--safety-adapter "$folder/experts/safety"
         --helpfulness-adapter "$folder/experts/helpfulness")

step "Pairs that both models agree on: D_dual" "$folder/d_dual.jsonl" \
  rank --config configs/toy/rank.yaml --data "$world/preferences_train.jsonl" --resume \
  --reward-model "$folder/reward" --cost-model "$folder/cost" --output "$folder/d_dual.jsonl" \
  --run-dir "$folder/methods/MidPO/rank"

# baseline NAME OPTIONS...: what MidPO is compared with.
baseline() {
  train "Baseline: $1" "$folder/$1" dpo --config "configs/toy/$1.yaml" "${preferences[@]}" \
    --output "$folder/$1" "${@:2}"
}
train "The router learns how much of each expert to use, token by token" "$folder/router" \
  router --config configs/toy/router.yaml --model "$folder/sft" "${experts[@]}" \
  --data "$folder/d_dual.jsonl" --output "$folder/router" &
baseline dpo_safe &
together
baseline dpo_help &
baseline safedpo &
together

# answer METHOD OPTIONS...: what a method answers to requests it has never seen, and the truth.
answer() {
  local out="$folder/methods/$1"
  step "$1 answers the test requests" "$out/responses.jsonl" \
    generate --config configs/toy/generate.yaml --model "$folder/sft" \
    --data "$world/prompts_test.jsonl" --output "$out/responses.jsonl" --seed "$seed" --resume "${@:2}"
  step "$1 is judged by the truth" "$out/scores.summary.json" \
    evaluate --data "$out/responses.jsonl" --reward-model "$folder/reward" \
    --cost-model "$folder/cost" --judge "python3 scripts/toy_judge.py --world $world/world.json" \
    --dtype float32 --output "$out/scores.jsonl" --overwrite
}
baseline modpo --cost-model "$folder/cost" &
answer base
answer "safety-expert" --adapter "$folder/experts/safety"
answer "helpfulness-expert" --adapter "$folder/experts/helpfulness"
answer "fixed-mixture" "${experts[@]}" --mixture 0.5,0.5
answer "DPO-help" --adapter "$folder/dpo_help"
answer "DPO-safe" --adapter "$folder/dpo_safe"
answer "SafeDPO" --adapter "$folder/safedpo"
answer "MidPO" "${experts[@]}" --router "$folder/router"
together
answer "MODPO" --adapter "$folder/modpo"

step "Where the router uses which expert" "$folder/methods/MidPO/gates.jsonl" \
  gates --model "$folder/sft" "${experts[@]}" --router "$folder/router" --dtype float32 \
  --data "$folder/methods/MidPO/responses.jsonl" --output "$folder/methods/MidPO/gates.jsonl"

runs=()
for method in "$folder"/methods/*/; do runs+=("$(basename "$method")=$method"); done
for job in sft reward cost experts router dpo_help dpo_safe safedpo modpo; do
  runs+=("$job=$folder/$job.run")
done
"$midpo" report --run "${runs[@]}" --output "$folder/report.html" > /dev/null
printf '\n== The report: %s\n' "$folder/report.html"
