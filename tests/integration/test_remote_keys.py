# SPDX-License-Identifier: Apache-2.0
"""The list of keys of a job that listens: what each key may be, and the list read again."""
import signal
import time

import chaos_remote
import pytest
from chaos_remote import Cluster, assert_same

NAMES = ("head", "w0", "late", "reader")


@pytest.fixture(scope="module")
def rows(tmp_path_factory, midpo):
    return chaos_remote.write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", 300)


@pytest.fixture(scope="module")
def expected(rows, tmp_path_factory):
    return chaos_remote.undisturbed(rows, tmp_path_factory.mktemp("expected") / "run")


@pytest.fixture(scope="module")
def keys(midpo, tmp_path_factory):
    return chaos_remote.make_keys(tmp_path_factory.mktemp("keys"), NAMES)


class KeyedCluster(Cluster):
    """One worker w0 with its key on the list; others join with join()."""

    def __init__(self, rows, folder, keys, delay_us):
        self.keys, self.allowed = keys, folder / "allowed"
        self.list("w0")
        super().__init__(rows, folder, 1, delay_us, rank_options=(
            "--listen-key", keys / "head.key", "--allowed-keys", self.allowed),
            worker_options=self.key_of("w0"))

    def key_of(self, name):
        return ("--key", self.keys / f"{name}.key", "--server-key", self.keys / "head.pub")

    def list(self, *entries, more=""):
        """Writes the list: names, with their roles, if any, behind a space."""
        lines = []
        for entry in entries:
            name, _, roles = entry.partition(" ")
            lines.append(f"{(self.keys / f'{name}.pub').read_text().strip()} {roles}\n")
        self.allowed.write_text("".join(lines) + more)

    def reload(self, *entries, more="", answer="keys_reloaded"):
        self.list(*entries, more=more)
        already = self.words("coordinator").count(answer)
        self.coordinator.send_signal(signal.SIGHUP)
        self.wait_for_words("coordinator", answer, count=already + 1)

    def join(self, name, *more):
        self.workers[name] = chaos_remote.start(
            chaos_remote.STUB_WORKER, ("--connect", self.address, "--name", name, "--threads", 1,
                                       "--delay-us", self.delay_us, "--give-up-after", 20,
                                       *self.key_of(name), *more),
            log=self.folder / f"{name}.log")
        return self.workers[name]

    def wait_for_words(self, who, words, count=1):
        deadline = time.monotonic() + 20.0
        while self.words(who).count(words) < count:
            assert time.monotonic() < deadline, (words, self.words(who))
            time.sleep(0.02)


def test_keys_come_and_go_while_the_job_runs(rows, expected, keys, tmp_path):
    with KeyedCluster(rows, tmp_path, keys, delay_us=60_000) as cluster:
        cluster.wait_for_words("coordinator", "worker_ready worker=w0")
        cluster.reload("w0", "late")
        late = cluster.join("late")
        cluster.wait_for_words("coordinator", "worker_ready worker=late")
        cluster.reload("w0")
        assert late.wait(timeout=15) == 2, "it is refused, not merely lost"
        assert "worker late is not on the job's list of allowed keys" in cluster.words("late")
        assert 'worker_lost worker=late reason="was refused' in cluster.words("coordinator")
        again = cluster.join("late", "--give-up-after", 1)
        assert again.wait(timeout=15) == 1
        assert "does not know this worker's key" in cluster.words("late")
        assert cluster.words("coordinator").count("worker_joined worker=late") == 1
        cluster.wait()
    assert_same(tmp_path, expected)


def test_a_bad_list_leaves_the_former_one_in_force(rows, expected, keys, tmp_path):
    with KeyedCluster(rows, tmp_path, keys, delay_us=20_000) as cluster:
        cluster.wait_for_words("coordinator", "worker_ready worker=w0")
        bad = cluster.allowed.read_text().strip() + " admin\n"
        cluster.reload("late", more=bad, answer="keys_not_reloaded")
        assert f"{cluster.allowed}:2: key w0" in cluster.words("coordinator")
        cluster.wait()
        assert "worker_lost worker=w0" not in cluster.words("coordinator")
    assert_same(tmp_path, expected)


def test_a_key_is_held_to_its_roles(rows, expected, keys, tmp_path):
    with KeyedCluster(rows, tmp_path, keys, delay_us=35_000) as cluster:
        cluster.wait_for_words("coordinator", "worker_ready worker=w0")
        cluster.reload("w0 scorer,learner-rank", "reader generator")
        reader = cluster.join("reader")
        assert reader.wait(timeout=15) == 2
        words = "its key reader may only be a generator"
        assert words in cluster.words("reader") and words in cluster.words("coordinator")
        cluster.wait()
    assert_same(tmp_path, expected)


def test_sighup_ends_no_worker_and_no_job_without_keys(rows, expected, tmp_path):
    with Cluster(rows, tmp_path, 1, delay_us=20_000) as cluster:
        deadline = time.monotonic() + 20
        while "worker_ready" not in cluster.words("coordinator"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        cluster.workers["w0"].send_signal(signal.SIGHUP)
        cluster.coordinator.send_signal(signal.SIGHUP)
        cluster.wait()
        assert cluster.workers["w0"].wait(timeout=10) == 0
        assert "hangup_ignored" in cluster.words("w0")
        assert "listens without keys" in cluster.words("coordinator")
    assert_same(tmp_path, expected)
