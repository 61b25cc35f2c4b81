"""A hub, somebody who works with it, and the history of that: small enough to bring out one difference."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final

import anyio
import msgspec
from anyio.abc import TaskGroup
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.client.commanding import Delivery
from roost.model.errors import RoostError
from roost.model.events import TextInput
from roost.model.info import Accepted, SessionInfo
from roost.model.ticket import Ticket
from roost.testing import HubProcess
from tests.fire.chaos.checker.rest import RESTING
from tests.fire.chaos.history import Answered, Attached, Detached, History, Invoked, Left, Seen
from tests.fire.chaos.hub import FOLDER, PLAYED
from tests.fire.chaos.mutants.player import Player
from tests.fire.chaos.observers import GONE, Place, sse
from tests.fire.chaos.rest import logged, rested, rests
from tests.fire.processes import eventually, marked
from tests.fire.watch import whole_log

LOOK_SECONDS: Final = 0.05
PERSON: Final = "anna"
LOST_SECONDS: Final = 60.0
"""Bound of every wait for something that even a broken hub does."""


class Watcher:
    """One observer over SSE."""

    def __init__(self, name: str, place: Place, history: History) -> None:
        self.last = 0
        self._name, self._place, self._history = name, place, history
        self._moved = anyio.Event()
        self._scope = anyio.CancelScope()
        self._over = anyio.Event()

    async def follow(self, after: int, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Until it leaves, or the connection ends."""
        session = self._place.session
        self.last = after
        self._history.add(Attached(who=self._name, session=session, view="sse", after=after))
        task_status.started()
        with self._scope, suppress(*GONE):
            async with aclosing(sse(self._place, after)) as shown:
                async for seq, known in shown:
                    self._history.add(Seen(who=self._name, session=session, seq=seq, digest=known))
                    self.last = seq
                    self._moved.set()
                    self._moved = anyio.Event()
        self._history.add(Detached(who=self._name, session=session))
        self._over.set()
        self._moved.set()

    async def until(self, seq: int, *, seconds: float = LOST_SECONDS) -> bool:
        """Whether it was given this one in time."""
        with anyio.move_on_after(seconds):
            while self.last < seq and not self._over.is_set():
                await self._moved.wait()
        return self.last >= seq

    async def leave(self) -> None:
        """It goes of its own accord."""
        self._scope.cancel()
        await self._over.wait()


class Scene:
    """`patience`: how long to wait, in seconds, for what a broken hub may never do."""

    def __init__(self, hub: HubProcess, client: AsyncClient, history: History, tasks: TaskGroup, patience: float):
        self.hub, self.client, self.history = hub, client, history
        self.patience = patience
        self._tasks = tasks
        self._marks = 0
        self._sessions: list[AsyncSession] = []
        self._players: list[Player] = []
        self._watchers: list[tuple[AsyncSession, Watcher]] = []

    async def session(self, *, played: bool = True, **given: Any) -> AsyncSession:
        """A new one, whose host is played from here unless it should be a real one."""
        session = await self.client.create_session(env={PLAYED: "1"} if played else {}, **given)
        self._sessions.append(session)
        return session

    async def host(self, session: AsyncSession) -> Player:
        """The host of the session's present epoch, connected."""

        async def ticket() -> Ticket | None:
            path = self.hub.data / FOLDER / f"{session.id}.{(await session.info()).epoch}"
            return msgspec.json.decode(path.read_bytes(), type=Ticket) if path.exists() else None

        given = await eventually(ticket, seconds=LOST_SECONDS)
        assert given is not None
        player = Player(given, self.hub.data, self.history)
        self._players.append(player)
        assert await player.connect(), "a hub takes the host that it has asked for"
        return player

    async def watch(self, session: AsyncSession, after: int = 0, *, name: str = "olga") -> Watcher:
        key = (self.hub.data / "api_key").read_text().strip()
        watcher = Watcher(name, Place(self.hub.url, key, self.client, session.id), self.history)
        await self._tasks.start(watcher.follow, after)
        self._watchers.append((session, watcher))
        return watcher

    async def do(
        self, kind: str, session: AsyncSession, act: Callable[[], Awaitable[object]], *, target: str = ""
    ) -> None:
        """As one operation of a person, which the hub answers."""
        op = self._invoke(kind, session, target=target)
        await self._answer(op, act)

    async def send(self, session: AsyncSession, delivery: Delivery = "prompt", *, times: int = 1) -> None:
        """Input, under one idempotency key however often it is handed over."""
        mark = self._mark()
        op = self._invoke("send" if delivery == "prompt" else delivery, session, mark=mark)

        async def hand_over() -> Accepted:
            parts, key = (TextInput(text=mark),), f"{session.id} {mark}"
            accepted = [await session.start(parts, delivery=delivery, key=key) for _ in range(times)]
            return accepted[0]

        await self._answer(op, hand_over)

    async def label(self, session: AsyncSession) -> str:
        """A new label, which is returned."""
        mark = self._mark()
        op = self._invoke("label", session, mark=mark)
        await self._answer(op, lambda: session.update(label=mark))
        return mark

    async def rest(self) -> None:
        """Wait until all is quiet, as long as there is patience, and record how everything is then."""
        for session in self._sessions:
            info = await self._quiet(session)
            log = await whole_log(session)
            for watched, watcher in self._watchers:
                if watched is session:
                    await watcher.until(len(log), seconds=self.patience)
            for event in log:
                self.history.add(logged(session.id, event))
            self.history.add(await rested(session, info))
            if info.phase != "active":
                await self._look_for_processes(session)

    async def close(self) -> None:
        for player in self._players:
            await player.leave()

    def _mark(self) -> str:
        self._marks += 1
        return f"<{PERSON}.{self._marks}>"

    def _invoke(self, kind: str, session: AsyncSession, *, mark: str = "", target: str = "") -> int:
        op = self.history.op()
        self.history.add(Invoked(op=op, who=PERSON, session=session.id, kind=kind, mark=mark, target=target))
        return op

    async def _answer(self, op: int, act: Callable[[], Awaitable[object]]) -> None:
        try:
            given = await act()
        except RoostError as error:
            self.history.add(Answered(op=op, outcome="refused", code=error.code))
            return
        run = given.run if isinstance(given, Accepted) and given.run is not UNSET else ""
        self.history.add(Answered(op=op, outcome="ok", run=run))

    async def _look_for_processes(self, session: AsyncSession) -> None:
        """A session that is not awake has none; what had to be killed may take a moment."""
        with suppress(AssertionError):
            await eventually(lambda: not marked(session.id), seconds=self.patience)
        for found in marked(session.id):
            self.history.add(Left(kind="process", what=str(found)))

    async def _quiet(self, session: AsyncSession) -> SessionInfo:
        info = await session.info()
        with anyio.move_on_after(self.patience):
            while not rests(info) or info.phase not in RESTING:
                await anyio.sleep(LOOK_SECONDS)
                info = await session.info()
        return info


@asynccontextmanager
async def scene(hub: HubProcess, history: History, *, patience: float) -> AsyncGenerator[Scene]:
    """While the block lasts. The hub runs already."""
    async with hub.client() as client, anyio.create_task_group() as tasks:
        made = Scene(hub, client, history, tasks, patience)
        try:
            yield made
        finally:
            tasks.cancel_scope.cancel()  # first those who watch: a host that goes rings the bell
            with anyio.CancelScope(shield=True):
                await made.close()
