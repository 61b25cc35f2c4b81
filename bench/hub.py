"""A real hub in a process of its own, and what a measurement asks of it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import httpx
import psutil

from bench import machine
from roost.processes import kill_marked

MARK: Final = "BENCH_HUB"
"""In the environment of a hub and of all it starts, so that nothing is left behind."""
PATIENCE_SECONDS: Final = 60.0
UP: Final = ("up", "--json", "--agent", "scripted", "--config", os.devnull)
ROOST: Final = (sys.executable, "-m", "roost", *UP)
COLD: Final = (*ROOST, "--warm-hosts", "0")
"""A hub that starts no process before it is needed: none gets in the way of what is measured."""
RECORDED: Final = (sys.executable, "-m", "bench.tickets", *UP, "--warm-hosts", "0")
"""A hub whose hosts are not started: their tickets are written down (bench/tickets.py)."""
LIMITS: Final = {"ROOST_MAX_STREAMS": "8192", "ROOST_RATE_PER_SECOND": "0"}
"""One key stands for many people here."""


class Hub:
    """Started, and ready, when it is made."""

    def __init__(self, data: Path, *, command: tuple[str, ...] = ROOST, core: int | None = None, port: int = 0) -> None:
        self.data = data
        self._mark = uuid.uuid4().hex
        self._log = (data.parent / f"{data.name}.log").open("ab")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
        started = time.monotonic()
        self.process = machine.spawn(
            [*command, "--data", str(data), "--port", str(port)],
            core,
            env=environment | LIMITS | {MARK: self._mark},
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self.url: str = self._read_ready()["url"]
            self.key = (data / "api_key").read_text(encoding="ascii").strip()
            self.http = httpx.Client(
                base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=PATIENCE_SECONDS
            )
            assert self.http.get("/readyz").status_code == 200
        except BaseException:
            self.kill()
            self.sweep()
            raise
        self.start_seconds = time.monotonic() - started
        """From exec to the first 200 of /readyz."""

    def _read_ready(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the hub did not start:\n{Path(self._log.name).read_text()[-2000:]}")
        return json.loads(line)

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 80

    def memory(self) -> int:
        """Resident bytes of the hub alone."""
        return psutil.Process(self.process.pid).memory_info().rss

    def cpu_seconds(self) -> float:
        """What the hub alone has used so far, of all cores together."""
        used = psutil.Process(self.process.pid).cpu_times()
        return used.user + used.system

    # --- what is asked of it ---

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.http.request(method, path, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def create(self, task: str | None = None) -> str:
        body = {"workspace": {"kind": "folder"}} | ({"task": task} if task else {})
        return self.call("POST", "/v1/sessions", json=body)["session"]

    def info(self, session: str) -> dict[str, Any]:
        return self.call("GET", f"/v1/sessions/{session}")

    def wait(self, session: str, **wanted: Any) -> dict[str, Any]:
        """The session's info once these fields are so."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            info = self.info(session)
            if all(info.get(name) == value for name, value in wanted.items()):
                return info
            time.sleep(0.01)
        raise TimeoutError(f"{session} did not become {wanted}")

    def live(self, host_core: int | None = None) -> str:
        """A new session whose host is there, on this core."""
        session = self.create()
        self.wait(session, phase="active")
        if host_core is not None:
            machine.move(self.host_pid(session), host_core)
        return session

    def host_pid(self, session: str) -> int:
        return json.loads((self.data / "hosts" / f"{session}.json").read_text(encoding="utf-8"))["pid"]

    def send(self, session: str, text: str) -> None:
        self.call("POST", f"/v1/sessions/{session}/input", json={"text": text})

    def delete(self, session: str) -> None:
        self.call("DELETE", f"/v1/sessions/{session}", params={"force": "true"})

    def stream_request(self, session: str, after: int = 0) -> bytes:
        """The bytes that open this session's event stream."""
        return (
            f"GET /v1/sessions/{session}/events?after={after} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Accept: text/event-stream\r\nAuthorization: Bearer {self.key}\r\n\r\n"
        ).encode()

    # --- the end ---

    def kill(self) -> None:
        """SIGKILL; its hosts go on."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def sweep(self) -> None:
        """End whatever this hub has started. Raises: RuntimeError: some of it is left."""
        self._log.close()
        if not kill_marked(MARK, lambda mark: mark == self._mark, seconds=PATIENCE_SECONDS):
            raise RuntimeError(f"processes with {MARK}={self._mark} could not be killed")

    def close(self) -> None:
        self.http.close()
        self.kill()
        self.sweep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def client(command: list[str], core: int, request: bytes) -> Generator["subprocess.Popen[bytes]"]:
    """A load client that has been given its request; gone at the end."""
    process = machine.spawn(command, core, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdin is not None
        process.stdin.write(request)
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
