# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the parity tests: the program, model directories made once a session, toy rows."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

from midpo_fixture import midpo  # noqa: E402, F401  (the line above makes it findable)


class ModelFolders:
    """Makes fixture models on first use; equal arguments give the same folder."""

    def __init__(self, root):
        self.root = root

    def __call__(self, *arguments):
        import make_fixtures
        folder = self.root / "_".join(["models", *arguments]).replace("--", "")
        if not folder.exists():
            make_fixtures.make_fixtures(make_fixtures.parse_arguments([str(folder), *arguments]))
        return folder


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory):
    """model_folders("--arch", "qwen3") -> folder with reward, cost and base."""
    import torch
    torch.set_num_threads(1)
    return ModelFolders(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def toy_world(tmp_path_factory):
    """What scripts/toy_rank_world.py makes without any dependency."""
    import toy_rank_world as maker
    folder = tmp_path_factory.mktemp("toy_world")
    maker.write_world(folder, num_rows=200, seed=7)
    return folder


@pytest.fixture(scope="session")
def toy_rows():
    """The rows on which D_dual must be identical to the reference's."""
    import toy_data
    return list(toy_data.pair_rows(2000, seed=11))
