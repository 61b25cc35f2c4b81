"""What everybody did and saw, in the order of one clock: all that passes from the workload to the checker.

What the workload puts into the log, so that it is found again:

- Each body of a played host has a field `"produced": "EPOCH:SEQ"` of its own, SEQ its producer_seq. What was answered
  `ok` is in the log, each event once, in that order; a body that came too late is the `raw` of a `native`.
- `send`, `steer`, `queue` have their mark in a text part of the input; of a queued one it is in `queued` and in
  `run-start`.
- `label` has it as the label. All other kinds have none: `answer` is known by its target, the request; `abort` by the
  run; `rule` (target: the permission of the rule), `pause`, `resume`, `shell` change nothing that is seen once.
- A scripted agent says numbered deltas: of a run that is complete all of them, as its `run-start` asks for.

Several processes write one history. One that was killed leaves operations without an answer, and observers without
`Detached`; who comes after it has other names.
"""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns
from typing import Literal

import msgspec

Outcome = Literal["ok", "refused", "unknown"]
"""Of an operation. `unknown`: the connection broke before the answer, so it may have taken effect, once, or not."""
View = Literal["sse", "socket", "coder", "sdk"]
"""How an observer watches."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=str.lower):
    at: int = msgspec.field(default_factory=monotonic_ns)
    """Nanoseconds of the clock that all of one history share."""


class Invoked(Record, frozen=True, kw_only=True):
    """Somebody began an operation."""

    op: int
    who: str
    session: str
    kind: str
    """`send`, `steer`, `queue`, `answer`, `abort`, `pause`, `append`, `shell`, ..."""
    mark: str = ""
    """A text that is in what this operation causes, and in nothing else. For `append`: `EPOCH:FIRST-LAST`, the producer
    seqs of the batch."""
    target: str = ""
    """What it is about: the decision answered, the run aborted."""


class Answered(Record, frozen=True, kw_only=True):
    """The operation ended for whoever invoked it. An operation without this record is `unknown`."""

    op: int
    outcome: Outcome
    code: str = ""
    """Of a refusal."""
    run: str = ""
    """The run that the hub named in its answer."""


class Attached(Record, frozen=True, kw_only=True):
    """An observer connected, with this cursor; absent: from the start."""

    who: str
    session: str
    view: View
    after: int | None = None


class Seen(Record, frozen=True, kw_only=True):
    """An observer got an event. In the Coder view `seq` is the id of that wire: rising, with gaps."""

    who: str
    session: str
    seq: int
    digest: str
    """Of the bytes of the event as this view shows it: equal for all observers of one view."""


class Detached(Record, frozen=True, kw_only=True):
    """The observer's connection ended; `gone`: for good, since it or the session is no more."""

    who: str
    session: str
    gone: bool = False


class Fault(Record, frozen=True, kw_only=True):
    """The driver of faults did this."""

    kind: str
    target: str
    detail: str = ""


class Logged(Record, frozen=True, kw_only=True):
    """One event as the log holds it at the end, read through REST when all was quiet."""

    session: str
    seq: int
    body: msgspec.Raw
    """The body as it was served, so with the tag `type`."""
    run: str = ""
    digest: str
    """As an observer of `sse`, `socket` or `sdk` computes it."""


class Rested(Record, frozen=True, kw_only=True):
    """How a session was when all was quiet."""

    session: str
    phase: str
    is_busy: bool
    pending: tuple[str, ...] = ()
    """Decisions that wait."""
    epoch: int


class Left(Record, frozen=True, kw_only=True):
    """Something that should have been gone at the end: a process, a port, a mount, a file."""

    kind: Literal["process", "port", "mount", "file"]
    what: str


OPS_OF_ONE = 1_000_000
"""Operations of one process have numbers below that of the next."""

Entry = Invoked | Answered | Attached | Seen | Detached | Fault | Logged | Rested | Left


class History:
    """Appends to a file of JSON lines, at once: a killed workload leaves what it had."""

    def __init__(self, path: Path, *, writer: int = 0) -> None:
        """`writer`: another one for each process of one history."""
        self.path = path
        self._file = path.open("ab", buffering=0)
        self._encode = msgspec.json.Encoder().encode
        self._ops = writer * OPS_OF_ONE

    def add(self, entry: Entry) -> None:
        self._file.write(self._encode(entry) + b"\n")

    def op(self) -> int:
        """A number for an operation: unique in this history."""
        self._ops += 1
        return self._ops

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """The entries of a history in the order they were added. A last line without its end is left out."""
    decode = msgspec.json.Decoder(Entry).decode
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield decode(line)
