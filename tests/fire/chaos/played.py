"""Hosts that the workload plays, over the link that real hosts use: it knows exactly what each was acknowledged.

One that is killed forgets everything. One whose session was taken from it lives on and goes on writing, until the hub
refuses it: what it says then must not be in the log.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random

import anyio
import msgspec
from anyio.abc import TaskGroup
from msgspec import UNSET, UnsetType

from roost.host.wire import Wire
from roost.link.frames import Answer, Ask, Bye
from roost.link.host_end import HostEnd, Link
from roost.link.spool import Spool
from roost.model import events as e
from roost.model.envelope import Event, encode_body
from roost.model.ids import MessageId, RequestId, RunId, new_message_id, new_part_id, new_request_id
from roost.model.ticket import Ticket
from roost.settings import LinkSettings
from tests.fire.chaos.history import Answered, History, Invoked

LOOK_SECONDS = 0.05
MURMUR_SECONDS = 0.1
MOST_BATCHES = 12
MOST_DELTAS = 8
SPOOL_BYTES = 64 * 1024 * 1024
_lives = count(1)


class PlayedHost:
    """One host in one epoch."""

    def __init__(self, ticket: Ticket, data: Path, spool: Path, history: History, random: Random) -> None:
        """`data`: the hub's folder, as it is seen from here."""
        self.ticket = ticket
        self.is_calm = False
        """It says no more than it must."""
        self.name = f"host-{ticket.epoch}-{next(_lives)}"
        kept = Spool(spool / self.name, memory_bytes=SPOOL_BYTES, disk_bytes=0, reserve_bytes=65_536)
        self.end = HostEnd(ticket.session, ticket.epoch, kept, pid=1)
        settings = msgspec.convert(ticket.settings, LinkSettings)
        self._wire = Wire(
            self.end, data=data, token=ticket.token, settings=settings, commands=self._act, ask=self._decline,
            lost=lambda: None,
        )  # fmt: skip
        self._history, self._random = history, random
        self._owed: deque[tuple[int, int]] = deque()
        """Operations that wait for their acknowledgement, with the last producer_seq of each."""
        self._runs: deque[RunId] = deque()
        self._over: set[RunId] = set()
        """Runs that the hub has ended, or that are to stop: no more is said of them."""
        self._aborted: dict[RunId, str] = {}
        self._replies: dict[RequestId, e.Body] = {}
        self._moved = anyio.Event()
        self._scope = anyio.CancelScope()

    async def live(self, *, silent: bool = False) -> None:
        """Until it is refused, asked to leave, or killed. `silent`: it says nothing of its own."""
        with self._scope:
            async with anyio.create_task_group() as tasks:
                if not silent:
                    tasks.start_soon(self._work)
                    tasks.start_soon(self._murmur)
                tasks.start_soon(self._settle)
                await self._wire.keep()
                self._tell_refusal()
                tasks.cancel_scope.cancel()

    def kill(self) -> None:
        """It is gone in mid-word, with all it had not sent."""
        self._scope.cancel()

    # --- what it is told ---

    def _act(self, events: Sequence[Event]) -> None:
        for event in events:
            body, run = event.body, event.run
            if isinstance(body, e.PermissionReplied | e.QuestionReplied):
                self._replies[body.request] = body
                if isinstance(body, e.PermissionReplied) and body.reply == "reject" and not body.message:
                    self._aborted |= dict.fromkeys(self._runs, "rejected")
            elif isinstance(body, e.PauseRequested):
                self._aborted |= dict.fromkeys(self._runs, "paused")
                self._runs.append(RunId(""))
            elif run is UNSET:
                continue
            elif isinstance(body, e.RunStart):
                self._runs.append(run)
            elif isinstance(body, e.AbortRequested):
                self._aborted[run] = body.reason
            elif isinstance(body, e.RunComplete | e.RunAborted | e.RunError):
                self._over.add(run)
        self._ring()

    def _decline(self, ask: Ask) -> None:
        self.end.say(Answer(id=ask.id, code="host_busy", message="a played host has neither shell nor files"))
        self._wire.wake()

    def _ring(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    # --- what it says ---

    async def _work(self) -> None:
        while True:
            while self._runs:
                if not self._runs[0]:
                    return await self._leave()
                await self._run(self._runs[0])
                self._runs.popleft()
            await self._moved.wait()

    async def _murmur(self) -> None:
        """It is never quiet, so that at any instant something of it is on its way."""
        while not self.is_calm:
            words = self._random.randrange(1, MOST_DELTAS)
            self._say(UNSET, *(e.TodosUpdated(todos=(e.Todo(id="1", content=f"{n}"),)) for n in range(words)))
            await anyio.sleep(self._random.uniform(0, MURMUR_SECONDS))

    async def _run(self, run: RunId) -> None:
        message, part = new_message_id(), new_part_id()
        if run not in self._over:
            self._say(run, e.MessageStart(message=message), e.PartStart(message=message, part=part))
        for _ in range(self._random.randrange(1, MOST_BATCHES)):
            if run in self._over or run in self._aborted:
                break
            deltas = self._random.randrange(1, MOST_DELTAS)
            self._say(run, *(e.TextDelta(message=message, part=part, delta=f"{n} ") for n in range(deltas)))
            if self._random.random() < 0.15:
                await self._ask(run)
            await anyio.sleep(self._random.choice([0, 0, 0.01, 0.1]))
        if run in self._over:
            return
        self._say(
            run, e.PartDone(message=message, part=part), e.MessageDone(message=message), self._end_of(run, message)
        )

    def _end_of(self, run: RunId, message: MessageId) -> e.Body:
        if run in self._aborted:
            return e.RunAborted(reason=self._aborted[run], read=self.end.read)
        return e.RunComplete(result=e.RunResult(message=message), read=self.end.read)

    async def _ask(self, run: RunId) -> None:
        """A person decides, unless the run is over first."""
        request = new_request_id()
        if self._random.random() < 0.5:
            asked: e.Body = e.PermissionAsked(request=request, permission="bash", patterns=(f"rm {request}",))
        else:
            options = (e.QuestionOption(label="this"), e.QuestionOption(label="that"))
            asked = e.QuestionAsked(request=request, questions=(e.Question(question="Which?", options=options),))
        self._say(run, asked)
        while request not in self._replies and run not in self._over and run not in self._aborted:
            await self._moved.wait()

    def _say(self, run: RunId | UnsetType, *bodies: e.Body) -> None:
        """One batch: an operation that is over when the hub has acknowledged the last of it."""
        epoch, first = self.end.epoch, self.end.spool.produced + 1
        last = first + len(bodies) - 1
        op = self._history.op()
        self._history.add(
            Invoked(op=op, who=self.name, session=self.ticket.session, kind="append", mark=f"{epoch}:{first}-{last}")
        )
        self._owed.append((op, last))
        for number, body in enumerate(bodies, first):
            self.end.produce(encode_body(body)[:-1] + b',"produced":"%d:%d"}' % (epoch, number), run)
        self._wire.wake()

    async def _settle(self) -> None:
        while True:
            while self._owed and self._owed[0][1] <= self.end.spool.acked:
                self._history.add(Answered(op=self._owed.popleft()[0], outcome="ok"))
            await self._wire.progress()

    def _tell_refusal(self) -> None:
        refusal = self.end.refusal
        while refusal is not None and self._owed:  # the first of them may be in the log, unacknowledged
            self._history.add(Answered(op=self._owed.popleft()[0], outcome="unknown", code=refusal.code))

    async def _leave(self) -> None:
        while self.end.unacknowledged and self.end.link is not Link.REFUSED:
            await self._wire.progress()
        await self._wire.part(Bye(reason="paused"))


class Players:
    """Plays all hosts of sessions that are to be played, each from its ticket."""

    def __init__(self, seen: Path, spool: Path, history: History, random: Random) -> None:
        """`seen`: the hub's data folder."""
        self._data, self._spool, self._history, self._random = seen, spool, history, random
        self._tickets = seen / "played"
        self.hosts: dict[str, PlayedHost] = {}
        """By the names of their tickets."""
        self._known: set[str] = set()
        self._calm = False

    async def play(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                for path in sorted(self._tickets.glob("codesess_*")):
                    with suppress(OSError, msgspec.MsgspecError):
                        self._begin(path, msgspec.json.decode(path.read_bytes(), type=Ticket), tasks)
                await anyio.sleep(LOOK_SECONDS)

    def calm(self) -> None:
        """From now on they speak only when they are asked."""
        self._calm = True
        for host in self.hosts.values():
            host.is_calm = True

    def kill(self, random: Random) -> PlayedHost | None:
        """One of those that have their session: the hub sees that it is dead. None: there is none, or it cannot be."""
        there = [name for name in sorted(self.hosts) if (self._tickets / name).exists()]
        if not there:
            return None
        name = random.choice(there)
        with suppress(OSError):  # the folder may be read-only just now
            (self._tickets / name).unlink(missing_ok=True)
            self.hosts[name].kill()
            return self.hosts[name]
        return None

    def _begin(self, path: Path, ticket: Ticket, tasks: TaskGroup) -> None:
        if ticket.token in self._known:
            return
        self._known.add(ticket.token)
        host = self.hosts[path.name] = PlayedHost(ticket, self._data, self._spool, self._history, self._random)
        host.is_calm = self._calm
        tasks.start_soon(self._live, host, path.name)

    async def _live(self, host: PlayedHost, name: str) -> None:
        await host.live()
        if self.hosts.get(name) is host:
            del self.hosts[name]
            with suppress(OSError):
                (self._tickets / name).unlink(missing_ok=True)
