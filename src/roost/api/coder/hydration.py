"""What somebody who begins to watch is given first: all there is, up to the point from which live frames go on.

Their clients echo no cursor, so this must hold what they may have missed. It is made once for all who come at the same
point; of a long conversation it holds the end, and the replay has all of it.
"""

from itertools import islice
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.api.coder.activity import activity_of, stream_of, tasks_of
from roost.api.coder.arrivals import MAX_SHOWN
from roost.api.coder.entries import entries_of, newest_messages
from roost.api.coder.shapes import Activity, Here, Shape, StreamShape, TaskShape
from roost.api.coder.times import iso
from roost.api.coder.views import flags_of, here_of
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.events import Principal
from roost.model.ids import Seq
from roost.model.record import Record
from roost.model.snapshot import Snapshot

MAX_RUNS: Final = 100
"""Runs, the newest, of which it is said why they failed, if nothing else says it."""
MAX_ENTRY_BYTES: Final = 2 * 1024 * 1024
"""And so many bytes of entries, at least the newest one."""

_encoder = msgspec.json.Encoder(enc_hook=str)


class ActiveTask(Shape, frozen=True, kw_only=True):
    task_id: str
    agent: str


class StreamingState(Shape, frozen=True, kw_only=True):
    """Whether a run is open, and which sub-agents work in it."""

    is_streaming: bool
    active_tasks: list[ActiveTask]


class Hydrated(Shape, frozen=True, kw_only=True, tag_field="type", tag="hydration"):
    """As an event stream tells it."""

    session_id: str
    entries: list[Raw]
    stream: StreamShape
    tasks: list[TaskShape]
    task: str | UnsetType = UNSET


class SocketHydrated(Hydrated, frozen=True, kw_only=True, tag="session_hydration"):
    """As a socket tells it. `resumed_at` in ms."""

    label: str
    resumed_at: int
    lead_connected: bool
    streaming_state: StreamingState


class SessionSnapshot(Shape, frozen=True, kw_only=True, tag_field="type", tag="snapshot"):
    """What an event stream begins with."""

    session_id: str
    label: str
    status: str
    created_at: str
    mode: str
    participants: list[Here]
    task_count: int
    agent_activity: dict[str, Activity]
    stream: StreamShape


class Hydration(Struct, kw_only=True):
    """A session at `seq`, with its entries encoded. Shared by all who come at the same point: what is the same for all
    of them is encoded once."""

    seq: Seq
    record: Record
    entries: list[Raw]
    stream: StreamShape
    activity: dict[str, Activity]
    streamed: bytes = b""

    def snapshot(self, hub: Hub, session: Session, by: Principal) -> bytes:
        """The first frame of an event stream: who is here, as many as a frame names."""
        record = self.record
        here = (one for one in hub.participants(session) if one.connected)
        told = SessionSnapshot(
            session_id=record.session,
            label=record.label,
            status=flags_of(hub, by, record, self.seq).status,
            created_at=iso(record.created_at),
            mode=record.mode,
            participants=[here_of(one, record) for one in islice(here, MAX_SHOWN)],
            task_count=len(record.tasks),
            agent_activity=self.activity,
            stream=self.stream,
        )
        return _encoder.encode(told)

    def for_stream(self) -> bytes:
        """The second frame of an event stream."""
        record = self.record
        if not self.streamed:
            told = Hydrated(
                session_id=record.session,
                entries=self.entries,
                stream=self.stream,
                tasks=tasks_of(record),
                task=record.task,
            )
            self.streamed = _encoder.encode(told)
        return self.streamed

    def for_socket(self, *, linked: bool, now: int) -> bytes:
        """The first frame of a socket after `init`. `linked`: the agent is there; `now` in ms."""
        record = self.record
        tasks = tasks_of(record)
        active = [ActiveTask(task_id=task.task_id, agent=task.agent) for task in tasks if task.status == "running"]
        told = SocketHydrated(
            session_id=record.session,
            label=record.label,
            resumed_at=now,
            lead_connected=linked,
            entries=self.entries,
            stream=self.stream,
            tasks=tasks,
            task=record.task,
            streaming_state=StreamingState(is_streaming=record.run is not UNSET, active_tasks=active),
        )
        return _encoder.encode(told)


async def hydration(hub: Hub, session: Session, snapshot: Snapshot) -> Hydration:
    """Of the session at this snapshot. Raises: SessionNotFound, StorageUnavailable."""
    messages = await newest_messages(session, snapshot)
    runs = await hub.knowing.runs(session, None, MAX_RUNS)
    entries = [Raw(_encoder.encode(entry)) for entry in entries_of(messages, snapshot, runs)]
    return Hydration(
        seq=snapshot.seq,
        record=snapshot.record,
        entries=_newest(entries),
        stream=stream_of(snapshot),
        activity=activity_of(snapshot),
    )


def _newest(entries: list[Raw]) -> list[Raw]:
    size = 0
    for number, entry in enumerate(reversed(entries)):
        size += len(bytes(entry))
        if number and size > MAX_ENTRY_BYTES:
            return entries[-number:]
    return entries
