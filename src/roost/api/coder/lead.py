"""The socket of a lead (hub-wire 10.6): a terminal, or a driver, that is the agent of its session.

It is the host of a `tui` session (core/leads.py). What it reports becomes events, and is answered when these are
durable; what people ask of the session is relayed to it.
"""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final, cast

import anyio
from anyio.abc import TaskGroup
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.api.asgi import query_of
from roost.api.coder import frames
from roost.api.coder.bootstrap import agents_for
from roost.api.coder.connection import BEAT, Connection, bytes_of
from roost.api.coder.facts import text_of
from roost.api.coder.live import Live, Lives, Page
from roost.api.coder.reporting import UNREAD, Report
from roost.api.coder.session_file import followed, resume_of
from roost.api.coder.sub_agent import SubAgent
from roost.api.coder.told import patterns
from roost.api.framing import allow
from roost.api.problems import error_of
from roost.api.streams.running import Streams
from roost.api.streams.stay import Stay
from roost.api.streams.visit import Visit
from roost.core.hub import Hub
from roost.core.leads import Lead, check_may_lead
from roost.core.session import Session
from roost.model import commands as c
from roost.model import events as e
from roost.model.envelope import Event
from roost.model.errors import (
    HubStopping,
    InvalidRequest,
    RoostError,
    SessionArchived,
    SessionBusy,
    SessionNotFound,
    StaleDriver,
)  # fmt: skip
from roost.model.ids import RunId
from roost.model.lifecycle import Phase

HEARS: Final = patterns("session_*,loop_*")
"""What a lead is told of its session, beside who comes and goes: the rest it has said itself."""
UNTYPED: Final = "(at the terminal)"
"""The input of a turn of which only its beginning was reported."""
MAX_DIALOGS: Final = 100
"""Open dialogs of a driver that are remembered; older ones cannot be answered any more."""
MAX_OWN: Final = 100
MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
"""Of a lead: it also sends what its model is given, images among it."""
RPC: Final = "rpc"


class _RpcEvent(Struct, frozen=True):
    event: dict[str, Any]


class _RpcResponse(Struct, frozen=True):
    response: Any


class _UiRequest(Struct, frozen=True):
    id: str
    method: str
    params: dict[str, Any] = {}


class _Tool(Struct, frozen=True):
    name: str = ""


class _Rename(Struct, frozen=True):
    label: str


async def lead(connection: Connection, streams: Streams, lives: Lives, by: e.Principal, key: str) -> RoostError | None:
    """Until it leaves, or is let go: why. One that names no session makes one.

    Raises: SessionNotFound, Forbidden, SessionArchived, InvalidRequest, LeadHeld, StaleDriver, TooManyStreams.
    """
    hub, scope = connection.hub, connection.scope
    if parent := query_of(scope, "parent"):
        session = await hub.admit(parent, by, act=True)
        check_may_lead(session, by)
        return await SubAgent(connection, session, key, query_of(scope, "agent")).run(streams, lives, by)
    if named := query_of(scope, "sessionId"):
        session = await hub.admit(named, by, act=True)
    else:
        session = await _made(hub, by, query_of(scope, "label") or query_of(scope, "task"))
    leading = await hub.leads.take(session, query_of(scope, "driverInstanceId"), by)
    try:
        return await _Leading(connection, session, by, key, leading).run(streams, lives)
    finally:
        leading.over()


async def _made(hub: Hub, by: e.Principal, label: str | None) -> Session:
    hub.keys.check(by, "controller")
    hub.limits.act(by)
    named = UNSET if label is None else label[: c.MAX_LABEL_CHARS]
    return await hub.create_session(c.CreateSession(mode="tui", label=named), by)


class _Leading:
    """Implements `live.Relay`."""

    def __init__(self, connection: Connection, session: Session, by: e.Principal, key: str, leading: Lead) -> None:
        self._connection = connection
        self._hub = connection.hub
        self._session = session
        self._by = by
        self._lead = leading
        self._driver = query_of(connection.scope, "driverMode") == RPC
        self._stay = Stay(connection.hub, session, key, connection.scope)
        self._report = Report()
        self._greeted = anyio.Event()
        self._beginning = anyio.Lock()
        """Held while a turn of the terminal's own becomes a run: it is not to be told what it has just begun."""
        self._own: deque[RunId] = deque(maxlen=MAX_OWN)
        self._dialogs: deque[str] = deque(maxlen=MAX_DIALOGS)
        self._live: Live
        self._tasks: TaskGroup

    async def run(self, streams: Streams, lives: Lives) -> RoostError | None:
        """Raises: TooManyStreams."""
        visit = Visit(self._hub, self._by, via="socket")  # the lead itself is listed by its link
        with self._hub.limits.stream(self._by), lives.watched(self._session) as self._live:
            async with anyio.create_task_group() as self._tasks:
                self._stay.scope = self._tasks.cancel_scope
                with streams.open(self._connection.send, self._stay.scope, BEAT), visit.begin(self._stay.scope):
                    for work in (self._link, self._obey, self._write):
                        self._tasks.start_soon(self._stay.until_over, work)
                    await self._stay.until_over(self._read)
            if self._live.relay is self:
                self._live.relay = None
        return await self._stay.why(streams)

    async def _link(self) -> None:
        """Raises: HubStopping; StaleDriver, SessionNotFound, SessionArchived: the session needs this lead no more."""
        await self._lead.run()
        if self._hub.stopping.is_set():
            raise HubStopping
        if self._lead.superseded:
            raise StaleDriver
        if self._session.deleted:
            raise SessionNotFound
        if self._session.record_now.phase is Phase.ARCHIVED:
            raise SessionArchived

    async def _write(self) -> None:
        """What happens around it."""
        await self._greeted.wait()
        _, cursor = await self._live.join()
        async with aclosing(cast("AsyncGenerator[Page, None]", self._live.follow(cursor))) as pages:
            async for page in pages:
                await self._connection.tell_page(page, HEARS)

    # --- what it is asked ---------------------------------------------------------------------------------------------

    async def _obey(self) -> None:
        """Relay what people have asked for, in the order of the log."""
        await self._greeted.wait()  # nothing comes before `init`
        while (command := await self._lead.command()) is not None:
            async with self._beginning:
                await self._relay(command)
            self._lead.done(command)

    async def _relay(self, command: Event) -> None:
        match command.body:
            case e.RunStart() if command.run not in self._own:
                await self._command({"type": "prompt", "message": text_of(command.body.input)})
            case e.Steered():
                await self._command({"type": "steer", "message": text_of(command.body.input)})
            case e.AbortRequested():
                await self._command({"type": "abort"})
                self._tasks.start_soon(self._give_up, command.run)
            case e.PauseRequested() if self._session.record_now.run is UNSET:
                self._lead.leave()
            case _:
                pass

    async def _command(self, command: Any) -> None:
        await self._connection.tell(frames.text(frames.RpcCommand(command=command)))

    async def _give_up(self, run: RunId | UnsetType) -> None:
        """A lead that does not end its turn in time has its run ended all the same."""
        await anyio.sleep(self._hub.settings.link.abort_grace_seconds)
        if self._open_run() == run:
            await self._lead.append([e.RunAborted(read=self._lead.read)], run)
            self._go_if_asked()

    async def answered(self, dialog: str, result: Any) -> bool:
        if dialog not in self._dialogs:
            return False
        self._dialogs.remove(dialog)  # the first answer counts
        await self._connection.tell(frames.text(frames.UiResponse(id=dialog, result=result)))
        return True

    async def reported(self, bodies: Sequence[e.Body]) -> None:
        await self._lead.append(bodies, self._open_run())

    async def asked(self, command: Raw) -> bool:
        if self._driver:
            await self._command(command)
        return self._driver

    # --- what it says -------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """One frame after the other, until it leaves. Raises: StaleDriver, before `init`."""
        await self._lead.ready()
        await allow(self._connection.scope, self._connection.send, MAX_FRAME_BYTES)
        self._live.relay = self
        self._report.resume((await self._session.snapshot()).messages, self._open_run())
        agents = await agents_for(self._hub, self._by)
        record = self._session.record_now
        init = frames.init_of(record, "lead", agents, resume=resume_of(record.agent_state))
        await self._connection.greet(self._session, init)
        self._greeted.set()
        while (message := await self._connection.receive())["type"] == "websocket.receive":
            try:
                answer = await self._take(bytes_of(message))
            except Exception as error:  # noqa: BLE001  # told to the lead, whose socket stays
                answer = self._connection.misread(self._session, error_of(error, self._connection.scope))
            if answer:
                await self._connection.tell(answer)

    async def _take(self, frame: bytes) -> str:
        """What to answer, if something. Raises: InvalidBody, InvalidRequest, LinkDown."""
        head = frames.head_of(frame)
        if head.type is UNSET:
            return ""  # the key, though it was known already
        take = self._TAKES.get(head.type)
        if take is None:
            raise InvalidRequest(f"no such frame from a lead: {head.type!r}")
        return await take(self, frame)

    async def _event(self, frame: bytes) -> str:
        reported = frames.outlined(frame, frames.Reported)
        if reported.event not in UNREAD:
            await self._take_in(reported.event, frames.decoded(reported.data, dict[str, Any]))
        return frames.text(frames.Actions(id=reported.id))

    async def _rpc_event(self, frame: bytes) -> str:
        event = frames.decoded(frame, _RpcEvent).event
        await self._take_in(str(event.get("type")), {name: event[name] for name in event if name != "type"})
        return ""

    async def _take_in(self, name: str, data: dict[str, Any]) -> None:
        """Returns when it is durable. Raises: LinkDown."""
        if name == "agent_start":
            await self._begin()
        bodies, run = self._report.take(name, data), self._open_run()
        if name == "agent_end" and run is not UNSET:
            opened = self._session.record_now.run
            aborted = opened is not UNSET and opened.abort_requested
            bodies.append(self._report.end(aborted=aborted, read=self._lead.read))
        if bodies:
            await self._lead.append(bodies, run)
        if name == "agent_end":
            self._go_if_asked()

    async def _begin(self) -> None:
        """A turn begins: of the open run, or of one that begins with what was typed at the terminal."""
        async with self._beginning:
            text = self._report.prompt or UNTYPED
            self._report.begin()
            if self._open_run() is UNSET:
                try:
                    begun = await self._session.handle(c.Send(text=text), self._by)
                except SessionBusy:
                    return  # somebody's prompt came first: this is its turn
                if begun.run is not UNSET:
                    self._own.append(begun.run)

    def _open_run(self) -> RunId | UnsetType:
        run = self._session.record_now.run
        return UNSET if run is UNSET else run.run

    def _go_if_asked(self) -> None:
        """A session that is to sleep does so when its turn is over."""
        if self._session.record_now.pause_requested:
            self._lead.leave()

    async def _tool(self, frame: bytes) -> str:
        """The hub has no tools for a lead."""
        said = f"this hub has no tool {frames.decoded(frame, _Tool).name!r}"
        result = {"content": [{"type": "text", "text": said}], "isError": True}
        answer = frames.Actions(id=frames.head_of(frame).id, actions=({"action": "RETURN", "result": result},))
        return frames.text(answer)

    async def _acknowledged(self, frame: bytes) -> str:
        return frames.text(frames.Actions(id=frames.head_of(frame).id))

    async def _ping(self, frame: bytes) -> str:
        return frames.text(frames.pong(frame, self._hub.now_ms()))

    async def _rpc_response(self, frame: bytes) -> str:
        self._live.tell("rpc_response", {"response": frames.decoded(frame, _RpcResponse).response})
        return ""

    async def _ui_request(self, frame: bytes) -> str:
        asked = frames.decoded(frame, _UiRequest)
        self._dialogs.append(asked.id)
        self._live.tell("rpc_ui_request", {"id": asked.id, "method": asked.method, "params": asked.params})
        return ""

    async def _rename(self, frame: bytes) -> str:
        await self._session.handle(c.Update(label=frames.decoded(frame, _Rename).label), self._by)
        return frames.text(frames.Actions(id=frames.head_of(frame).id))

    async def _session_file(self, frame: bytes) -> str:
        """Said once: most lines of a session file change nothing of what the next driver is told."""
        state = self._session.record_now.agent_state
        changed = followed(state, frame)
        if changed != state:
            await self._lead.append([e.AgentState(state=changed)], UNSET)
        return ""

    async def _ignored(self, _: bytes) -> str:
        """Only controllers have a reason to say that they are ready."""
        return ""

    _TAKES: ClassVar[dict[str, Callable[["_Leading", bytes], Awaitable[str]]]] = {
        "event": _event,
        "tool": _tool,
        "command": _acknowledged,
        "ping": _ping,
        "rpc_event": _rpc_event,
        "rpc_response": _rpc_response,
        "rpc_ui_request": _ui_request,
        "rename_session": _rename,
        "session_entry": _session_file,
        "session_write": _session_file,
        "bootstrap_ready": _ignored,
    }
