# SPDX-License-Identifier: Apache-2.0
"""A worker on a host of its own, which shares neither address nor files with the job's: a network
namespace behind a cable, and mounts under which all that the tests have written is gone."""
import shutil
import tempfile
from pathlib import Path

import online_world
import pytest
from chaos_remote import Network, free_port, make_keys, why_no_network
from online_world import arguments, result_of, router_arguments
from party import Party

HIDE = 'mount -t tmpfs none "$1" && cd / && shift && exec "$@"'


@pytest.fixture(scope="module")
def toy(tmp_path_factory, midpo):
    return online_world.write(midpo, tmp_path_factory.mktemp("hosts_toy"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory, midpo):
    return make_keys(tmp_path_factory.mktemp("keys"), ("head", "w"))


@pytest.fixture(scope="module")
def host(toy, keys, tmp_path_factory):
    """What the worker's host has: models under other paths, its key and the job's public one."""
    if reason := why_no_network():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="midpo-host-") as folder:
        for model in ("init", "sft", "reward", "cost", "experts"):
            shutil.copytree(toy / model, Path(folder) / "models" / model)
        for key in ("w.key", "head.pub"):
            shutil.copy(keys / key, folder)
        yield Path(folder)


class TwoHosts(Party):
    def __init__(self, midpo, folder, toy, host, keys, hidden):
        super().__init__(midpo, folder, Network.ADDRESS)
        self.toy, self.host, self.keys, self.hidden = toy, host, keys, hidden
        self.network = Network(["w"])

    def __enter__(self):
        self.network.__enter__()
        return self

    def __exit__(self, *error):
        super().__exit__(*error)
        self.network.__exit__(*error)

    def listening(self):
        return ("--listen", self.address, "--listen-key", self.keys / "head.key",
                "--allowed-keys", self.keys / "allowed")

    def worker(self, name, *more):
        return super().worker(
            name, "--key", self.host / "w.key", "--server-key", self.host / "head.pub",
            "--model-map", f"{self.toy}={self.host / 'models'}", *more,
            prefix=(*self.network.inside("w"), "unshare", "-m", "sh", "-c", HIDE, "sh", self.hidden),
            env={"TMPDIR": str(self.host)})


@pytest.fixture
def party(midpo, toy, host, keys, tmp_path, tmp_path_factory):
    with TwoHosts(midpo, tmp_path, toy, host, keys, tmp_path_factory.getbasetemp()) as party:
        yield party


def sft(toy, output, *more):
    return ("sft", "--model", toy / "init", "--data", toy / "sft.jsonl", "--output", output,
            "--dtype", "float32", "--batch-size", 4, "--max-steps", 12, "--save-steps", 4,
            "--learning-rate", "1e-3", "--ranks", 2, "--rank-silence-seconds", 2, *more)


def test_a_rank_beyond_a_cable_that_is_cut(party, toy, midpo, tmp_path):
    """It comes back without having seen a checkpoint."""
    midpo.run_ok(*sft(toy, tmp_path / "here"))
    job = sft(toy, tmp_path / "there", "--rank-source", "workers", "--rendezvous",
              f"tcp://{Network.ADDRESS}:{free_port()}", *party.listening())
    party.worker("w0", "--roles", "learner-rank")
    party.start("job", *job)
    # Every step takes a while: two ranks and two cores, all of which each rank would use.
    party.wait_until(lambda: (tmp_path / "there.run/checkpoints/step-4").exists())
    party.network.cut("w")
    assert party.processes["job"].wait(timeout=30) == midpo.EXIT_FAILED
    assert "rank 1 gave no sign of life" in party.words("job").splitlines()[-1]
    party.network.heal("w")
    party.start("job", *job, "--resume")
    party.end("job")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("here", "there")]
    assert weights[0] == weights[1]


def test_a_generator_and_scorer_beyond_a_cable(party, toy, midpo, tmp_path):
    """The mixture: base, both experts, and a router that is learnt and sent meanwhile."""
    more = ("--online.max-staleness", 1, *router_arguments(toy))
    midpo.run_ok(*arguments(toy, tmp_path / "here", *more))
    party.worker("w0")
    party.start("job", *arguments(toy, tmp_path / "there", *more, "--online.generators", 0,
                                  *party.listening()))
    for name in ("job", "w0"):
        party.end(name)
    assert result_of(tmp_path / "there") == result_of(tmp_path / "here")
