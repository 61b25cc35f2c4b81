"""The hosts of all live sessions: started, welcomed, missed, given up, stopped (PROTOCOL.md, "Link").

Whatever happens to hub or host, a session ends up live, asleep and wakeable, or explicitly failed.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from hmac import compare_digest
from typing import Final

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup
from msgspec import UNSET

from roost.core.counter import Counter
from roost.core.decisions import HUB, Decision, lost
from roost.core.hostlink import HostLink, Receive, Send, fitting
from roost.core.keys import hash_of
from roost.core.session import Ground, Session
from roost.core.spools import Spools
from roost.core.timers import Timers
from roost.link.frames import Hello, Refused, decode_from_host, encode_frame
from roost.link.hub_end import check_protocol
from roost.model.envelope import Draft, Event, draft
from roost.model.errors import InvalidBody, RoostError, SessionNotFound, StaleEpoch, Unavailable
from roost.model.events import ArtifactPublished, PauseRequested, RuntimeReady, SessionUpdated
from roost.model.ids import Epoch, SessionId
from roost.model.lifecycle import COMMANDS, Phase
from roost.model.record import Record
from roost.model.ticket import Ticket
from roost.ports import Runtime
from roost.settings import Settings

HELLO_SECONDS: Final = 10.0
"""How long a fresh connection may take to say hello."""
LEAVE_SECONDS: Final = 10.0
"""How long a host that was told to pause may take to leave."""
LOOK_SECONDS: Final = 0.5
"""How often a missing host's process is looked for."""
NOT_YOURS: Final = "there is no such session, or its last host has another token"
Find = Callable[[str], Awaitable[Session]]
"""Loads a session by its id. Raises: SessionNotFound."""
_LIVE: Final = (Phase.CREATING, Phase.ACTIVE, Phase.RESUMING)

_log = structlog.get_logger("roost.hosts")


class Hosts:
    """Implements `core.session.Watcher`. Its tasks run in the hub's task group."""

    def __init__(
        self, ground: Ground, runtime: Runtime, spools: Spools, timers: Timers, settings: Settings, tasks: TaskGroup
    ) -> None:
        self._ground = ground
        self._runtime = runtime
        self._spools = spools
        self._timers = timers
        self._settings = settings
        self._tasks = tasks
        self._links: dict[SessionId, HostLink] = {}
        self.shown_to: Callable[[Session], None] = lambda _session: None
        """Told of each session whose visibility has changed."""
        self.published: Callable[[Session], None] = lambda _session: None
        """Told of each session that has published an artifact."""
        self.held: dict[SessionId, Session] = {}
        """Sessions with a host, or about to have one: these stay loaded."""
        self._no_more = False
        """Set by `kill_all`: no host is started any more."""

    # --- what sessions tell (Watcher) ---------------------------------------------------------------------------------

    def committed(self, session: Session, facts: Sequence[Event]) -> None:
        if facts:
            self._look_at(session, facts)
        link = self._links.get(session.id)
        if link is None:
            return
        link.end.committed([event for event in facts if type(event.body) in COMMANDS], session.seq)
        if link.end.pending:
            link.wake()

    def _look_at(self, session: Session, facts: Sequence[Event]) -> None:
        kinds = {type(event.body) for event in facts}
        if PauseRequested in kinds:
            self._tasks.start_soon(self.pausing, session)
        if SessionUpdated in kinds and any(_shows_to_others(event) for event in facts):
            self.shown_to(session)
        if ArtifactPublished in kinds:
            self.published(session)
        self.hold(session)

    def hold(self, session: Session) -> None:
        """Keep a live session loaded, let go of one that is not; what is due for it may have changed."""
        if session.record_now.phase in _LIVE and not session.deleted:
            self.held[session.id] = session
        else:
            self.held.pop(session.id, None)
        self._timers.touch(session)

    def owed(self, session: Session, decision: Decision) -> None:
        if decision.then == "start":
            self._tasks.start_soon(self.start, session)
        elif decision.then == "stop":
            self._tasks.start_soon(self.stop, session, session.epoch)

    def link(self, session: SessionId) -> HostLink | None:
        return self._links.get(session)

    # --- starting -----------------------------------------------------------------------------------------------------

    async def start(self, session: Session) -> None:
        """Start the host of the present epoch, after whatever is left of older ones is gone. Until its hello it may be
        started again: a new token makes the one before worthless, and is made before the old tree is looked for."""
        epoch = session.epoch
        if session.record_now.mode == "tui":  # it comes by itself, or not at all
            await self.await_hello(session, epoch)
            return
        try:
            async with session.host_lock:
                if not _awaits(session, epoch):
                    return
                ticket = await self._ticket(session)
                await self._runtime.kill(session.id, screen=False)
                if self._no_more or not _awaits(session, epoch):
                    return
                await self._runtime.start(ticket)
        except (RoostError, OSError) as error:
            _log.error("host did not start", session=session.id, detail=str(error))
            await self._lose(session, epoch, "start_failed", f"the host did not start: {error}")
        else:
            await self.await_hello(session, epoch)

    async def token(self, session: Session) -> str:
        """A new one for the host of the present epoch; the one before is worthless."""
        token = secrets.token_hex(24)
        session.token_hash = hash_of(token)
        await self._ground.store.set_token(session.id, session.token_hash)
        return token

    async def _alive(self, session: Session, epoch: Epoch) -> bool:
        """Whether its process is known to run. A lead (core/leads.py) has none: it may come back as long as it may."""
        return session.record_now.mode == "tui" or await self._runtime.alive(session.id, epoch)

    async def _ticket(self, session: Session) -> Ticket:
        token = await self.token(session)
        record = session.record_now
        sandbox, unenclosed = await self._ground.enclosing.ordered(record)
        return Ticket(
            session=session.id, epoch=session.epoch, token=token, data=self._settings.data, agent=record.agent,
            workspace=record.workspace, env=dict(session.env), settings=msgspec.to_builtins(self._settings.link),
            agent_settings=msgspec.to_builtins(self._settings.agents.get(record.agent)), driver=record.driver or None,
            model=_model(record), options=record.options, state=record.agent_state, kit=record.kit, mcp=record.mcp,
            begun=record.command is not UNSET and record.command.ended_at is not UNSET,
            sandbox=sandbox, unenclosed=unenclosed,
        )  # fmt: skip

    async def await_hello(self, session: Session, epoch: Epoch) -> None:
        """A start that brings no hello in time, or whose process is gone before it, has failed."""
        deadline = self._ground.clock.monotonic() + self._settings.start_timeout_seconds
        while self._ground.clock.monotonic() < deadline:
            if session.epoch != epoch or session.record_now.phase is Phase.ACTIVE:
                return
            if not await self._alive(session, epoch):
                break
            await self._ground.clock.sleep(LOOK_SECONDS)
        if not session.linked:
            await self._lose(session, epoch, "start_failed", "the host did not say hello; see its log (roost doctor)")

    # --- the link -----------------------------------------------------------------------------------------------------

    async def accept(self, find: Find, token: str | None, receive: Receive, send: Send) -> None:
        """A connection to the link: hello, welcome, and all that follows until it ends."""
        first: bytes | str | None = None
        with anyio.move_on_after(HELLO_SECONDS):
            first = await receive()
        link = await self._greet(find, first, token, send) if first is not None else None
        if link is None:
            return
        try:
            await link.session.settle()
            await link.run(receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._unlink(link)
        if link.broken is not None:
            await self._lose(link.session, link.epoch, link.broken.code, link.broken.message)

    async def _greet(self, find: Find, first: bytes | str, token: str | None, send: Send) -> HostLink | None:
        """The link of a host that may have one. Others are told why not, unless they should just try again."""
        try:
            hello = decode_from_host(first)
            if not isinstance(hello, Hello):
                raise InvalidBody("a link begins with hello")
            session = await self._admit(find, hello, token)
            counter = Counter(session.id, self._ground.log, self._ground.blobs)
            link = HostLink(session, hello.epoch, self._settings.link, counter)
            await self._welcome(link, hello)
        except Unavailable:
            return None
        except RoostError as error:
            code = "gone" if isinstance(error, SessionNotFound) else error.code
            with suppress(OSError, RuntimeError):  # it has gone already
                await send(encode_frame(Refused(code=code, message=error.message)))
            return None
        return link

    async def _admit(self, find: Find, hello: Hello, token: str | None) -> Session:
        """Raises: ProtocolMismatch; SessionNotFound (code `gone` to the host); StaleEpoch."""
        check_protocol(hello.protocol)
        session = await _holder(find, hello.session, token)
        record = session.record_now
        if hello.epoch != record.epoch or record.phase not in _LIVE:
            raise StaleEpoch(epoch=record.epoch)
        if record.phase is not Phase.ACTIVE:
            ready = draft(RuntimeReady(epoch=hello.epoch, pid=hello.pid, sandbox=hello.sandbox), by=HUB)
            await session.decide(lambda now: _ready(now, hello.epoch, ready))
            if session.epoch != hello.epoch:
                raise StaleEpoch(epoch=session.epoch)
        return session

    async def _welcome(self, link: HostLink, hello: Hello) -> None:
        """Under the session's lock, so that no command falls between what is read here and what is told later."""
        session = link.session
        async with session.locked():
            if session.epoch != link.epoch:
                raise StaleEpoch(epoch=session.epoch)
            starting = session.record_now.starting
            cursor = max(hello.read, starting)
            link.end.welcome(acked=session.produced, starting=starting, cursor=cursor)
            while cursor < session.seq:
                page = await self._ground.log.page(session.id, cursor, 2000)
                cursor = page.events[-1].seq
                commands = [event for event in page.events if type(event.body) in COMMANDS]
                link.end.committed(commands, cursor)
            older = self._links.get(session.id)
            self._links[session.id] = link
            session.linked = True
            session.capabilities = fitting(hello.capabilities)
        if older is not None:
            older.close()
        self._ground.bell.ring(session.id)

    async def _unlink(self, link: HostLink) -> None:
        session = link.session
        link.close()
        if self._links.get(session.id) is not link:
            return
        del self._links[session.id]
        session.linked = False
        session.capabilities = {}
        self._ground.bell.ring(session.id)
        try:
            await session.settle()
        except (SessionNotFound, Unavailable):
            return
        if session.epoch == link.epoch and session.record_now.phase in _LIVE:
            self._tasks.start_soon(self.miss, session, link.epoch)

    # --- losing and stopping ------------------------------------------------------------------------------------------

    async def miss(self, session: Session, epoch: Epoch) -> None:
        """The link is down: wait out the grace for the host to come back; one that is known dead gets none."""
        deadline = self._ground.clock.monotonic() + self._settings.grace_seconds
        code, message = "grace_over", f"the host was away for {self._settings.grace_seconds:g} s"
        while self._ground.clock.monotonic() < deadline:
            if session.linked or session.epoch != epoch:
                return
            if not await self._alive(session, epoch):
                code, message = "host_dead", "the host's process is gone"
                break
            await self._ground.clock.sleep(LOOK_SECONDS)
        await self._lose(session, epoch, code, message)

    async def _lose(self, session: Session, epoch: Epoch, code: str, message: str) -> None:
        def choose(record: Record) -> Decision:
            return Decision() if record.epoch != epoch or session.linked else lost(record, code, message)

        leaving = session.record_now.pause_requested
        while True:
            try:
                if session.epoch == epoch:
                    await self._spools.adopt(session)
                await session.decide(choose)
                await session.settle()
                break
            except SessionNotFound:
                return
            except Unavailable as error:
                _log.error("a lost host is not settled yet", session=session.id, detail=str(error))
                await self._ground.clock.sleep(LOOK_SECONDS)
        async with session.host_lock:  # a new host may be starting already; its start has cleared away
            if session.record_now.phase not in _LIVE and not await self._runtime.alive(session.id, epoch):
                await self._end_tree(session, screen=leaving or session.record_now.phase is not Phase.PAUSED)

    async def stop(self, session: Session, epoch: Epoch) -> None:
        """The epoch is closed: refuse the host and end its tree, unless a newer one is about to do that."""
        link = self._links.get(session.id)
        if link is not None and link.epoch != epoch:
            link.refuse(StaleEpoch.code, "the session no longer needs this host")
        async with session.host_lock:
            if session.epoch == epoch:
                await self._end_tree(session)

    async def _end_tree(self, session: Session, *, screen: bool = True) -> None:
        """Kill what is left of this session's hosts (`screen`: as in `ports.Runtime.kill`). The caller holds the host's
        lock. What cannot be killed now must be before the next host starts."""
        try:
            await self._runtime.kill(session.id, screen=screen)
        except (RoostError, OSError) as error:
            _log.error("processes of a host are left", session=session.id, detail=str(error))

    async def kill_all(self) -> None:
        """Kill every host as a tree, and start none any more. What they had not handed over is theirs to lose."""
        self._no_more = True

        async def kill(session: Session) -> None:
            async with session.host_lock:
                await self._end_tree(session)

        async with anyio.create_task_group() as tasks:
            for session in list(self.held.values()):
                tasks.start_soon(kill, session)
        await self.end_screens()

    async def end_screens(self) -> None:
        """Kill the screens that lost hosts have left to the next: there is none now."""
        for session in set(await self._runtime.screens()) - set(self.held):
            with suppress(RoostError, OSError):
                await self._runtime.kill(session)

    async def pausing(self, session: Session) -> None:
        """See that a host that was told to pause has left in time."""
        epoch = session.epoch
        with anyio.move_on_after(LEAVE_SECONDS + self._settings.link.abort_grace_seconds):
            while session.linked and session.record_now.pause_requested:
                signal = self._ground.bell.ticket(session.id)
                if session.linked and session.record_now.pause_requested:
                    await signal.wait()
        if session.epoch == epoch and session.record_now.pause_requested:
            link = self._links.get(session.id)
            if link is not None:
                link.close()
            async with session.host_lock:
                if session.epoch == epoch:
                    await self._end_tree(session)

    async def gone(self, session: Session) -> None:
        """The session was deleted: its host is refused, its tree killed."""
        link = self._links.get(session.id)
        if link is not None:
            link.refuse("gone", "the session was deleted")
        async with session.host_lock:
            await self._runtime.kill(session.id)

    def close(self) -> None:
        for link in list(self._links.values()):
            link.close()


async def _holder(find: Find, name: SessionId, token: str | None) -> Session:
    """The session whose last host was given this token. Raises: SessionNotFound, in the same words whatever is wrong:
    who guesses does not learn which sessions there are, or how they stand."""
    session = None
    with suppress(SessionNotFound):
        session = await find(name)
    if session is None or token is None or session.token_hash is None:
        raise SessionNotFound(NOT_YOURS)
    if not compare_digest(hash_of(token), session.token_hash):
        raise SessionNotFound(NOT_YOURS)
    return session


def _shows_to_others(event: Event) -> bool:
    return isinstance(event.body, SessionUpdated) and event.body.visibility is not UNSET


def _model(record: Record) -> str | None:
    """What was chosen for the session, else what it works as wants."""
    persona = record.kit.persona
    wanted = (record.model, UNSET if persona is UNSET else persona.model)
    return next((model for model in wanted if model is not UNSET), None)


def _awaits(session: Session, epoch: Epoch) -> bool:
    """Whether this epoch's host has not said hello yet."""
    starting = session.record_now.phase in (Phase.CREATING, Phase.RESUMING)
    return starting and session.epoch == epoch and not session.deleted


def _ready(record: Record, epoch: Epoch, ready: Draft) -> Decision:
    fits = record.epoch == epoch and record.phase in (Phase.CREATING, Phase.RESUMING)
    return Decision([ready]) if fits else Decision()
