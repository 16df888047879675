# SPDX-License-Identifier: Apache-2.0
"""The launch recipes of docs/hosts.md: the SLURM script with a stand-in for SLURM, the systemd unit."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRUN = """#!/usr/bin/env bash
while [[ "$1" == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = """#!/usr/bin/env bash
printf 'node0\\nnode1\\n'
"""


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def slurm(tmp_path, midpo):
    """The environment of a batch script on two nodes that are both this machine."""
    programs = tmp_path / "bin"
    programs.mkdir()
    write_program(programs / "srun", SRUN)
    write_program(programs / "scontrol", SCONTROL)
    (programs / "midpo").symlink_to(midpo.BINARY)
    return {**os.environ, **midpo.QUIET, "PATH": f"{programs}:{os.environ['PATH']}",
            "SLURM_JOB_NODELIST": "node[0-1]", "SLURM_JOB_ID": str(os.getpid())}


def test_the_slurm_script_ranks_with_a_worker(slurm, midpo, long_world, tmp_path):
    if not subprocess.run(["hostname", "-I"], capture_output=True, text=True,
                          check=False).stdout.strip():
        pytest.skip("this machine has no address but the loopback")
    result = subprocess.run(
        [ROOT / "scripts" / "midpo.sbatch", tmp_path / "run", "--data",
         long_world / "rows.jsonl", "--reward-model", long_world / "reward", "--cost-model",
         long_world / "cost", "--dtype", "float32", "--on-bad-row", "quarantine"],
        env=slurm, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "worker_joined" in result.stderr
    alone = tmp_path / "alone.jsonl"
    midpo.run_ok(*midpo.rank_arguments(long_world, long_world / "rows.jsonl", alone,
                                       dtype="float32", on_bad_row="quarantine"))
    assert (tmp_path / "run" / "d_dual.jsonl").read_bytes() == alone.read_bytes()


def test_the_systemd_unit_is_well_formed(midpo, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    text = (ROOT / "configs" / "midpo-worker.service").read_text()
    unit = tmp_path / "midpo-worker.service"
    unit.write_text(text.replace("/usr/local/bin/midpo", str(midpo.BINARY))
                    .replace("User=midpo", "User=root"))
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True,
                            check=False)
    complaints = [line for line in result.stderr.splitlines() if "midpo-worker" in line]
    assert not complaints, complaints


def test_the_systemd_unit_names_options_that_exist(midpo):
    unit = (ROOT / "configs" / "midpo-worker.service").read_text().replace("\\\n", " ")
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    known = midpo.run_ok("worker", "--help").stdout
    for word in command.split():
        if word.startswith("--"):
            assert word in known, word
