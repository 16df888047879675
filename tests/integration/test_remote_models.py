# SPDX-License-Identifier: Apache-2.0
"""`midpo rank` with `midpo worker` processes on real (tiny, random) models."""
import argparse
import shutil
import time

import pytest
import toy_world
from chaos_remote import free_port

STEPS = ("--dtype", "float32", "--max-steps", 3, "--batch-size", 4, "--warmup-ratio", 0,
         "--learning-rate", 1e-3)


def rank_arguments(midpo, world, folder, *more, **options):
    arguments = midpo.rank_arguments(world, world / "rows.jsonl", folder / "d_dual.jsonl",
                                     scores_output=folder / "scores.jsonl", dtype="float32",
                                     on_bad_row="quarantine", **options)
    return (*arguments, *more)


@pytest.fixture(scope="module")
def expected(midpo, long_world, tmp_path_factory):
    """d_dual.jsonl and scores.jsonl without workers."""
    folder = tmp_path_factory.mktemp("alone")
    midpo.run_ok(*rank_arguments(midpo, long_world, folder))
    return [(folder / name).read_bytes() for name in ("d_dual.jsonl", "scores.jsonl")]


@pytest.fixture(scope="module")
def toy_pairs(midpo, tmp_path_factory):
    """An untrained base model, two score models, and preference rows with labels."""
    folder = tmp_path_factory.mktemp("toy_pairs")
    toy_world.write_world(folder, argparse.Namespace(seed=3, sft_rows=24, preferences=24,
                                                     prompts=4))
    for kind in ("reward", "cost"):
        midpo.run_ok(kind, "--model", folder / "init", "--data",
                     folder / "preferences_train.jsonl", *STEPS, "--output", folder / kind)
    return folder


def start_cluster(midpo, world, folder, num_workers, *worker_options):
    """Workers first: the job is short, and must not be done before they come."""
    address = f"tcp://127.0.0.1:{free_port()}"
    workers = [midpo.start("worker", "--connect", address, "--threads", 1, "--give-up-after", 20,
                           *worker_options) for _ in range(num_workers)]
    time.sleep(0.5)
    job = midpo.start(*rank_arguments(midpo, world, folder, "--listen", address))
    return job, workers


def assert_helped(job, workers):
    """The job is done, and some worker helped; one that found nobody any more may say so."""
    status, errors = finish(job)
    assert status == 0, errors
    outcomes = [finish(worker) for worker in workers]
    assert any(status == 0 for status, _ in outcomes), outcomes
    assert all(status == 0 or "no coordinator" in errors for status, errors in outcomes), outcomes


def finish(process, timeout=60):
    _, errors = process.communicate(timeout=timeout)
    return process.returncode, errors.decode()


@pytest.mark.parametrize("num_workers", (1, 3))
def test_d_dual_does_not_depend_on_worker_processes(num_workers, midpo, long_world, expected,
                                                    tmp_path):
    assert_helped(*start_cluster(midpo, long_world, tmp_path, num_workers))
    assert [(tmp_path / name).read_bytes() for name in ("d_dual.jsonl", "scores.jsonl")] == expected


def test_a_worker_finds_the_models_elsewhere(midpo, long_world, expected, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(long_world, elsewhere)
    mapping = f"{long_world}={elsewhere}"
    assert_helped(*start_cluster(midpo, long_world, tmp_path, 1, "--model-map", mapping))
    assert (tmp_path / "d_dual.jsonl").read_bytes() == expected[0]


def test_a_worker_with_another_model_in_its_place_refuses(midpo, world, tmp_path):
    swapped = tmp_path / "swapped"
    shutil.copytree(world / "reward", swapped / "cost")
    shutil.copytree(world / "cost", swapped / "reward")
    job, workers = start_cluster(midpo, world, tmp_path, 1, "--model-map", f"{world}={swapped}")
    try:
        status, errors = finish(workers[0])
        assert status == midpo.EXIT_USAGE and "model has content" in errors, errors
    finally:
        job.kill()
        job.communicate()


def test_experts_do_not_depend_on_worker_processes(midpo, toy_pairs, tmp_path):
    def arguments(name, *more):
        return ("expert", "--kind", "both", "--model", toy_pairs / "init", "--reward-model",
                toy_pairs / "reward", "--cost-model", toy_pairs / "cost", "--data",
                toy_pairs / "preferences_train.jsonl", "--output", tmp_path / name, *STEPS, *more)

    midpo.run_ok(*arguments("alone"))
    address = f"tcp://127.0.0.1:{free_port()}"
    job = midpo.start(*arguments("helped", "--listen", address))
    worker = midpo.start("worker", "--connect", address, "--threads", 1, "--give-up-after", 30)
    for process in (worker, job):
        status, errors = finish(process)
        assert status == 0, errors
    for kind in ("safety", "helpfulness"):
        adapters = [(tmp_path / name / kind / "adapter_model.safetensors").read_bytes()
                    for name in ("alone", "helped")]
        assert adapters[0] == adapters[1]
