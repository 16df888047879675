# SPDX-License-Identifier: Apache-2.0
"""Whole processes of a job, side by side."""
import os
import re
import subprocess
import time

from chaos_remote import free_port


class Party:
    """A job that listens and its workers, each with a log. All of them end with the context."""

    def __init__(self, midpo, folder, host="127.0.0.1"):
        self.midpo, self.folder = midpo, folder
        self.address = f"tcp://{host}:{free_port()}"
        self.processes, self.logs = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        for log in self.logs.values():
            log.close()

    def start(self, name, *arguments, prefix=(), env=None, cwd=None):
        self.logs[name] = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [*prefix, *self.midpo.command(*arguments)], stdout=subprocess.DEVNULL, stderr=self.logs[name],
            env={**os.environ, **self.midpo.QUIET, **(env or {})}, cwd=cwd)
        return self.processes[name]

    def worker(self, name, *more, **options):
        return self.start(name, "worker", "--connect", self.address, "--name", name, "--threads", 1,
                          "--give-up-after", 30, *more, **options)

    def words(self, name):
        return (self.folder / f"{name}.log").read_text()

    def wait_for(self, name, pattern, limit_s=40.0):
        self.wait_until(lambda: re.search(pattern, self.words(name)), limit_s)

    def wait_until(self, is_so, limit_s=40.0):
        deadline = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < deadline, {name: self.words(name)[-2000:]
                                                 for name in self.processes}
            time.sleep(0.02)

    def end(self, name, limit_s=60.0):
        status = self.processes[name].wait(timeout=limit_s)
        assert status == 0, (name, self.words(name)[-3000:])
