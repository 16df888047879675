#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ranks with worker processes that are killed, frozen and cut off, and compares with an undisturbed
run without workers.

  chaos_remote.py --worker-kills 200 --coordinator-kills 20 --work DIR    a long campaign
  chaos_remote.py --cuts 20 --work DIR      cables cut and mended; needs root
  chaos_remote.py --faults 0.3 --worker-kills 0 --coordinator-kills 0 --work DIR
"""
import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support")]

import midpo_cli  # noqa: E402

STUB_RANK = midpo_cli.BUILD / "tests" / "support" / "stub_rank"
STUB_WORKER = midpo_cli.BUILD / "tests" / "support" / "stub_worker"
OUTPUTS = ("d_dual.jsonl", "scores.jsonl", "run/quarantine.jsonl")
BAD_LINES = ('{"prompt_ids": [1]}', '{"prompt_ids": [1', "[1, 2, 3]")
#: A run that takes longer hangs.
DEADLINE_S = 120.0


def write_rows(path, num_rows, seed=3):
    """Pre-tokenised rows, row i beginning with token 1000 + i, and a bad line after every 97th."""
    rng = random.Random(seed)

    def ids():
        return [rng.randrange(500) for _ in range(1 + rng.randrange(30))]

    with open(path, "w", encoding="utf-8") as out:
        for i in range(num_rows):
            out.write(json.dumps({"prompt_ids": [1000 + i], "response_0_ids": ids(),
                                  "response_1_ids": ids(), "note": i}) + "\n")
            if i % 97 == 96:
                out.write(BAD_LINES[i // 97 % len(BAD_LINES)] + "\n")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(program, arguments, faults="", prefix=(), log=None):
    """A running program in a process group of its own, its words in the file `log`."""
    environment = {**os.environ, **midpo_cli.QUIET}
    if faults:
        environment["MIDPO_TEST_FAULTS"] = faults
    stderr = open(log, "ab") if log else subprocess.PIPE  # noqa: SIM115
    try:
        return subprocess.Popen([*prefix, str(program), *map(str, arguments)], env=environment,
                                stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True)
    finally:
        if log:
            stderr.close()


class Cluster:
    """A coordinator and its workers around one run folder; brings back whom it kills."""

    def __init__(self, rows, folder, num_workers=4, delay_us=3000, faults=0.0, seed=0,
                 address=None, rank_options=(), worker_options=(), wrap=lambda who: ()):
        folder.mkdir(parents=True, exist_ok=True)
        self.rows, self.folder, self.delay_us = rows, folder, delay_us
        self.address = address or f"tcp://127.0.0.1:{free_port()}"
        self.faults, self.seed, self.num_started = faults, seed, 0
        self.rank_options, self.worker_options, self.wrap = rank_options, worker_options, wrap
        self.coordinator = None
        self.workers = {f"w{i}": None for i in range(num_workers)}

    def __enter__(self):
        self.start_coordinator()
        for name in self.workers:
            self.start_worker(name)
        return self

    def __exit__(self, *_):
        for process in (self.coordinator, *self.workers.values()):
            if process and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def fault_text(self):
        if not self.faults:
            return ""
        self.num_started += 1
        share = self.faults / 2
        return (f"drop={share},doubled={share},corrupt={share / 2},reordered={share},"
                f"delayed={share / 4},seed={1000 * self.seed + self.num_started}")

    def start_coordinator(self):
        self.coordinator = start(
            STUB_RANK, rank_arguments(self.rows, self.folder, self.delay_us, "--scorers", 0,
                                      "--listen", self.address, *self.rank_options),
            self.fault_text(), self.wrap("coordinator"), self.folder / "coordinator.log")

    def start_worker(self, name):
        self.workers[name] = start(
            STUB_WORKER, ("--connect", self.address, "--name", name, "--threads", 1, "--delay-us",
                          self.delay_us, *self.worker_options),
            self.fault_text(), self.wrap(name), self.folder / f"{name}.log")

    def kill_worker(self, name):
        os.killpg(self.workers[name].pid, signal.SIGKILL)
        self.workers[name].wait()

    def kill_coordinator(self):
        os.killpg(self.coordinator.pid, signal.SIGKILL)
        self.coordinator.wait()

    def is_done(self):
        """Whether the run has ended; it must have ended well."""
        status = self.coordinator.poll()
        assert status in (None, 0), self.words("coordinator")
        return status == 0

    def wait(self, deadline_s=DEADLINE_S, keep_workers=False):
        deadline = time.monotonic() + deadline_s
        while not self.is_done():
            assert time.monotonic() < deadline, f"the run hangs\n{self.report()}"
            if keep_workers:
                self.bring_back()
            time.sleep(0.02)

    def bring_back(self):
        for name, process in self.workers.items():
            if process.poll() is not None:
                self.start_worker(name)

    def report(self):
        """Who waits for whom, as the coordinator tells it."""
        self.coordinator.send_signal(signal.SIGUSR1)
        time.sleep(1.0)
        return self.words("coordinator")

    def words(self, who):
        return (self.folder / f"{who}.log").read_text(errors="replace")[-6000:]


class Network:
    """A network namespace and a cable for each worker; cables can be cut. Needs root."""

    ADDRESS = "10.231.255.1"  # of the coordinator, on this side of every cable

    def __init__(self, names):
        self.tag = f"m{os.getpid() % 100000}"
        self.numbers = {name: i for i, name in enumerate(names)}

    def __enter__(self):
        self.ip("addr", "add", f"{self.ADDRESS}/32", "dev", "lo")
        try:
            for name in self.numbers:
                self.connect(name)
        except subprocess.CalledProcessError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.ip("addr", "del", f"{self.ADDRESS}/32", "dev", "lo", check=False)
        for name in self.numbers:
            self.ip("link", "del", self.cable(name), check=False)
            self.ip("netns", "del", self.namespace(name), check=False)

    @staticmethod
    def ip(*arguments, check=True):
        subprocess.run(["ip", *arguments], check=check, capture_output=True)

    def namespace(self, name):
        return f"{self.tag}{name}"

    def cable(self, name):
        return f"{self.tag}{name}h"

    def connect(self, name):
        space, near, far = self.namespace(name), self.cable(name), f"{self.tag}{name}f"
        net = f"10.231.{self.numbers[name]}"
        self.ip("netns", "add", space)
        self.ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space)
        self.ip("addr", "add", f"{net}.1/30", "dev", near)
        self.ip("link", "set", near, "up")
        self.ip("-n", space, "addr", "add", f"{net}.2/30", "dev", far)
        self.ip("-n", space, "link", "set", far, "up")
        self.ip("-n", space, "route", "add", "default", "via", f"{net}.1")

    def inside(self, who):
        """What a command line begins with to run on that side."""
        return ("ip", "netns", "exec", self.namespace(who)) if who in self.numbers else ()

    def cut(self, name):
        self.ip("link", "set", self.cable(name), "down")

    def heal(self, name):
        self.ip("link", "set", self.cable(name), "up")


def why_no_network():
    """Why namespaces cannot be had here; empty if they can."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return "needs root and ip(8), to make network namespaces"
    try:
        with Network(["probe"]):
            return ""
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.decode().strip()}"


def make_keys(folder, names=("head", "friend")):
    """Key pairs of these names, and a list `allowed` of the second one's."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        midpo_cli.run_ok("keygen", "--output", folder / name)
    (folder / "allowed").write_bytes((folder / f"{names[1]}.pub").read_bytes())
    return folder


def keyed_cluster(rows, folder, network, keys, **options):
    """A cluster whose workers are behind the network's cables."""
    return Cluster(rows, folder, len(network.numbers), wrap=network.inside,
                   address=f"tcp://{network.ADDRESS}:{free_port()}",
                   rank_options=("--listen-key", keys / "head.key", "--allowed-keys",
                                 keys / "allowed"),
                   worker_options=("--key", keys / "friend.key", "--server-key",
                                   keys / "head.pub"), **options)


def partitions(rows, work, cuts, seed, num_workers=4, delay_us=20_000):
    """Cuts cables at random, some for longer than it takes to be missed. @return what happened."""
    rng = random.Random(seed)
    expected = undisturbed(rows, work / "undisturbed")
    keys = make_keys(work / "keys")
    tally = {"runs": 0, "cuts": 0, "longest_s": 0.0}
    with Network([f"w{i}" for i in range(num_workers)]) as network:
        while tally["cuts"] < cuts:
            folder, started = work / f"run_{tally['runs']}", time.monotonic()
            with keyed_cluster(rows, folder, network, keys, delay_us=delay_us) as cluster:
                while tally["cuts"] < cuts and not cluster.is_done():
                    time.sleep(rng.uniform(0.1, 1.0))
                    names = rng.sample(list(network.numbers), rng.randint(1, num_workers))
                    for name in names:
                        network.cut(name)
                    time.sleep(rng.choice((0.3, 1.5, 5.0)))
                    rng.shuffle(names)
                    for name in names:
                        network.heal(name)
                    tally["cuts"] += 1
                cluster.wait()
            assert_same(folder, expected)
            shutil.rmtree(folder)
            tally["runs"] += 1
            tally["longest_s"] = max(tally["longest_s"], round(time.monotonic() - started, 1))
    return tally


def rank_arguments(rows, folder, delay_us, *more):
    return ("--data", rows, "--output", folder / "d_dual.jsonl", "--scores-output",
            folder / "scores.jsonl", "--run-dir", folder / "run", "--on-bad-row", "quarantine",
            "--resume", "--tile-tokens", 120, "--delay-us", delay_us, *more)


def outputs_of(folder):
    files = {name: (folder / name).read_bytes() for name in OUTPUTS}
    rows = json.loads((folder / "run" / "manifest.json").read_text())["rows"]
    assert rows["in"] == rows["out"] + sum(rows["filtered"].values()) + rows["quarantined"]
    return {**files, "rows": rows}


def undisturbed(rows, folder):
    """The outputs of the run without workers."""
    folder.mkdir(parents=True)
    result = subprocess.run([str(STUB_RANK), *map(str, rank_arguments(rows, folder, 0, "--scorers",
                                                                      2))],
                            capture_output=True, check=False, timeout=DEADLINE_S)
    assert result.returncode == 0, result.stderr.decode()[-2000:]
    return outputs_of(folder)


def assert_same(folder, expected):
    found = outputs_of(folder)
    for name, content in expected.items():
        assert found[name] == content, f"{folder / name} differs from the undisturbed run's"


def chaos(rows, work, worker_kills, coordinator_kills, seed, faults=0.0, num_workers=4,
          delay_us=3000):
    """Runs until all kills have struck, each finished and compared. @return what happened."""
    rng = random.Random(seed)
    expected = undisturbed(rows, work / "undisturbed")
    left = ["worker"] * worker_kills + ["coordinator"] * coordinator_kills
    rng.shuffle(left)
    tally = {"runs": 0, "worker_kills": 0, "coordinator_kills": 0, "longest_s": 0.0}
    while left or tally["runs"] == 0:
        folder = work / f"run_{tally['runs']}"
        started = time.monotonic()
        with Cluster(rows, folder, num_workers, delay_us, faults, seed + tally["runs"]) as cluster:
            while left and not cluster.is_done():
                time.sleep(rng.uniform(0.05, 0.5))
                if cluster.is_done():
                    break
                who = left.pop()
                tally[f"{who}_kills"] += 1
                if who == "coordinator":
                    cluster.kill_coordinator()
                    time.sleep(rng.uniform(0.0, 0.5))
                    cluster.start_coordinator()
                else:
                    name = rng.choice(list(cluster.workers))
                    cluster.kill_worker(name)
                    cluster.start_worker(name)
                assert time.monotonic() - started < 3 * DEADLINE_S, cluster.report()
            cluster.wait(keep_workers=True)
        assert_same(folder, expected)
        shutil.rmtree(folder)
        tally["runs"] += 1
        tally["longest_s"] = max(tally["longest_s"], round(time.monotonic() - started, 1))
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker-kills", type=int, default=20)
    parser.add_argument("--coordinator-kills", type=int, default=3)
    parser.add_argument("--cuts", type=int, default=0, help="of the network, instead of kills")
    parser.add_argument("--faults", type=float, default=0.0, help="share of messages, 0 to 0.3")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    rows = write_rows(args.work / "rows.jsonl", args.rows)
    if args.cuts:
        tally = partitions(rows, args.work, args.cuts, args.seed, args.workers)
    else:
        tally = chaos(rows, args.work, args.worker_kills, args.coordinator_kills, args.seed,
                      args.faults, args.workers)
    print(json.dumps({**tally, "differing_bytes": 0}))


if __name__ == "__main__":
    main()
