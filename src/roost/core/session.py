"""One session in the hub: its fold, its lock, and the only place where its state changes (`record`)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import anyio
from msgspec import UNSET
from msgspec.structs import replace

from roost.core.abilities import check_able
from roost.core.answering import answered_by_policy
from roost.core.claims import Claim, claim_for
from roost.core.decision import Decision
from roost.core.decisions import decide, may_wake, settle
from roost.core.fitting import as_native, unfit
from roost.core.ground import Ground
from roost.core.refolding import refold
from roost.model import commands as c
from roost.model.doing import LIVE
from roost.model.envelope import DELTAS, Draft, Event, committed
from roost.model.errors import (
    BodyTooLarge,
    IllegalTransition,
    PermissionNotFound,
    ProducerGap,
    RoostError,
    StaleEpoch,
    StateConflict,
    Unavailable,
)  # fmt: skip
from roost.model.events import MAX_BODY_BYTES, Principal
from roost.model.ids import Epoch, Seq, SessionId
from roost.model.info import Accepted, Queue, SessionConfig, SessionInfo, config_of, info_of
from roost.model.record import Pending, Record
from roost.model.snapshot import Fold, Snapshot, encode_snapshot
from roost.model.stored import Append, HostWriter, KeyClaim, StoredMessage, StoredSession

PAUSE_SECONDS: Final = 15.0
"""Longer than a pause may take: after 12 s the hub ends the host (core/hosts.py)."""
CHECKPOINT_EVERY: Final = 4096
"""Events of one open run after which its fold is saved, so that taking it up again stays quick."""


class Watcher(Protocol):
    """What a session tells the hub about itself (core/hosts.py)."""

    def committed(self, session: "Session", facts: Sequence[Event]) -> None:
        """More is durable, up to `session.seq`; `facts` are the events of it that are no deltas. Called under the
        session's lock: take note, do not wait."""
        ...

    def owed(self, session: "Session", decision: Decision) -> None:
        """A decision is committed that wants a host started or stopped."""
        ...


class Session:
    """A session. `linked`: its host's link is up (set by core/hosts.py)."""

    def __init__(self, ground: Ground, watcher: Watcher, session: SessionId, fold: Fold) -> None:
        self.id = session
        self.linked = False
        self.deleted = False
        self.calls = 0
        """Calls to its host that are in progress (core/reach.py),"""
        self.called_at = 0
        """and when the last one that keeps it awake ended (ms)."""
        self.capabilities: dict[str, Any] = {}
        """What its agent can do, as its host has said; nothing while the link is down."""
        self.env: Mapping[str, str] = {}
        self.token_hash: bytes | None = None
        self._ground = ground
        self._watcher = watcher
        self._fold = fold
        """Moves before a commit, so it is for whoever holds the lock; what is committed stands in `_record`, `_seq`."""
        self._record: Record | None = None
        self._seq: Seq = 0
        self._produced = 0
        self._checkpoint: Seq = 0
        self._stale = False
        self._settled: Record | None = None
        """Where nothing was owed: deltas, which leave the record as it is, owe nothing either."""
        self._lock = asyncio.Lock()
        self.host_lock = anyio.Lock()
        """Held while a host of this session is started or killed."""

    @classmethod
    def fresh(cls, ground: Ground, watcher: Watcher, session: SessionId) -> "Session":
        """A session without events yet: `found` comes next."""
        return cls(ground, watcher, session, Fold.empty())

    @classmethod
    async def load(cls, ground: Ground, watcher: Watcher, session: SessionId) -> "Session":
        """Raises: SessionNotFound."""
        loaded = cls.fresh(ground, watcher, session)
        row = await ground.store.get(session)
        loaded.token_hash = row.token_hash  # later it is `Hosts.token` alone that changes it
        loaded._stand(row)
        return loaded

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def record_now(self) -> Record:
        """The record as committed."""
        return cast(Record, self._record)

    @property
    def seq(self) -> Seq:
        """The last committed event."""
        return self._seq

    @property
    def epoch(self) -> Epoch:
        return self.record_now.epoch

    @property
    def produced(self) -> int:
        """The last producer_seq committed in this epoch."""
        return self._produced

    def info(self) -> SessionInfo:
        ground = self._ground
        now, paused = ground.clock.now_ms(), ground.settings.paused_seconds
        info = info_of(
            self.record_now, seq=self.seq, linked=self.linked, now=now, paused=paused, ready_ms=ground.ready_ms
        )
        return replace(info, capabilities=self.capabilities)

    def config(self) -> SessionConfig:
        return config_of(self.record_now)

    def queue(self) -> Queue:
        return Queue(queue=self.record_now.queue, held=self.record_now.queue_held)

    def pending(self) -> tuple[Pending, ...]:
        """What waits for a person; not what a rule or the policy is about to answer."""
        record = self.record_now
        return tuple(entry for entry in record.pending if answered_by_policy(record, entry) is None)

    async def snapshot(self) -> Snapshot:
        """The fold at the last committed event."""
        async with self._lock:
            await self._fresh()
            snapshot = self._fold.snapshot()
            self._rest()
            return snapshot

    def locked(self) -> asyncio.Lock:
        """Nothing is committed while this is held."""
        return self._lock

    async def messages(self, before: Seq | None, limit: int) -> Sequence[StoredMessage]:
        return await self._ground.store.messages(self.id, before=before, limit=limit)

    async def wait_idle(self) -> None:
        """Returns once no run is open."""
        await self._until(lambda: self.record_now.run is UNSET)

    async def wait_link(self, linked: bool) -> None:
        """Returns once the host's link is up, or (not `linked`) down."""
        await self._until(lambda: self.linked == linked)

    async def wait_paused(self) -> None:
        """Returns once no pause is going on."""
        await self._until(lambda: not self.record_now.pause_requested or self.deleted)

    async def _until(self, fact: Callable[[], bool]) -> None:
        while True:
            signal = self._ground.bell.ticket(self.id)
            if fact():
                return
            await signal.wait()

    # --- changing -----------------------------------------------------------------------------------------------------

    async def handle(self, command: c.AnyCommand, by: Principal, key: str | None = None) -> Accepted:
        """Record a command; whoever must act reads it from the log. With a `key`, a repeat changes nothing.

        Raises: what the command's decision raises (core/decisions.py); IdempotencyMismatch; OptionUnknown,
        CommandNotFound: the agent, which is here, has it not.
        """
        check_able(command, self.capabilities)
        if may_wake(command):
            await self._let_pause_end(command)
        claim = claim_for(by, key, command, self.id)
        async with self._taken_in(command, by) as recorded:
            accepted = await self.decide(lambda record: decide(record, recorded, by), claim)
        with contextlib.suppress(Unavailable):  # the command is recorded; what follows from it is settled later
            await self.settle()
        return accepted

    async def decide(self, choose: Callable[[Record], Decision], claim: Claim | None = None) -> Accepted:
        """Choose from the record and commit, as one step; a lost compare-and-set chooses again."""
        accepted: Accepted | None = None
        with anyio.CancelScope(shield=True):
            async with self._lock:
                while accepted is None:
                    accepted = await self._claimed(claim)
                    with contextlib.suppress(StateConflict):
                        accepted = accepted or await self._decide_once(choose, claim)
        return cast(Accepted, accepted)

    async def found(self, drafts: Sequence[Draft], env: Mapping[str, str], claim: Claim | None) -> None:
        """Commit a new session's first events. Raises: StateConflict: its id or its claim is taken."""
        async with self._lock:
            accepted = Accepted(session=self.id, seq=len(drafts))
            self.env = env
            await self.record(drafts, claim=claim.of(accepted) if claim else None, env=env)

    async def settle(self) -> None:
        """Commit what the hub owes this session by itself, until it owes nothing."""
        record = self.record_now
        while self._owes(record).drafts:
            at = self.seq
            await self.decide(self._owes)
            if self.seq == at:
                return
            record = self.record_now
        self._settled = record

    def _owes(self, record: Record) -> Decision:
        return settle(record, linked=self.linked, attended=self._ground.attended(self.id))

    async def append_from_host(self, epoch: Epoch, first: int, drafts: Sequence[Draft]) -> tuple[int, Seq]:
        """Commit what a host produced; returns the last producer_seq that is durable, and the log's last seq. Whoever
        calls this shields it from being cancelled.

        What the host may not say, or the table forbids, or is too large, is kept as `native` with the reason.
        Raises: StaleEpoch; ProducerGap; StorageUnavailable, StorageFull: nothing was committed, send again.
        """
        async with self._lock:
            await self._fresh()
            if epoch != self.epoch:
                raise StaleEpoch(epoch=self.epoch)
            if first > self._produced + 1:
                raise ProducerGap(expected=self._produced + 1)
            new = drafts[max(0, self._produced + 1 - first) :]
            if new:
                await self.record(new, writer=HostWriter(epoch, self._produced + 1))
            done = self._produced, self.seq
        if self.record_now is not self._settled:
            await self.settle()
        return done

    async def record(
        self,
        drafts: Sequence[Draft],
        *,
        writer: HostWriter | None = None,
        claim: KeyClaim | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Fold, commit, tell. The caller holds the lock. If the commit fails, the fold is read anew from the store."""
        before = self._fold.record if self._fold.seq else None
        try:
            at = self._ground.clock.now_ms()
            facts, drafts = self._apply(drafts, at, lenient=writer is not None)
            append = self._append(drafts, at, before, writer, claim, env)
            await self._ground.log.append(append, new=before is None)
        except BaseException:
            self._stale = before is not None
            with contextlib.suppress(RoostError):
                await self._fresh()
            raise
        self._record, self._seq = self._fold.record, self._fold.seq
        if writer is not None:
            self._produced = writer.first + len(drafts) - 1
        if before is not None and self.epoch != before.epoch:
            self._produced = 0
        self._watcher.committed(self, facts)
        await self._save_checkpoint()
        self._rest()

    # --- inside -------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _taken_in(self, command: c.AnyCommand, by: Principal) -> AsyncGenerator[c.AnyCommand]:
        """The command as it is recorded while the block lasts, with all that its input refers to."""
        if not isinstance(command, c.Send) or self._ground.take_in is None:
            yield command
            return
        async with self._ground.take_in(command.parts(), self.id, by, after=self.seq) as taken:
            yield replace(command, input=taken, text=UNSET)

    async def _let_pause_end(self, command: c.AnyCommand) -> None:
        """What would wake the session waits while it is going to sleep, for so long as that may take."""
        waits = not isinstance(command, c.Send | c.RunCommand) or self.record_now.run is UNSET
        if waits and self.record_now.pause_requested:
            with anyio.move_on_after(PAUSE_SECONDS):
                await self.wait_paused()

    async def _decide_once(self, choose: Callable[[Record], Decision], claim: Claim | None) -> Accepted:
        await self._fresh()
        decision = choose(self.record_now)
        accepted = Accepted(session=self.id, seq=self.seq + len(decision.drafts), run=decision.run)
        if decision.drafts:
            await self.record(decision.drafts, claim=claim.of(accepted) if claim else None)
        if decision.then:
            self._watcher.owed(self, decision)
        return accepted

    async def _claimed(self, claim: Claim | None) -> Accepted | None:
        """What was accepted under this key before. Raises: IdempotencyMismatch."""
        if claim is None:
            return None
        found = await self._ground.store.find_claim(claim.principal, claim.key, at=self._ground.clock.now_ms())
        return None if found is None else claim.repeat(found)

    def _apply(self, drafts: Sequence[Draft], at: int, *, lenient: bool) -> tuple[list[Event], list[Draft]]:
        """Fold the drafts as the events they will be; returns those of them that are no deltas, and the drafts as they
        are to be stored."""
        fold = self._fold
        facts: list[Event] = []
        kept = list(drafts)
        for number, draft in enumerate(drafts):
            if len(draft.raw) <= MAX_BODY_BYTES and fold.more(draft.body, draft.run):
                continue
            if lenient and (reason := unfit(draft)) is not None:
                draft = as_native(draft, reason)
            elif not lenient and len(draft.raw) > MAX_BODY_BYTES:
                raise BodyTooLarge(f"an event of {len(draft.raw)} bytes", limit_bytes=MAX_BODY_BYTES)
            event = committed(draft, seq=fold.seq + 1, at=at)
            try:
                fold.apply(event)
            except (IllegalTransition, PermissionNotFound) as error:
                if not lenient:
                    raise
                draft = as_native(draft, error.message)
                event = committed(draft, seq=fold.seq + 1, at=at)
                fold.apply(event)
            kept[number] = draft
            if type(event.body) not in DELTAS:
                facts.append(event)
        return facts, kept

    def _append(
        self,
        drafts: Sequence[Draft],
        at: int,
        before: Record | None,
        writer: HostWriter | None,
        claim: KeyClaim | None,
        env: Mapping[str, str] | None,
    ) -> Append:
        return Append(
            session=self.id,
            drafts=drafts,
            at=at,
            writer=writer,
            expect=before.state_seq if before else None,
            record=self._fold.record if self._fold.record is not before else None,
            messages=self._fold.take_finished(),
            claim=claim,
            env=env,
        )

    async def _save_checkpoint(self) -> None:
        """Long open runs are saved now and then; a failure only makes the next start slower."""
        start = self.record_now.open_from
        if start is UNSET:
            return
        spacing = max(CHECKPOINT_EVERY, (self.seq - start) // 4)  # of a run that goes on and on, ever fewer
        if self.seq - max(self._checkpoint, start) < spacing:
            return
        self._checkpoint = self.seq
        await self._ground.store.save_checkpoint(self.id, self.seq, encode_snapshot(self._fold.snapshot()))

    def _stand(self, row: StoredSession) -> None:
        """Be where the store is. The fold is taken up when it is needed."""
        self._record, self._seq, self._stale = row.record, row.head, True
        self._produced, self.env = row.produced, row.env

    async def _fresh(self) -> None:
        """Take the fold up from the store, unless it is here."""
        if self._stale:
            self._stand(row := await self._ground.store.get(self.id))
            self._fold, self._stale = await refold(self._ground.store, row), False

    def _rest(self) -> None:
        """Keep no conversation of a session that sleeps, however many watch it."""
        if self.record_now.phase not in LIVE:
            self._fold, self._stale = Fold.empty(), True
