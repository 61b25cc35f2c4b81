"""A server under test: started in a group of its own, killed as a tree, its port free again."""

import os
import socket
import subprocess
import time
import uuid
from contextlib import suppress
from typing import Final, Self

import psutil

from bench.peers.peer import NotHere, Peer, Place
from roost.processes import kill_marked, marked, with_descendants

MARK: Final = "BENCH_PEER"
"""In the environment of a server and of all it starts, so that nothing is left behind."""
START_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.01
SAID_BYTES: Final = 2000
KEPT: Final = ("PATH", "LANG", "TMPDIR")


class Server:
    """Started and ready when it is made. Raises: NotHere: it does not start."""

    def __init__(self, peer: Peer, place: Place) -> None:
        self.peer, self.place = peer, place
        self._mark = uuid.uuid4().hex
        self._log = place.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> float:
        """The seconds from exec to the first answer. Raises: NotHere."""
        launch = self.peer.launch()
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        began = time.perf_counter()
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(
                launch.command, cwd=launch.cwd, env={**env, **launch.env, MARK: self._mark}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        while not self.peer.is_ready():
            if process.poll() is not None:
                raise NotHere(f"it ended with {process.returncode} at its start: {self._said()}")
            if time.perf_counter() - began > START_SECONDS:
                raise NotHere(f"it did not answer within {START_SECONDS:.0f} s: {self._said()}")
            time.sleep(LOOK_SECONDS)  # another program's start: there is nothing to wait for but time
        return time.perf_counter() - began

    def kill(self) -> None:
        """SIGKILL for the server's own process, and for none that it has started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def mib(self) -> float:
        """Resident memory of its process and of all that it has started."""
        total = 0
        for process in self._tree():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total / 2**20

    def close(self) -> None:
        """Raises: RuntimeError: something of it is still there."""
        self.kill()
        gone = kill_marked(MARK, lambda mark: mark == self._mark)
        with socket.socket() as taken:
            if not gone or taken.connect_ex(("127.0.0.1", self.place.port)) == 0:
                raise RuntimeError(f"{self.peer.about.title} left a process or its port {self.place.port}")

    def _tree(self) -> set[psutil.Process]:
        return set(with_descendants(marked(MARK, lambda mark: mark == self._mark)))

    def _said(self) -> str:
        return " ".join(self._log.read_bytes()[-SAID_BYTES:].decode(errors="replace").split())[-600:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
