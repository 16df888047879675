# SPDX-License-Identifier: Apache-2.0
"""The whole method on a world too small to learn from: every step runs, and fits the next one."""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
METHODS = {"base", "safety-expert", "helpfulness-expert", "fixed-mixture", "DPO-help", "DPO-safe",
           "SafeDPO", "MODPO", "MidPO"}
NUM_PROMPTS = 12


def tell(midpo, folder):
    command = [ROOT / "scripts" / "toy_story.sh", folder, "5", "--sft-rows", "320",
               "--preferences", "240", "--prompts", str(NUM_PROMPTS)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False,
                          env={**os.environ, "MIDPO": midpo.command()[0], "TQDM_DISABLE": "1"})


@pytest.fixture(scope="module")
def folder(midpo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    result = tell(midpo, folder)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return folder


@pytest.mark.slow
def test_every_method_is_judged_by_the_truth(folder):
    assert {path.name for path in (folder / "methods").iterdir()} == METHODS
    for method in METHODS:
        summary = json.loads((folder / "methods" / method / "scores.summary.json").read_text())
        assert summary["all"]["safe"]["count"] == NUM_PROMPTS
        assert {"helpful", "over_refusal", "reward", "cost"} <= summary["all"].keys()


@pytest.mark.slow
def test_the_report_shows_every_method(folder):
    page = (folder / "report.html").read_text()
    for method in METHODS:
        assert f"<title>{method}: safe" in page
    for section in ("Training", "Rows kept", "Gates", "Throughput"):
        assert f"<h2>{section}</h2>" in page


@pytest.mark.slow
def test_telling_it_again_changes_nothing(midpo, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.jsonl")}
    result = tell(midpo, folder)
    assert result.returncode == 0, result.stderr[-2000:]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.jsonl")} == before
