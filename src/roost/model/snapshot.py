"""The whole session at one seq: record and conversation, folded together, and the snapshot that carries both.

Old snapshot + the events after it = new snapshot, at every seq and after every kind of event.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model.conversation import Conversation
from roost.model.envelope import AnyBody, Event
from roost.model.errors import IllegalTransition
from roost.model.ids import RunId, Seq
from roost.model.messages import Message, decode_message
from roost.model.record import Record, fold_record
from roost.model.stored import StoredMessage


class Snapshot(Struct, frozen=True, kw_only=True):
    """A session at `seq`: go on with `after=seq`. `messages` are the last 50 finished ones and all that are open, in
    order; older ones are paged by `before`, the `first` of the oldest one here."""

    seq: Seq
    record: Record
    messages: tuple[Message, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    return _encoder.encode(snapshot)


def decode_snapshot(raw: bytes | str) -> Snapshot:
    return _decoder.decode(raw)


class Fold:
    """A session's state, event by event. Not safe to share between threads.

    A hub applies events before their commit and drops the fold if the commit fails. A client starts from a snapshot
    with `storing=False`, so that nothing waits for `take_finished`.
    """

    def __init__(self, seq: Seq, record: Record | None, conversation: Conversation) -> None:
        self.seq: Seq = seq
        self._record = record
        self._conversation = conversation

    @classmethod
    def empty(cls, *, storing: bool = True) -> "Fold":
        return cls(0, None, Conversation(storing=storing))

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot, *, storing: bool = True) -> "Fold":
        record = snapshot.record
        return cls(snapshot.seq, record, Conversation(snapshot.messages, record.metrics, storing=storing))

    @classmethod
    def from_store(cls, record: Record, head: Seq, stored: Sequence[StoredMessage], tail: Iterable[Event]) -> "Fold":
        """The fold at `head` from what a store keeps: the record there, the last 50 messages, and the events from
        `record.open_from` to `head` (none if nothing is open)."""
        start = head + 1 if record.open_from is UNSET else record.open_from
        final = {m.id: decode_message(m.data) for m in stored if m.first < start}
        conversation = Conversation(final.values())
        for event in tail:
            if getattr(event.body, "message", None) not in final:
                conversation.apply(event, record)
        conversation.take_finished()
        conversation.metrics = record.metrics
        return cls(head, record, conversation)

    @property
    def record(self) -> Record:
        """Raises: IllegalTransition: there is no event yet."""
        if self._record is None:
            raise IllegalTransition("a log begins with session-created")
        return self._record

    @property
    def conversation(self) -> Conversation:
        """What has been said up to `seq`; only `apply` may change it."""
        return self._conversation

    def snapshot(self) -> Snapshot:
        """Raises: IllegalTransition: there is no event yet."""
        return Snapshot(seq=self.seq, record=self.record, messages=self._conversation.messages)

    def take_finished(self) -> list[StoredMessage]:
        """The messages finished, or finished anew, since the last call: to be stored, replacing what has their id."""
        return self._conversation.take_finished()

    def apply(self, event: Event) -> None:
        """Take in the next event.

        Raises: ValueError: its seq is not the next one; IllegalTransition, PermissionNotFound: it cannot follow. Then
        nothing has changed.
        """
        if event.seq != self.seq + 1:
            raise ValueError(f"event {event.seq} cannot follow event {self.seq}")
        before = self._record
        after = fold_record(before, event)
        conversation = self._conversation
        conversation.apply(event, before)
        self.seq = event.seq
        if after is not before or conversation.metrics is not after.metrics:
            after = self._with_conversation(after)
        self._record = after

    def more(self, body: AnyBody, run: RunId | UnsetType) -> bool:
        """Take in the next event if it is but another piece of the text that the last one was a piece of: what allowed
        that one allows this one, whenever it was said. False: it is something else, to be applied."""
        if not self._conversation.more(body, run):
            return False
        self.seq += 1
        return True

    def _with_conversation(self, record: Record) -> Record:
        """The record with what only the conversation knows: metrics, and where it is open."""
        opened = self._conversation.open_from
        if record.run is not UNSET:
            opened = record.run.start if opened is UNSET else min(opened, record.run.start)
        metrics = self._conversation.metrics
        if metrics is record.metrics and opened == record.open_from:
            return record
        return replace(record, metrics=metrics, open_from=opened)
