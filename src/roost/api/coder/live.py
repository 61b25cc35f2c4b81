"""Live traffic of watched sessions: every event is translated and encoded once, however many watch.

A watched session has one translator, which goes on after a snapshot as `Log.follow` gives it events, and one ring of
encoded frames, which all observers share: each pulls pages from its own cursor. Whoever falls out of the ring is let
go and comes back to a fresh snapshot; nobody waits for anybody.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Hashable, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, Final, Protocol, TypeVar, cast

import anyio
from anyio import lowlevel
from anyio.abc import TaskGroup
from msgspec import Raw, Struct

from roost.api.coder.arrivals import Arrivals
from roost.api.coder.hydration import Hydration, hydration
from roost.api.coder.rpc import Given
from roost.api.coder.told import Told, encoded, wanted
from roost.api.coder.translate import Translator
from roost.api.problems import error_of
from roost.core.bell import Lookers
from roost.core.hub import Hub
from roost.core.log import Frames, remembered
from roost.core.session import Session
from roost.model.envelope import decode_event
from roost.model.errors import RoostError, StreamLost
from roost.model.events import Body
from roost.model.ids import SessionId

T = TypeVar("T")
RING_BYTES: Final = 2 * 1024 * 1024
PAGE_FRAMES: Final = 2000
PAGE_BYTES: Final = 512 * 1024
ARRIVALS_PAUSE_SECONDS: Final = 0.2
"""Comings and goings are told at most so often."""
BREATH_EVENTS: Final = 200
"""So many events are translated before others have their turn."""
FRESH_FRAMES: Final = 100
"""Who comes no more than so many frames later is given the same hydration, and these frames after it."""
PRESENCE: Final = "presence"
BROADCAST: Final = "broadcast"


class Page:
    """Consecutive frames. Observers at the same cursor are given the same object, so what they render of it is rendered
    once for each set of patterns. `cursor`: where the next page begins."""

    __slots__ = ("_rendered", "cursor", "frames")
    ended = False

    def __init__(self, frames: "list[Frame]", cursor: int) -> None:
        self.frames = frames
        self.cursor = cursor
        self._rendered: dict[tuple[Hashable, frozenset[str]], Any] = {}

    def rendered(self, kind: Hashable, by: frozenset[str], render: "Callable[[list[Frame]], T]") -> T:
        """`render` of the frames that are wanted; kept under `kind` and the patterns."""

        def made() -> T:
            return render([frame for frame in self.frames if frame.kind == PRESENCE or wanted(frame.name, by)])

        return remembered(self._rendered, (kind, by), made)


class Frame(Struct, frozen=True):
    """One encoded frame: `kind` is that of the wire, `name` what patterns are matched against."""

    kind: str
    name: str
    data: bytes


class _Ring:
    """The newest frames of a watched session, numbered from 0."""

    def __init__(self) -> None:
        self.end = 0
        self._frames: list[Frame] = []
        self._bytes = 0
        self._pages: dict[int, Page] = {}

    def push(self, frames: list[Frame]) -> None:
        self._frames += frames
        self._bytes += sum(len(frame.data) for frame in frames)
        self.end += len(frames)
        self._pages = {}
        if self._bytes > RING_BYTES:
            self._shrink()

    def after(self, cursor: int) -> Page | None:
        """The frames from this number on, possibly none; None: they have been forgotten."""
        at = cursor - (self.end - len(self._frames))
        if at < 0:
            return None
        page = self._pages.get(cursor)
        if page is None:
            frames = self._frames[at : at + self._room(at)]
            page = self._pages[cursor] = Page(frames, cursor + len(frames))
        return page

    def _room(self, at: int) -> int:
        """How many frames from here on fit into a page, at least one."""
        size = count = 0
        for frame in self._frames[at : at + PAGE_FRAMES]:
            size += len(frame.data)
            if count and size > PAGE_BYTES:
                break
            count += 1
        return count

    def _shrink(self) -> None:
        """Forget the oldest, a quarter more than must be, so that this is rare; never the newest."""
        drop = 0
        while self._bytes > RING_BYTES * 3 // 4 and drop < len(self._frames) - 1:
            self._bytes -= len(self._frames[drop].data)
            drop += 1
        del self._frames[:drop]


class Relay(Protocol):
    """The lead of a session that is connected to this hub (lead.py)."""

    async def answered(self, dialog: str, result: Any) -> bool:
        """A person has answered a dialog; whether it is one of the lead's."""
        ...

    async def reported(self, bodies: Sequence[Body]) -> None:
        """What a sub-agent does, as the lead's events. Raises: LinkDown."""
        ...

    async def asked(self, command: Raw) -> bool:
        """A command of a controller; whether the lead takes it."""
        ...


class Live:
    """A session that is watched. Made by `Lives`; `run` is its one task, with a child for each of its clocks: the
    log, what has grown, who comes and goes, the agent's link."""

    def __init__(self, hub: Hub, session: Session) -> None:
        self.watchers = 0
        self.given: Given = {}
        self.relay: Relay | None = None
        self.scope = anyio.CancelScope()
        self._hub = hub
        self._session = session
        self._translator: Translator | None = None
        self._ring = _Ring()
        self._bell = anyio.Event()
        self._lookers = Lookers()
        self._begun = anyio.Event()
        self._over: RoostError | None = None
        self._grew = anyio.Event()
        self._came = anyio.Event()
        self._joining = anyio.Lock()
        self._joined: tuple[Hydration, int] | None = None

    async def run(self) -> None:
        with self.scope:
            try:
                self._translator = Translator(await self._session.snapshot())
                self._begun.set()
                async with anyio.create_task_group() as tasks:
                    for work in (self._translate, self._tell_grown, self._tell_arrivals, self._watch_link):
                        tasks.start_soon(self._until_over, work, tasks)
            except Exception as error:  # noqa: BLE001  # told to whoever watches
                self._over = error_of(error, {})
        self._begun.set()
        self._ring_bell()

    @property
    def ended(self) -> bool:
        """Whether it tells nothing any more: who comes now needs another one."""
        return self._over is not None or self.scope.cancel_called

    # --- for observers ------------------------------------------------------------------------------------------------

    async def join(self) -> tuple[Hydration, int]:
        """All there is up to a point, and the cursor from which live frames go on without gap or repetition.

        Raises: SessionNotFound, StorageUnavailable.
        """
        await self._begun.wait()
        async with self._joining:  # of many who come at once, the first does the work
            if self._over is not None:
                raise self._over
            fold, cursor = cast(Translator, self._translator).fold, self._ring.end
            if self._joined is None or not self._is_fresh(*self._joined):
                self._joined = await hydration(self._hub, self._session, fold.snapshot()), cursor
            return self._joined

    def _is_fresh(self, joined: Hydration, cursor: int) -> bool:
        """Whether what was told since then is little, and nothing has happened that is not told."""
        record = cast(Translator, self._translator).record
        near = self._ring.end - cursor <= FRESH_FRAMES and self._ring.after(cursor) is not None
        return near and record.state_seq == joined.record.state_seq

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Something that is no event of the session, to whoever watches now."""
        if self._translator is not None:
            self._push(self._translator.tell(name, data, self._hub.now_ms()))
            self._ring_bell()

    async def follow(self, cursor: int) -> AsyncIterator[Page]:
        """Pages from this cursor on, for ever. Raises: StreamLost: it is behind the ring; SessionNotFound: the session
        was deleted; whatever else ended the translation."""
        while True:
            bell = self._bell  # before looking, or a ring is missed
            page = self.at_hand(cursor)
            if page is None:
                page = await self.read(cursor)
            if page.frames:
                cursor = page.cursor
                yield page
            else:
                del page  # whoever waits keeps nothing
                await bell.wait()

    @contextmanager
    def watch(self, look: Callable[[], None]) -> Generator["Live"]:
        """`follow` in steps, for those who have no task to wait with: look again at each call of `look`."""
        self._lookers.add(look)
        try:
            yield self
        finally:
            self._lookers.discard(look)

    def at_hand(self, after: int) -> Page | None:
        """The page from this cursor on, possibly empty; None: it is behind the ring. Raises: SessionNotFound; whatever
        else ended the translation."""
        page = self._ring.after(after)
        if page is not None and not page.frames and self._over is not None:
            raise self._over
        return page

    async def read(self, _after: int) -> Page:
        """Nothing is kept beyond the ring. Raises: StreamLost."""
        raise StreamLost("this observer was too slow: it comes back to a fresh snapshot")

    # --- its task -----------------------------------------------------------------------------------------------------

    async def _until_over(self, work: Callable[[], Awaitable[None]], tasks: TaskGroup) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # told to whoever watches
            self._over = self._over or error_of(error, {})
            tasks.cancel_scope.cancel()

    async def _translate(self) -> None:
        """Until the log ends. Raises: SessionNotFound: the session was deleted."""
        translator = cast(Translator, self._translator)
        pages = self._hub.log.follow(self._session.id, translator.fold.seq)
        async with aclosing(cast("AsyncGenerator[Frames, None]", pages)):
            async for page in pages:
                for begin in range(0, len(page.data), BREATH_EVENTS):
                    now = self._hub.now_ms()
                    for data in page.data[begin : begin + BREATH_EVENTS]:
                        self._push(translator.take(decode_event(data), now))
                    self._ring_bell()
                    await lowlevel.checkpoint()

    async def _tell_grown(self) -> None:
        """What has grown is told as soon as it may be."""
        translator = cast(Translator, self._translator)
        while True:
            self._grew = anyio.Event()
            due = translator.due
            if due is None:
                await self._grew.wait()
                continue
            now = self._hub.now_ms()
            if due > now:
                await anyio.sleep((due - now) / 1000)
            self._push(translator.grown(self._hub.now_ms()))
            self._ring_bell()

    async def _tell_arrivals(self) -> None:
        """Who comes and goes, the agent among them."""
        arrivals = Arrivals(self._session.id)
        while True:
            self._came = anyio.Event()
            rung = self._hub.presence.bell.ticket(self._session.id)
            here = [one for one in self._hub.participants(self._session) if one.connected]
            told = arrivals.told(here, self._hub.now_ms())
            self._ring.push([Frame(PRESENCE, name, data) for name, data in told])
            self._ring_bell()
            async with anyio.create_task_group() as tasks:
                for bell in (rung, self._came):
                    tasks.start_soon(_first, bell, tasks)
            await anyio.sleep(ARRIVALS_PAUSE_SECONDS)

    async def _watch_link(self) -> None:
        """The agent comes and goes with its host's link."""
        while True:
            await self._session.wait_link(not self._session.linked)
            self._came.set()

    def _push(self, told: list[Told]) -> None:
        name = self._session.id
        self._ring.push([Frame(BROADCAST, one.name, encoded(one, name)) for one in told])
        if self._translator is not None and self._translator.due is not None:
            self._grew.set()

    def _ring_bell(self) -> None:
        bell, self._bell = self._bell, anyio.Event()
        bell.set()
        self._lookers.ring()


async def _first(bell: anyio.Event, tasks: TaskGroup) -> None:
    await bell.wait()
    tasks.cancel_scope.cancel()


class Lives:
    """All sessions that are watched through the Coder view. Their tasks run in the hub's task group."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lives: dict[SessionId, Live] = {}

    @contextmanager
    def watched(self, session: Session) -> Generator[Live]:
        """While the block runs, the session is translated."""
        live = self._lives.get(session.id)
        if live is None or live.ended:
            live = self._lives[session.id] = Live(self._hub, session)
            self._hub.tasks.start_soon(live.run)
        live.watchers += 1
        try:
            yield live
        finally:
            live.watchers -= 1
            if not live.watchers:
                live.scope.cancel()
                if self._lives.get(session.id) is live:
                    del self._lives[session.id]
