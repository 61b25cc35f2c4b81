"""What is wrong with each broken hub: functions that replace others in the process that calls them."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import anyio
from msgspec import UNSET
from msgspec.structs import replace

from roost.api.streams import direct, running, sse
from roost.core import decisions, hosts, log, session
from roost.core.decision import Decision
from roost.link.frames import Hello, decode_from_host, encode_frame
from roost.model import record
from roost.model.envelope import Draft, Event
from roost.model.errors import PermissionNotFound
from roost.model.events import SessionUpdated, Steered
from roost.model.info import Accepted
from roost.model.lifecycle import RUN_ENDS
from roost.model.record import Pending, Record
from roost.model.stored import Append, Appended
from roost.runtimes.process.runtime import ProcessRuntime
from roost.storage.sqlite import writer
from roost.storage.sqlite.sql import SQL
from roost.storage.sqlite.transaction import Transaction

LATE_SECONDS: Final = 30.0
"""How long a commit is put off: the hub is killed long before."""
LOOKING_SECONDS: Final = 1.0
"""How long it looks away between reading the log and taking the bell."""


def _of_host(calls: Sequence[Any]) -> bool:
    """Whether one of these calls of the store appends what a host has produced."""
    return any(isinstance(arg, Append) and arg.writer is not None for call in calls for arg in call.args)


def acknowledge_first() -> None:
    def commit(self: writer.Writer, calls: list[Any]) -> list[Any]:
        self._connection.execute(SQL["begin"])
        transaction = Transaction(self._connection, self._fences)
        outcomes = [writer._outcome(call, transaction) for call in calls]
        if _of_host(calls):
            self._loop.call_soon_threadsafe(self._answer, calls, outcomes)
            time.sleep(LATE_SECONDS)
        transaction.flush()
        self._connection.execute(SQL["commit"])
        return outcomes

    writer.Writer._commit = commit


def tell_first() -> None:
    commit = log.Log.append

    async def told(self: log.Log, append: Append, *, new: bool = False) -> Appended:
        ring = self._rings.get(append.session)
        if append.writer is None or ring is None:
            return await commit(self, append, new=new)
        head = (await self.page(append.session, 0, 1)).head
        ring.push(append.drafts, head + 1, append.at)
        self._bell.ring(append.session)
        await anyio.sleep(LATE_SECONDS)
        return await commit(self, append, new=new)

    log.Log.append = told


def drop_the_fence() -> None:
    greet = hosts.Hosts._greet

    async def anybody(
        self: hosts.Hosts, find: hosts.Find, first: bytes | str, token: str | None, send: hosts.Send
    ) -> hosts.HostLink | None:
        hello = decode_from_host(first)
        assert isinstance(hello, Hello)
        present = (await find(hello.session)).epoch
        return await greet(self, find, encode_frame(replace(hello, epoch=present)), token, send)

    async def holder(find: hosts.Find, name: str, _: str | None) -> session.Session:
        return await find(name)

    hosts.Hosts._greet = anybody
    hosts._holder = holder


def take_the_bell_late() -> None:
    """Of those who wait for it, so without the writer that has nobody wait."""

    async def follow(self: log.Log, session: Any, after: int = 0) -> AsyncIterator[log.Frames]:
        while True:
            frames = log._frames(await self.page(session, after, log.PAGE_EVENTS), after)
            if frames.data:
                after = frames.last
                yield frames
            else:
                await anyio.sleep(LOOKING_SECONDS)
                await self._bell.ticket(session).wait()

    log.Log.follow = follow
    running.lent = lambda _: None


def fall_asleep_late() -> None:
    sleep = direct.Reader._sleep

    async def late(self: direct.Reader[Any]) -> None:
        await anyio.sleep(LOOKING_SECONDS)
        await sleep(self)

    direct.Reader._sleep = late


def take_gaps() -> None:
    append = session.Session.append_from_host

    async def take(self: session.Session, epoch: int, first: int, drafts: Sequence[Draft]) -> tuple[int, int]:
        _, seq = await append(self, epoch, min(first, self.produced + 1), drafts)
        return first + len(drafts) - 1, seq

    session.Session.append_from_host = take


def take_repeats() -> None:
    append = session.Session.append_from_host

    async def take(self: session.Session, epoch: int, first: int, drafts: Sequence[Draft]) -> tuple[int, int]:
        return await append(self, epoch, max(first, self.produced + 1), drafts)

    session.Session.append_from_host = take


def answer_again() -> None:
    known: dict[str, Pending] = {}

    def open_request(present: Record, request: str, _: type) -> Pending:
        known.update({entry.request: entry for entry in present.pending})
        if request not in known:
            raise PermissionNotFound
        return known[request]

    def without(pending: tuple[Pending, ...], body: Any) -> tuple[Pending, ...]:
        return tuple(entry for entry in pending if entry.request != body.request)

    decisions._open_request = open_request
    record.without = without


def forget_keys() -> None:
    session.claim_for = lambda *_: None


def record_no_steer() -> None:
    decide = session.Session._decide_once

    async def decide_once(self: session.Session, choose: Any, claim: Any) -> Accepted:
        decision: Decision = choose(self.record_now)
        if any(isinstance(draft.body, Steered) for draft in decision.drafts):
            return Accepted(session=self.id, seq=self.seq, run=decision.run)
        return await decide(self, choose, claim)

    session.Session._decide_once = decide_once


def record_later() -> None:
    decide = session.Session._decide_once
    later: set[asyncio.Task[Accepted]] = set()

    async def decide_once(self: session.Session, choose: Any, claim: Any) -> Accepted:
        decision: Decision = choose(self.record_now)
        if not any(isinstance(draft.body, SessionUpdated) for draft in decision.drafts):
            return await decide(self, choose, claim)

        async def record() -> Accepted:
            await anyio.sleep(LOOKING_SECONDS)
            async with self.locked():
                return await decide(self, choose, claim)

        later.add(asyncio.create_task(record()))
        return Accepted(session=self.id, seq=self.seq + 1)

    session.Session._decide_once = decide_once


def keep_numbers() -> None:
    commit = writer.Writer._commit
    failed: list[bool] = []

    def fails_once(self: writer.Writer, calls: list[Any]) -> list[Any]:
        if failed or not _of_host(calls):
            return commit(self, calls)
        failed.append(True)
        self._connection.execute(SQL["begin"])
        transaction = Transaction(self._connection, self._fences)
        for call in calls:
            writer._outcome(call, transaction)
        self._connection.execute(SQL["rollback"])
        raise sqlite3.OperationalError("disk I/O error")

    writer.Writer._commit = fails_once


def end_twice() -> None:
    check, ended = record.check, record._run_ended

    def lenient(present: Record | None, body: Any, run: Any) -> Any:
        if present is not None and present.run is UNSET and isinstance(body, RUN_ENDS):
            return present.phase
        return check(present, body, run)

    def twice(present: Record, body: Any, event: Event) -> Record:
        return present if present.run is UNSET else ended(present, body, event)

    record.check = lenient
    record._FOLDS.update(dict.fromkeys(RUN_ENDS, twice))


def say_it_again() -> None:
    cursor = sse.cursor
    sse.cursor = lambda given: max(0, cursor(given) - 1)


def keep_pages() -> None:
    def keep(self: log._Ring) -> None:
        pass

    log._Ring._pass_tips = keep


def wait_for_the_dead() -> None:
    hosts.lost = lambda *_: Decision()


def leave_the_tree() -> None:
    def kill(self: ProcessRuntime, session: str, screen: bool) -> bool:
        return True

    ProcessRuntime._kill = kill
