# SPDX-License-Identifier: Apache-2.0
"""A ranking run that is killed, stopped or starved of disk ends in the same bytes once resumed."""
import os
import resource
import signal
import subprocess
import time

import chaos_rank
import pytest

DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def expected(long_world, tmp_path_factory):
    """Outputs of the run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("expected") / "run"
    return chaos_rank.undisturbed(long_world, folder)[0]


@pytest.mark.slow
def test_fifty_kills_leave_the_same_bytes(midpo, long_world, tmp_path):
    struck = chaos_rank.chaos(long_world, tmp_path, num_kills=50, seed=1, scorers=2)
    print("kills struck while:", struck)
    assert sum(struck.values()) == 50


def start_and_wait_until_scoring(midpo, world, folder, **options):
    """A run that is in the middle of its work."""
    process = midpo.start(*chaos_rank.arguments(world, folder, **options))
    deadline = time.monotonic() + DEADLINE_S
    while not (folder / "scores.jsonl.partial").exists():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(0.2)
    return process


def resume(midpo, world, folder, **options):
    return midpo.run_ok(*chaos_rank.arguments(world, folder, **options))


@pytest.mark.parametrize("signal_number", (signal.SIGINT, signal.SIGTERM))
def test_a_signal_stops_with_resumable_state(signal_number, midpo, long_world, expected, tmp_path):
    process = start_and_wait_until_scoring(midpo, long_world, tmp_path)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == midpo.EXIT_STOPPED, errors.decode()
    assert b"--resume" in errors
    assert not (tmp_path / "d_dual.jsonl").exists(), "an unfinished output was published"
    resume(midpo, long_world, tmp_path)
    chaos_rank.assert_same_outputs(tmp_path, expected)


def test_a_second_sigint_ends_at_once(midpo, long_world, expected, tmp_path):
    process = start_and_wait_until_scoring(midpo, long_world, tmp_path)
    # Signals that come before the first is handled count as one.
    for _ in range(20):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)
    process.communicate(timeout=10)
    assert process.returncode == 130
    resume(midpo, long_world, tmp_path)
    chaos_rank.assert_same_outputs(tmp_path, expected)


@pytest.mark.parametrize("limit_bytes", (20_000, 150_000, 1_000_000))
def test_a_file_size_limit_fails_by_name_and_resumes(limit_bytes, midpo, long_world, expected,
                                                     tmp_path):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    result = midpo.run(*chaos_rank.arguments(long_world, tmp_path), preexec_fn=limit_files,
                       restore_signals=False)
    assert result.returncode == midpo.EXIT_FAILED, result.stderr
    assert "storage error" in result.stderr and str(tmp_path) in result.stderr
    resume(midpo, long_world, tmp_path)
    chaos_rank.assert_same_outputs(tmp_path, expected)


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for a few rows; grown by calling it."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder],
                              capture_output=True, check=False).returncode == 0

    if os.geteuid() != 0 or not mount("size=1m"):
        pytest.skip("needs root, to mount a small file system")
    yield folder, lambda: mount("remount", "size=64m")
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_fails_by_name_and_resumes(small_disk, midpo, long_world, expected):
    disk, grow = small_disk
    folder = disk / "out"
    folder.mkdir()
    result = midpo.run(*chaos_rank.arguments(long_world, folder))
    assert result.returncode == midpo.EXIT_FAILED, result.stderr
    assert "storage error" in result.stderr
    assert not (folder / "d_dual.jsonl").exists()
    assert grow()
    resume(midpo, long_world, folder)
    chaos_rank.assert_same_outputs(folder, expected)


def test_metrics_that_cannot_be_written_end_the_run_by_name(midpo, long_world, expected, tmp_path):
    """The coordinator writes them: whoever waits for it must end as well."""
    metrics = tmp_path / "d_dual.jsonl.run/metrics.jsonl"
    metrics.parent.mkdir()
    metrics.symlink_to("/dev/full")
    result = midpo.run(*chaos_rank.arguments(long_world, tmp_path), timeout=60)
    assert result.returncode == midpo.EXIT_FAILED, result.stderr
    assert f"storage error: {metrics}" in result.stderr
    metrics.unlink()
    resume(midpo, long_world, tmp_path)
    chaos_rank.assert_same_outputs(tmp_path, expected)


@pytest.mark.parametrize("num_scorers", (1, 2, 5))
def test_bytes_do_not_depend_on_the_number_of_scorers(num_scorers, midpo, long_world, expected,
                                                      tmp_path):
    resume(midpo, long_world, tmp_path, scorers=num_scorers)
    chaos_rank.assert_same_outputs(tmp_path, expected)


def test_another_number_of_scorers_may_continue_a_run(midpo, long_world, expected, tmp_path):
    process = start_and_wait_until_scoring(midpo, long_world, tmp_path, scorers=1)
    process.kill()
    process.communicate()
    resume(midpo, long_world, tmp_path, scorers=3)
    chaos_rank.assert_same_outputs(tmp_path, expected)
