"""Agents that come by themselves: the leads of `tui` sessions, each a host without a process, at the other end of a
link inside this hub.

So nothing is new but the way in: an epoch for each lead, fencing, the grace when it is away, what is committed and
what it is told to do are those of every host (core/hosts.py).
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

import anyio
from msgspec import Raw, Struct, UnsetType, field

from roost.core.decision import HUB, Decision
from roost.core.decisions import lost, starting
from roost.core.hosts import Find, Hosts
from roost.core.session import Session
from roost.link.calls import refusal
from roost.link.frames import (
    MAX_APPEND_EVENTS,
    PROTOCOL,
    Ack,
    AppendFrame,
    Ask,
    Beat,
    Bye,
    Commands,
    Frame,
    Hello,
    Produced,
    Refused,
    Welcome,
    decode_from_hub,
    encode_frame,
)  # fmt: skip
from roost.model import events as e
from roost.model.access import is_owner
from roost.model.envelope import Event, draft, encode_body
from roost.model.errors import Forbidden, InvalidRequest, LeadHeld, LinkDown, SessionArchived, StaleDriver
from roost.model.ids import Epoch, RunId, Seq, SessionId
from roost.model.lifecycle import Phase
from roost.model.record import Record

MAX_PAST: Final = 100
"""Drivers that were superseded, of each session; who is older is forgotten."""
MAX_REMEMBERED: Final = 1000
"""Sessions of which it is remembered who led them, beside those that are led now."""


class Lead:
    """The host's end of a link, while a lead is connected. `superseded`: another one has taken its place."""

    def __init__(self, hosts: Hosts, find: Find, session: Session, token: str, read: Seq) -> None:
        self.session = session
        self.epoch: Epoch = session.epoch
        self.read: Seq = read
        """The cursor in the session's log: every command up to it has been carried out."""
        self.superseded = False
        self._hosts, self._find, self._token = hosts, find, token
        self._welcomed = anyio.Event()
        self._gone = anyio.Event()
        self._refusal: Refused | None = None
        self._said: deque[bytes] = deque()
        self._told: deque[Event] = deque()
        self._rung = anyio.Event()
        self._produced = self._acked = 0

    @property
    def is_over(self) -> bool:
        return self._gone.is_set()

    async def run(self) -> None:
        """Until it leaves, or the session needs it no more."""
        self._say(Hello(protocol=PROTOCOL, session=self.session.id, epoch=self.epoch, pid=0, read=self.read))
        try:
            await self._hosts.accept(self._find, self._token, self._take, self._give)
        finally:
            self.over()

    async def ready(self) -> None:
        """Returns once events can be appended. Raises: StaleDriver: the session is not this lead's."""
        await self._welcomed.wait()
        if self._gone.is_set():
            raise StaleDriver(self._refusal.message if self._refusal else "the session has another lead now")

    async def append(self, bodies: Sequence[e.Body], run: RunId | UnsetType) -> None:
        """Returns when they are durable; what the session may not hold is kept as `native`. Raises: LinkDown."""
        for begin in range(0, len(bodies), MAX_APPEND_EVENTS):
            batch = bodies[begin : begin + MAX_APPEND_EVENTS]
            events = [Produced(body=Raw(encode_body(body)), run=run) for body in batch]
            self._say(AppendFrame(first=self._produced + 1, events=events))
            self._produced += len(events)
        wanted = self._produced
        while self._acked < wanted:
            if self.is_over:
                raise LinkDown
            rung = self._rung
            if self._acked < wanted:
                await rung.wait()

    async def command(self) -> Event | None:
        """The next command of the log; `done` comes when it has been carried out. None: there are no more."""
        while not self._told:
            if self.is_over:
                return None
            rung = self._rung
            await rung.wait()
        return self._told.popleft()

    def done(self, command: Event) -> None:
        self.read = max(self.read, command.seq)

    def leave(self) -> None:
        """Part from the hub, all is said: a session that was to pause does so."""
        self._say(Bye())

    def over(self) -> None:
        """It has left, or never came to `run`: there is room for another one."""
        self._gone.set()
        self._welcomed.set()
        self._ring()

    def supersede(self) -> None:
        self.superseded = True
        link = self._hosts.link(self.session.id)
        if link is not None and link.epoch == self.epoch:
            link.close()

    # --- frames -------------------------------------------------------------------------------------------------------

    def _say(self, frame: Frame) -> None:
        self._said.append(encode_frame(frame))
        self._ring()

    async def _take(self) -> bytes | None:
        """The hub's end reads."""
        while not self._said:
            await self._rung.wait()
        return self._said.popleft()

    async def _give(self, raw: bytes) -> None:
        """The hub's end writes."""
        match frame := decode_from_hub(raw):
            case Welcome():
                self._produced = self._acked = frame.acked
                self._welcomed.set()
            case Ack():
                self._acked = frame.acked
            case Commands():
                self._told += frame.events
            case Refused():
                self._refusal = frame
            case Beat():
                self._say(Beat())
            case Ask():
                self._say(refusal(frame, LinkDown("the agent of this session is a terminal: it takes no calls")))
            case _:
                pass
        self._ring()

    def _ring(self) -> None:
        rung, self._rung = self._rung, anyio.Event()
        rung.set()


class _Held(Struct):
    """Who leads a session, or led it last. `driver`: the process it is, by its own word; `past`: those it has
    superseded. `epoch`, `read`: how far the commands of that epoch were carried out when it was taken up."""

    lead: Lead | None = None
    driver: str | None = None
    past: deque[str] = field(default_factory=lambda: deque[str](maxlen=MAX_PAST))
    epoch: Epoch = 0
    read: Seq = 0

    def read_in(self, epoch: Epoch) -> Seq:
        if self.lead is not None and self.lead.epoch == epoch:
            return self.lead.read
        return self.read if self.epoch == epoch else 0


class Leads:
    """The leads of all `tui` sessions of this hub."""

    def __init__(self, hosts: Hosts, find: Find) -> None:
        self._hosts, self._find = hosts, find
        self._held: OrderedDict[SessionId, _Held] = OrderedDict()
        self._taking = anyio.Lock()

    def take_up(self, session: Session) -> None:
        """A session that was live when the last hub went. What it was told then its lead has heard; it may be away."""
        if session.record_now.mode == "tui" and session.id not in self._held:
            self._keep(session.id, _Held(epoch=session.epoch, read=session.seq))

    async def take(self, session: Session, driver: str | None, by: e.Principal) -> Lead:
        """Lead this session from now on; `Lead.run` comes next. The newest driver wins, and the same one may come back;
        a lead that names none does not push another one aside.

        Raises: Forbidden: it is another user's, whoever may act in it; InvalidRequest: its agent is not one that comes
        by itself; LeadHeld; StaleDriver; SessionArchived.
        """
        check_may_lead(session, by)
        if session.record_now.mode != "tui":
            raise InvalidRequest("the hub runs the agent of this session: attach as a controller")
        async with self._taking:
            held = self._held.get(session.id) or _Held()
            if _pushed_aside(held, driver):
                await session.decide(_superseded)
            await session.decide(_opened)
            if session.record_now.phase not in (Phase.ACTIVE, Phase.RESUMING):
                raise SessionArchived
            token = await self._hosts.token(session)
            lead = Lead(self._hosts, self._find, session, token, held.read_in(session.epoch))
            self._keep(session.id, _Held(lead, driver, held.past))
            return lead

    def _keep(self, session: SessionId, held: _Held) -> None:
        """Remember, and forget those of whom nothing was heard for longest."""
        self._held[session] = held
        self._held.move_to_end(session)
        over = (name for name, held in self._held.items() if held.lead is None or held.lead.is_over)
        for name in list(islice(over, max(0, len(self._held) - MAX_REMEMBERED))):
            del self._held[name]


def check_may_lead(session: Session, by: e.Principal) -> None:
    """Lead it, or be a sub-agent there. Raises: Forbidden: it is another user's, whoever may act in it."""
    if not is_owner(session.record_now.owner, by):
        raise Forbidden("Only its owner may be the agent of a session.")


def _pushed_aside(held: _Held, driver: str | None) -> bool:
    """Make room for this driver; whether another one led the session until now. Raises: LeadHeld, StaleDriver."""
    if driver is not None and driver in held.past:
        raise StaleDriver
    connected = held.lead is not None and not held.lead.is_over
    if connected and (driver is None or held.driver is None):
        raise LeadHeld
    if held.lead is not None:
        held.lead.supersede()
    another = driver != held.driver and held.driver is not None
    if another and held.driver is not None:
        held.past.append(held.driver)
    return another


def _superseded(record: Record) -> Decision:
    return lost(record, "superseded", "another driver leads this session now")


def _opened(record: Record) -> Decision:
    """An epoch for a session whose lead was away; `start`: if it does not say hello after all, that is noticed."""
    if record.phase is not Phase.PAUSED:
        return Decision()
    return Decision([draft(e.SessionResuming(), by=HUB), *starting(record)], then="start")
