# SPDX-License-Identifier: Apache-2.0
"""Every trainer on a real tiny model, killed and resumed, ends in an undisturbed run's bytes.

chaos_train.py is the same for longer campaigns.
"""
import random

import chaos_train
import pytest

TRAINERS = ("sft", "sft_lora", "reward", "cost", "expert", "router", "dpo")


@pytest.fixture(scope="module")
def toy(midpo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    chaos_train.write_toy(folder)
    return folder


def test_every_trainer_is_here(toy):
    assert TRAINERS == tuple(chaos_train.trainers(toy))


@pytest.mark.parametrize("trainer", TRAINERS)
def test_kills_leave_the_same_bytes(trainer, toy, tmp_path):
    command = chaos_train.trainers(toy)[trainer]
    expected = chaos_train.undisturbed(command, tmp_path / "run")
    rng = random.Random(trainer)
    moments = ("step", rng.choice(("save", "publish")))
    assert "step" in chaos_train.chaos(command, tmp_path / "run", expected, moments, rng)
