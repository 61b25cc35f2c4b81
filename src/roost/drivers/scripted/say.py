"""Makes the events of scripted speech: ids, parts and the fast road for many deltas. Pure but for the ids."""

import re
from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from roost.drivers.scripted.script import Deltas
from roost.model.envelope import encode_body
from roost.model.events import Body, MessageDone, MessageStart, PartDone, PartStart, ReasoningDelta, TextDelta
from roost.model.ids import MessageId, PartId, TaskId, new_part_id

MAX_ECHO_DELTAS = 500
_WORD = re.compile(r"\S*\s*")


def words(text: str) -> list[str]:
    """The text in small pieces, a word each; longer ones if there were too many. Joined they are the text."""
    pieces = [piece for piece in _WORD.findall(text) if piece]
    together = -(-len(pieces) // MAX_ECHO_DELTAS) or 1
    return ["".join(pieces[i : i + together]) for i in range(0, len(pieces), together)]


def spoken(message: MessageId, text: str, *, reasoning: bool = False) -> list[Body | bytes]:
    """A whole part in small deltas, each its own event."""
    part = new_part_id()
    kind = ReasoningDelta if reasoning else TextDelta
    return [
        PartStart(message=message, part=part, kind="reasoning" if reasoning else "text"),
        *(encode_body(kind(message=message, part=part, delta=piece)) for piece in words(text)),
        PartDone(message=message, part=part),
    ]


def opened(message: MessageId, task: TaskId | UnsetType = UNSET) -> MessageStart:
    return MessageStart(message=message, role="assistant", agent="scripted", task=task)


def closed(message: MessageId, finish: str = "stop", task: TaskId | UnsetType = UNSET) -> MessageDone:
    return MessageDone(message=message, finish=finish, task=task)


def texts(deltas: Deltas) -> Iterator[str]:
    """The texts of all deltas of a step."""
    return (f"{i:08d}".ljust(deltas.bytes, ".") for i in range(deltas.count))


class DeltaPress:
    """Prints numbered text deltas as bytes, with next to no work for each."""

    def __init__(self, deltas: Deltas, message: MessageId, part: PartId, task: TaskId | UnsetType = UNSET) -> None:
        sample = encode_body(TextDelta(message=message, part=part, task=task, delta="#"))
        before, _, after = sample.rpartition(b"#")
        self._before, self._after = before, b"." * (deltas.bytes - 8) + after
        self._stamp = deltas.stamp

    def print(self, first: int, count: int, now_ns: int) -> Iterator[bytes]:
        """Deltas `first`, `first + 1`, ...: stamped, if they are, with this time."""
        before, after = self._before, self._after
        if not self._stamp:
            for i in range(first, first + count):
                yield b"%b%08d%b" % (before, i, after)
            return
        after = after[:-1]
        for i in range(first, first + count):
            yield b'%b%08d%b,"T":"%019d %010d"}' % (before, i, after, now_ns, i)
