"""A hub of one session, just enough to drive a host: a log in memory, the link, nothing else."""

import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from msgspec import UNSET, Raw
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from roost.link.frames import Answer, AppendFrame, Ask, Bye, Hello, decode_from_host
from roost.link.hub_end import HubEnd
from roost.model.envelope import Event, encode_body
from roost.model.events import AbortRequested, Body, RunStart, RuntimeStarting, Steered, TextInput, WorkspaceSpec
from roost.model.ids import RunId, SessionId, new_message_id, new_session_id
from roost.model.lifecycle import COMMANDS
from roost.model.ticket import Ticket

LOOK_SECONDS = 0.05


class TinyHub:
    """Keeps the log over connections; `events` from a host are checked to be contiguous."""

    def __init__(self, data: Path, session: SessionId | None = None, epoch: int = 1) -> None:
        """A session has an id of its own also in tests: processes are found, and killed, by it."""
        self.data, self.session, self.epoch = data, session or new_session_id(), epoch
        self.log: list[Event] = []
        self.produced = 0
        self.grown = anyio.Event()
        self.end: HubEnd | None = None
        self.owed = anyio.Event()
        self.hellos: list[Hello] = []
        self.byes: list[Bye] = []
        self.answers: list[Answer] = []
        self.refusal: tuple[str, str] | None = None
        self.unwanted: set[int] = set()
        """Hosts by their pid that are refused, though their epoch is right."""
        self.acking = True
        self.append(RuntimeStarting(epoch=epoch))

    # --- the log ---

    def append(self, body: Body, run: RunId | None = None) -> int:
        self._commit(Raw(encode_body(body)), run)
        return len(self.log)

    def start_run(self, text: str, run: str = "run_1") -> RunId:
        body = RunStart(message=new_message_id(), input=(TextInput(text=text),))
        self.append(body, RunId(run))
        return RunId(run)

    def script(self, *steps: dict[str, Any], run: str = "run_1") -> RunId:
        return self.start_run("script:" + json.dumps(steps), run)

    def steer(self, text: str, run: RunId) -> int:
        return self.append(Steered(message=new_message_id(), input=(TextInput(text=text),)), run)

    def abort(self, run: RunId) -> None:
        self.append(AbortRequested(), run)

    def of(self, *kinds: type[Body], run: str | None = None) -> list[Event]:
        return [event for event in self.log if isinstance(event.body, kinds) and (run is None or event.run == run)]

    async def until(self, found: Callable[[], Any], seconds: float = 40) -> Any:
        """Wait until `found` gives something true."""
        with anyio.fail_after(seconds):
            while not (value := found()):
                with anyio.move_on_after(LOOK_SECONDS):  # what is looked for may be a process or a file
                    await self.grown.wait()
        return value

    def _commit(self, raw: Raw, run: RunId | None) -> None:
        event = Event(seq=len(self.log) + 1, at=0, raw=raw, run=run or UNSET)
        self.log.append(event)
        if self.end is not None:
            self.end.committed([event] if type(event.body) in COMMANDS else [], event.seq)
        self.moved()

    def moved(self) -> None:
        self.owed.set()
        self.grown.set()
        self.grown = anyio.Event()

    # --- the link ---

    @asynccontextmanager
    async def serve(self, port: int = 0, pid: int | None = None) -> AsyncGenerator[None]:
        """`pid`: of the hub that `hub.json` names, unless it is this one."""
        async with serve(self._talk, "127.0.0.1", port, compression=None, max_size=None, ping_interval=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            hub = {"url": f"http://127.0.0.1:{port}", "pid": pid or os.getpid(), "started": 0}
            (self.data / "hub.json").write_text(json.dumps(hub))
            try:
                yield
            finally:
                (self.data / "hub.json").unlink()
                server.close(close_connections=True)

    async def _talk(self, socket: ServerConnection) -> None:
        hello = decode_from_host(await socket.recv())
        assert isinstance(hello, Hello)
        self.hellos.append(hello)
        self.end = end = HubEnd()
        if self.refusal or hello.epoch != self.epoch or hello.pid in self.unwanted:
            end.refuse(*(self.refusal or ("stale_epoch", "")))
        else:
            end.welcome(acked=self.produced, starting=1, cursor=max(hello.read, 1))
            commands = [e for e in self.log[max(hello.read, 1) :] if type(e.body) in COMMANDS]
            end.committed(commands, len(self.log))
        self.moved()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, socket, end)
            try:
                while True:
                    self._take(end, decode_from_host(await socket.recv(decode=False)))
            except ConnectionClosed:
                tasks.cancel_scope.cancel()
        if self.end is end:
            self.end = None

    async def _write(self, socket: ServerConnection, end: HubEnd) -> None:
        while True:
            self.owed = anyio.Event()
            for frame in end.take():
                await socket.send(frame, text=True)
            await self.owed.wait()

    def _take(self, end: HubEnd, frame: Any) -> None:
        match frame:
            case AppendFrame():
                assert frame.first <= self.produced + 1
                for event in frame.events[self.produced + 1 - frame.first :]:
                    self.produced += 1
                    self._commit(event.body, event.run or None)
                if self.acking:
                    end.acknowledge(self.produced, len(self.log))
            case Bye():
                self.byes.append(frame)
            case Answer():
                self.answers.append(frame)
            case _:
                pass
        self.moved()

    def ask(self, method: str, **params: Any) -> None:
        assert self.end is not None
        self.end.ask(Ask(id="q1", method=method, params=params))
        self.moved()

    def refuse(self, code: str) -> None:
        self.refusal = (code, "")
        if self.end is not None:
            self.end.refuse(code, "")
        self.moved()

    def ticket(self, workspace: WorkspaceSpec, **settings: Any) -> Ticket:
        return Ticket(
            session=self.session,
            epoch=self.epoch,
            token="token",
            data=str(self.data),
            agent="scripted",
            workspace=workspace,
            env={},
            settings={"retry_seconds": 0.1, **settings},
        )
