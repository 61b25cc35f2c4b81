"""Hosts as processes of this machine, in sessions of their own: they outlive the hub that started them."""

import os
import shutil
import signal
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
import psutil
from msgspec import Struct

from roost.model.errors import StartFailed
from roost.model.ids import Epoch, SessionId
from roost.model.ticket import Ticket
from roost.processes import (
    HOST_MARK,
    birth,
    but_screens,
    holding,
    kill_until_gone,
    mark_file,
    marked,
    new_host_mark,
    screen_folder,
    screens_of,
    session_of,
    with_descendants,
)
from roost.runtimes.process.children import apart, reap
from roost.runtimes.process.hatchery import AVAILABLE, TICKET, Hatchery
from roost.runtimes.process.warm import WarmHost, WarmHosts


class HostNote(Struct, frozen=True, kw_only=True):
    """DATA/hosts/<session>.json: the last host started. `started` is `processes.birth` of its pid."""

    pid: int
    started: str
    epoch: Epoch


class ProcessRuntime:
    """Starts hosts of the data folder `data`, finds them again after a restart of the hub, kills them as trees."""

    def __init__(self, data: Path, *, warm: int = 0, agent: str | None = None) -> None:
        """`warm`: so many hosts wait for their session while `keep_warm` runs, with the driver of `agent` imported."""
        self._data = data.absolute()
        self._hosts = self._data / "hosts"
        self._agent = agent or ""
        self._hatchery = Hatchery(lambda control: self._spawn(control, "hatchery", "hatchery", self._agent))
        self._warm = WarmHosts(warm, self._spawn_warm)

    async def keep_warm(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._close_hatchery)  # at once: whoever is shielded waits for it
            await self._warm.keep()
            tasks.cancel_scope.cancel()

    async def _close_hatchery(self) -> None:
        """When cancelled."""
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await apart(self._hatchery.close)

    async def start(self, ticket: Ticket) -> None:
        while (host := self._warm.take()) is not None:
            if await apart(self._assign, ticket, host):
                return
        if not (self._hatchery.ready and await self._hatched(ticket)):
            await self._started(ticket)

    async def _hatched(self, ticket: Ticket) -> bool:
        """Start a host without its imports; False: there is none."""
        with suppress(OSError), anyio.CancelScope(shield=True):  # or nobody would know of the process
            host = await self._warm.another()
            with suppress(OSError):  # nobody's child: it leaves no zombie
                reap(host.pid)
            return await apart(self._assign, ticket, host)
        return False

    async def _started(self, ticket: Ticket) -> None:
        """Start a host of its own. Raises: StartFailed."""
        read_end, write_end = os.pipe()
        try:
            pid = await apart(self._spawn_for, ticket, read_end)
        except OSError as error:
            os.close(write_end)
            raise StartFailed(f"no process for the host: {error}") from None
        finally:
            os.close(read_end)
        reap(pid)
        await apart(_hand_over, write_end, msgspec.json.encode(ticket))
        await apart(self._take_note, ticket, pid, birth(pid))

    async def kill(self, session: SessionId, *, screen: bool = True) -> None:
        try:
            gone = await apart(self._kill, session, screen)
        except OSError as error:
            raise StartFailed(f"processes of {session} could not be looked for: {error}") from None
        if not gone:
            raise StartFailed(f"processes of {session} could not be killed")

    async def clear(self, but: Collection[SessionId]) -> None:
        """A note is there from a host's start until its tree is known to be gone."""
        for session in await apart(lambda: [SessionId(note.stem) for note in self._hosts.glob("*.json")]):
            if session not in but:
                with suppress(StartFailed):  # it is tried again before its next host starts
                    await self.kill(session, screen=False)

    async def screens(self) -> list[SessionId]:
        return await apart(screens_of, self._data)

    async def alive(self, session: SessionId, epoch: Epoch) -> bool:
        try:
            note = await apart(self._note, session)
            return note is not None and note.epoch == epoch and birth(note.pid) == note.started
        except OSError:
            return True  # who cannot look does not know that it is dead

    def _assign(self, ticket: Ticket, host: WarmHost) -> bool:
        """Give a waiting host its session; False: it is dead. What would find and kill it is there before it knows."""
        try:
            self._hosts.mkdir(parents=True, exist_ok=True)
            mark_file(self._data, ticket.session).touch()
            self._take_note(ticket, host.pid, host.started)
        except OSError:
            os.close(host.pipe)  # it reads the end, and goes
            raise
        return _hand_over(host.pipe, msgspec.json.encode(ticket))

    def _spawn_for(self, ticket: Ticket, descriptor: int) -> int:
        self._hosts.mkdir(parents=True, exist_ok=True)
        mark_file(self._data, ticket.session).touch()  # before the process: without it there is nothing to kill
        mark = {HOST_MARK: new_host_mark(ticket.session, ticket.epoch)}
        return self._spawn(descriptor, ticket.session, "host", **mark)

    def _spawn_warm(self, descriptor: int) -> int:
        """Start a host that waits, for its ticket by the descriptor."""
        if not AVAILABLE:
            return self._spawn(descriptor, "warm", "host", self._agent)
        log = self._open_log("warm")
        try:
            return self._hatchery.hatch(descriptor, log)
        finally:
            os.close(log)

    def _spawn(self, descriptor: int, name: str, role: str, *agent: str, **marks: str) -> int:
        """Start a process that logs to `name` and has the descriptor; with `agent` it imports all that one needs."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
        if path := inherited.get("PYTHONPATH"):  # the host lives in the data folder
            inherited["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in path.split(os.pathsep))
        log = self._open_log(name)
        try:
            return os.posix_spawn(
                sys.executable,
                [sys.executable, "-m", "roost.wiring", role, str(TICKET), *agent],
                inherited | marks,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, descriptor, TICKET),
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
            )
        finally:
            os.close(log)

    def _open_log(self, name: str) -> int:
        logs = self._data / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return os.open(logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def _take_note(self, ticket: Ticket, pid: int, started: str | None) -> None:
        note = HostNote(pid=pid, started=started or "gone", epoch=ticket.epoch)
        path = self._hosts / f"{ticket.session}.json"
        draft = path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(note))
        draft.replace(path)

    def _note(self, session: SessionId) -> HostNote | None:
        """Raises: OSError: it cannot be read."""
        try:
            return msgspec.json.decode((self._hosts / f"{session}.json").read_bytes(), type=HostNote)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def _kill(self, session: SessionId, screen: bool) -> bool:
        """The host we know, everything below it, and everything that carries a mark of the session."""
        held = mark_file(self._data, session)
        if not held.exists():
            return True
        note = self._note(session)

        def find() -> list[psutil.Process]:
            found = [*marked(HOST_MARK, lambda mark: session_of(mark) == session), *holding(held)]
            with suppress(psutil.Error):
                if note is not None and birth(note.pid) == note.started:
                    found.append(psutil.Process(note.pid))
            found = with_descendants(found)
            return found if screen else but_screens(found)

        gone = kill_until_gone(find)
        if gone:
            (self._hosts / f"{session}.json").unlink(missing_ok=True)
        if gone and screen:
            shutil.rmtree(screen_folder(self._data, session), ignore_errors=True)
            held.unlink(missing_ok=True)
        return gone


def _hand_over(descriptor: int, ticket: bytes) -> bool:
    """Write the ticket and close; False: the host is dead already."""
    try:
        with os.fdopen(descriptor, "wb") as pipe:
            pipe.write(ticket)
    except BrokenPipeError:
        return False
    return True
