# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the integration tests: the program, and a toy world made without any dependency."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

from midpo_fixture import midpo  # noqa: E402, F401  (the line above makes it findable)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Folder with reward, cost and rows.jsonl (a few hundred rows: ranked in about a second)."""
    import toy_rank_world
    folder = tmp_path_factory.mktemp("world")
    toy_rank_world.write_world(folder, num_rows=300, seed=5)
    return folder


@pytest.fixture(scope="session")
def long_world(tmp_path_factory, world):
    """The same models and enough rows, some of them bad, for a run that can be interrupted."""
    import chaos_rank
    folder = tmp_path_factory.mktemp("long_world")
    for kind in ("reward", "cost"):
        (folder / kind).symlink_to(world / kind)
    chaos_rank.write_rows(folder / "rows.jsonl", num_rows=3000, seed=6)
    return folder
