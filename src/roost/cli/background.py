"""A hub in the background: found if it runs, started if it does not. Blocks, so that Ctrl-C ends the waiting."""

import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec

from roost.cli.terminal import progress
from roost.client import AsyncClient
from roost.model.errors import DataLocked, HubUnreachable, RoostError, TimedOut, error_from
from roost.processes import COMMAND_MARK, HOST_MARK, RUN_MARK
from roost.settings import Settings

START_SECONDS: Final = 30.0
LOG_BYTES: Final = 16 * 1024 * 1024
_LOOK_SECONDS: Final = 0.05
_TAIL_BYTES: Final = 4096


def hub_answers(settings: Settings) -> bool:
    """Whether a hub runs on this data folder, ready for requests."""
    return anyio.run(_look, settings, 0.0)


def ensure_hub(settings: Settings) -> None:
    """Start a hub on this data folder; where somebody else has just started one, wait for that.

    Raises: SchemaTooNew, TimedOut, and what else kept it from starting; the log is DATA/hub.log.
    """
    with progress("starting a hub"):
        try:
            start_hub(settings)
        except DataLocked:
            if not anyio.run(_look, settings, START_SECONDS):
                raise


def start_hub(settings: Settings) -> None:
    """Start one that outlives this process, and wait until it is ready."""
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = data / "hub.log"
    before = _make_room(log)
    reading, writing = os.pipe()
    try:
        with log.open("ab") as out, os.fdopen(writing, "wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "roost", "up", "--json", *_flags(settings)],
                cwd=data, env=_environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        heard, _, _ = select.select([reading], [], [], START_SECONDS)
        if heard and os.read(reading, select.PIPE_BUF):  # its one line, written in one piece
            process.returncode = 0  # it is on its own now: nobody waits for it
            return
    finally:
        os.close(reading)
    process.kill()  # silent for too long, or dead: then this does nothing
    process.wait()
    if heard:
        raise _why(log, before)
    raise TimedOut(f"The hub did not get ready within {START_SECONDS:.0f} s; its log is {log}.", log=str(log))


def _make_room(log: Path) -> int:
    """The size of the log; a long one is put aside, in place of the one before it."""
    size = log.stat().st_size if log.exists() else 0
    if size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
        size = 0
    return size


def _flags(settings: Settings) -> list[str]:
    """What this command line was told beyond the environment and the file, which the hub reads itself."""
    port = settings.port if not settings.port or _is_free(settings.host, settings.port) else 0
    flags = ["--data", settings.data, "--port", str(port)]
    return flags + (["--agent", settings.agent] if settings.agent else [])


def _is_free(host: str, port: int) -> bool:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((host, port))
            return True
    return False


def _environment() -> dict[str, str]:
    """Ours, without the marks of a host: a hub started by an agent's tool is not that agent's to take down."""
    return {name: value for name, value in os.environ.items() if name not in (HOST_MARK, RUN_MARK, COMMAND_MARK)}


def _why(log: Path, before: int) -> RoostError:
    """What a hub that could not start said last."""
    with log.open("rb") as file:
        file.seek(max(before, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    for line in reversed(lines):
        with suppress(msgspec.MsgspecError):
            said: Any = msgspec.json.decode(line)
            if isinstance(said, dict) and "error" in said:
                details: dict[str, Any] = dict(said["error"])  # pyright: ignore[reportUnknownArgumentType]  # JSON
                code, message = str(details.pop("code")), str(details.pop("message"))
                return error_from(code, message, details)
    return RoostError(f"The hub did not start; its log {log} ends with: {lines[-1] if lines else 'nothing'}")


async def _look(settings: Settings, seconds: float) -> bool:
    """Whether it answers, now or within these seconds."""
    async with AsyncClient(data=settings.data, connect_seconds=0) as client:
        until = anyio.current_time() + seconds
        while True:
            with suppress(HubUnreachable):
                if await client.ready():
                    return True
            if anyio.current_time() >= until:
                return False
            await anyio.sleep(_LOOK_SECONDS)  # it is another process: there is nothing to wait for but time
