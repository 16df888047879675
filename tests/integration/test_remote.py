# SPDX-License-Identifier: Apache-2.0
"""Worker processes over real sockets: the same bytes, whatever happens to them."""
import os
import re
import signal
import time

import chaos_remote
import pytest
from chaos_remote import Cluster, assert_same


@pytest.fixture(scope="module")
def rows(tmp_path_factory, midpo):
    return chaos_remote.write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", 1500)


@pytest.fixture(scope="module")
def few_rows(tmp_path_factory, midpo):
    return chaos_remote.write_rows(tmp_path_factory.mktemp("few_rows") / "rows.jsonl", 300)


@pytest.fixture(scope="module")
def few_expected(few_rows, tmp_path_factory):
    return chaos_remote.undisturbed(few_rows, tmp_path_factory.mktemp("few_expected") / "run")


@pytest.fixture(scope="module")
def expected(rows, tmp_path_factory):
    """Outputs of the run without workers."""
    return chaos_remote.undisturbed(rows, tmp_path_factory.mktemp("expected") / "run")


def wait_for(condition, limit_s=20.0):
    """@return how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit_s, "waited too long"
        time.sleep(0.02)
    return time.monotonic() - start


def wait_for_words(cluster, who, pattern, limit_s=20.0):
    return wait_for(lambda: re.search(pattern, cluster.words(who)), limit_s)


@pytest.mark.parametrize("num_workers", (1, 3))
def test_bytes_do_not_depend_on_the_number_of_workers(num_workers, rows, expected, tmp_path):
    with Cluster(rows, tmp_path, num_workers, delay_us=1000) as cluster:
        cluster.wait()
        # One that starts slowly may have missed the job and waits for the next.
        joined = [name for name in cluster.workers if "joined" in cluster.words(name)]
        assert joined
        for name in joined:
            status = cluster.workers[name].wait(timeout=10)
            assert status == 0, "a worker of a finished job must end well"
    assert_same(tmp_path, expected)


def test_workers_help_local_scorers(rows, expected, tmp_path):
    with Cluster(rows, tmp_path, 2, 8000, rank_options=("--scorers", 1)) as cluster:
        cluster.wait()
        wait_for_words(cluster, "w0", r"left tasks=[1-9]")
    assert_same(tmp_path, expected)


def test_kills_of_workers_and_coordinator_leave_the_same_bytes(rows, tmp_path):
    tally = chaos_remote.chaos(rows, tmp_path, worker_kills=20, coordinator_kills=3, seed=1,
                               delay_us=8000)
    print(tally)
    assert tally["worker_kills"] == 20 and tally["coordinator_kills"] == 3


@pytest.mark.parametrize("faults", (0.1, 0.3))
def test_a_bad_network_changes_nothing(faults, few_rows, few_expected, tmp_path):
    with Cluster(few_rows, tmp_path, 4, faults=faults, seed=5) as cluster:
        cluster.wait()
    assert_same(tmp_path, few_expected)


def test_a_frozen_worker_is_noticed_in_three_seconds_and_may_return(few_rows, few_expected,
                                                                         tmp_path):
    with Cluster(few_rows, tmp_path, 2, delay_us=60_000) as cluster:
        wait_for_words(cluster, "w1", "ready")
        time.sleep(0.5)
        os.killpg(cluster.workers["w0"].pid, signal.SIGSTOP)
        seconds = wait_for_words(cluster, "coordinator", "worker_lost worker=w0 reason=.silent")
        assert seconds <= 3.2, f"noticed after {seconds:.1f} s"
        os.killpg(cluster.workers["w0"].pid, signal.SIGCONT)
        wait_for(lambda: cluster.words("coordinator").count("worker_ready worker=w0") == 2)
        cluster.wait()
    assert_same(tmp_path, few_expected)


def test_a_row_that_kills_its_worker_is_quarantined_alone(few_rows, tmp_path):
    deadly = 1000 + 170
    with Cluster(few_rows, tmp_path, 3, worker_options=("--poison", deadly)) as cluster:
        cluster.wait(keep_workers=True)
    lines = [line for line in (tmp_path / "run" / "quarantine.jsonl").read_text().splitlines()
             if "ends the process" in line]
    assert len(lines) == 1 and f'"prompt_ids": [{deadly}]' in lines[0].replace("\\", "")
    assert chaos_remote.outputs_of(tmp_path)["rows"]["in"] == 303


def test_sigterm_lets_a_worker_leave_and_the_others_finish(few_rows, few_expected,
                                                                     tmp_path):
    with Cluster(few_rows, tmp_path, 2, delay_us=20_000) as cluster:
        wait_for_words(cluster, "w0", "ready")
        cluster.workers["w0"].send_signal(signal.SIGTERM)
        assert cluster.workers["w0"].wait(timeout=5) == 0
        wait_for_words(cluster, "coordinator", "worker_lost worker=w0 reason=.left")
        cluster.wait()
    assert_same(tmp_path, few_expected)


def test_sigusr1_tells_who_waits_for_whom(rows, tmp_path):
    with Cluster(rows, tmp_path, 1, delay_us=1_000_000) as cluster:
        wait_for_words(cluster, "coordinator", "worker_ready")
        # Within the first tile: at its end its result is out as well, until it is durable.
        time.sleep(0.3)
        words = cluster.report()
        assert "waits who=crew" in words and "tiles_out=2" in words
        assert re.search(r"waits who=.worker w0.* computes=.*rows\.jsonl:\d+.* seconds=", words)
        assert re.search(r"worker w0 \(.*pid \d+\): computes task", words)
        cluster.workers["w0"].send_signal(signal.SIGUSR1)
        wait_for_words(cluster, "w0", "waits who=.*in job .* busy_lanes=1")


def test_a_run_that_nobody_joins_stops_and_says_so(rows, tmp_path):
    with Cluster(rows, tmp_path, 0, rank_options=("--wait-for-workers", 1)) as cluster:
        assert cluster.coordinator.wait(timeout=15) == 1
        assert "waiting_for_workers" in cluster.words("coordinator")
        assert "no worker has joined" in cluster.words("coordinator")


def test_a_worker_that_finds_nobody_gives_up_and_says_so(rows, tmp_path):
    with Cluster(rows, tmp_path, 1, worker_options=("--give-up-after", 1)) as cluster:
        cluster.kill_coordinator()
        assert cluster.workers["w0"].wait(timeout=15) == 1
        assert "no coordinator for 1 s" in cluster.words("w0")


def test_a_worker_with_other_models_is_refused_by_name(rows, expected, tmp_path):
    with Cluster(rows, tmp_path, 1) as cluster:
        other = chaos_remote.start(
            chaos_remote.STUB_WORKER, ("--connect", cluster.address, "--name", "other", "--threads",
                                       1, "--salt-offset", 7), log=tmp_path / "other.log")
        assert other.wait(timeout=15) == 2
        words = cluster.words("other")
        assert len(set(re.findall(r"[0-9a-f]{32}", words.split("stub_worker:")[1]))) == 2, words
        cluster.wait()
    assert_same(tmp_path, expected)


@pytest.fixture(scope="module")
def keys(midpo, tmp_path_factory):
    """Folder with key pairs head, friend and stranger; allowed lists the friend."""
    return chaos_remote.make_keys(tmp_path_factory.mktemp("keys"), ("head", "friend", "stranger"))


def keyed(keys, who):
    return ("--key", keys / f"{who}.key", "--server-key", keys / "head.pub")


def test_only_listed_keys_come_in(few_rows, few_expected, keys, tmp_path):
    head = ("--listen-key", keys / "head.key", "--allowed-keys", keys / "allowed")
    with Cluster(few_rows, tmp_path, 1, rank_options=head, worker_options=keyed(keys, "friend"),
                 delay_us=20_000) as cluster:
        for name, more in (("stranger", keyed(keys, "stranger")), ("plain", ())):
            other = chaos_remote.start(
                chaos_remote.STUB_WORKER, ("--connect", cluster.address, "--give-up-after", 1,
                                           *more), log=tmp_path / f"{name}.log")
            assert other.wait(timeout=15) == 1
        assert "does not know this worker's key" in cluster.words("stranger")
        cluster.wait()
        assert "joined worker=w0" in cluster.words("coordinator")
        assert cluster.words("coordinator").count("worker_joined") == 1
    assert_same(tmp_path, few_expected)


def test_no_secret_is_ever_said(rows, keys, tmp_path):
    secrets = [(keys / f"{who}.key").read_text().split()[1] for who in ("head", "friend")]
    head = ("--listen-key", keys / "head.key", "--allowed-keys", keys / "allowed")
    with Cluster(rows, tmp_path, 1, rank_options=head,
                 worker_options=keyed(keys, "friend")) as cluster:
        cluster.wait()
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        for secret in secrets:
            assert secret.encode() not in path.read_bytes(), path


def test_plaintext_beyond_the_loopback_is_refused(rows, tmp_path):
    for address in ("tcp://192.0.2.7:5555", "tcp://0.0.0.0:5555", "tcp://*:5555"):
        with Cluster(rows, tmp_path, 0, address=address) as cluster:
            assert cluster.coordinator.wait(timeout=15) == 2


def test_a_cut_cable_costs_time_and_nothing_else(few_rows, few_expected, keys, tmp_path):
    reason = chaos_remote.why_no_network()
    if reason:
        pytest.skip(reason)
    with chaos_remote.Network(["w0", "w1"]) as network, chaos_remote.keyed_cluster(
            few_rows, tmp_path, network, keys, delay_us=60_000) as cluster:
        wait_for(lambda: cluster.words("coordinator").count("worker_ready") == 2)
        network.cut("w0")
        wait_for_words(cluster, "coordinator", "worker_lost worker=w0 reason=.silent")
        network.cut("w1")
        time.sleep(1.0)  # shorter than it takes to be missed
        network.heal("w0")
        network.heal("w1")
        wait_for(lambda: cluster.words("coordinator").count("worker_ready worker=w0") == 2)
        cluster.wait()
        assert "worker_lost worker=w1" not in cluster.words("coordinator")
    assert_same(tmp_path, few_expected)
