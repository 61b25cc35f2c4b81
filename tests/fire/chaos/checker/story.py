"""A history sorted for the rules: by session, what the log holds, what was done, what each observer was given."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from tests.fire.chaos.history import (
    Answered,
    Attached,
    Detached,
    Entry,
    Fault,
    Invoked,
    Left,
    Logged,
    Outcome,
    Rested,
    Seen,
)  # fmt: skip

Told = tuple[str, tuple[Entry, ...]]
"""What a rule says: a sentence, and the records that prove it."""
SHOWN: Final = 4
"""Records printed with a violation."""


class Violation(NamedTuple):
    """A broken promise."""

    rule: str
    what: str
    proof: tuple[Entry, ...]

    def __str__(self) -> str:
        records = [msgspec.json.encode(record).decode() for record in self.proof[:SHOWN]]
        return "\n    ".join([f"{self.rule}: {self.what}", *records])


class Body(msgspec.Struct, frozen=True):
    """What rules ask of an event's body. Absent is empty."""

    type: str
    epoch: int = 0
    message: str = ""
    request: str = ""
    part: str = ""
    delta: str = ""
    again: bool = False
    produced: str = ""
    raw: msgspec.Raw = msgspec.Raw(b"null")


class _Tag(msgspec.Struct, frozen=True):
    type: str


class _Kept(msgspec.Struct, frozen=True):
    produced: str = ""


class Stamp(NamedTuple):
    """Whose event it is: producer seq `number` of the host of this epoch."""

    epoch: int
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.number}"


class Line(msgspec.Struct, frozen=True):
    """An event of the log; `stamp`: of a played host."""

    event: Logged
    body: Body
    stamp: Stamp | None


class Batch(NamedTuple):
    """What one append sent: producer seqs `first` to `last`."""

    epoch: int
    first: int
    last: int


class Op(msgspec.Struct):
    """What somebody did, and how it ended for them."""

    invoked: Invoked
    answered: Answered | None = None

    @property
    def outcome(self) -> Outcome:
        return "unknown" if self.answered is None else self.answered.outcome

    @property
    def batch(self) -> Batch | None:
        """Of an append."""
        if self.invoked.kind != "append":
            return None
        epoch, _, numbers = self.invoked.mark.partition(":")
        first, _, last = numbers.partition("-")
        return Batch(int(epoch), int(first), int(last))

    @property
    def proof(self) -> tuple[Entry, ...]:
        return (self.invoked,) if self.answered is None else (self.invoked, self.answered)

    def __str__(self) -> str:
        return f"{self.invoked.kind} {self.invoked.mark or self.invoked.op} of {self.invoked.who}"


class Visit(msgspec.Struct):
    """One connection of one observer. `over`: it has ended."""

    attached: Attached
    seen: list[Seen]
    over: bool = False

    def __str__(self) -> str:
        return f"{self.attached.view} observer {self.attached.who}"


class Life(msgspec.Struct):
    """All there is of one session. `deleted`: somebody has asked for that, so its log may be gone."""

    name: str
    log: list[Line] = msgspec.field(default_factory=list)
    ops: list[Op] = msgspec.field(default_factory=list)
    visits: list[Visit] = msgspec.field(default_factory=list)
    rested: list[Rested] = msgspec.field(default_factory=list)
    deleted: bool = False

    @property
    def batches(self) -> Iterator[tuple[Op, Batch]]:
        """The appends of played hosts."""
        return ((op, batch) for op in self.ops if (batch := op.batch) is not None)


class Story:
    """The whole history. Keeps the order in which things were recorded."""

    def __init__(self, history: Iterable[Entry]) -> None:
        self.lives: dict[str, Life] = {}
        self.left: list[Left] = []
        self._ops: dict[int, Op] = {}
        self._open: dict[tuple[str, str], Visit] = {}
        for entry in history:
            self._take(entry)

    def __iter__(self) -> Iterator[Life]:
        return iter(self.lives.values())

    def _life(self, session: str) -> Life:
        life = self.lives.get(session)
        if life is None:
            life = self.lives[session] = Life(session)
        return life

    def _take(self, entry: Entry) -> None:
        match entry:
            case Seen():
                self._see(entry)
            case Logged():
                self._life(entry.session).log.append(line_of(entry))
            case Invoked():
                op = self._ops[entry.op] = Op(entry)
                life = self._life(entry.session)
                life.ops.append(op)
                life.deleted |= entry.kind == "delete"
            case Answered():
                self._ops[entry.op].answered = entry
            case Attached():
                self._attach(entry)
            case Detached():
                if visit := self._open.pop((entry.who, entry.session), None):
                    visit.over = True
            case Rested():
                self._life(entry.session).rested.append(entry)
            case Left():
                self.left.append(entry)
            case Fault():
                pass

    def _attach(self, entry: Attached) -> None:
        """Who comes back has lost the connection before, whether anybody noticed or not."""
        if before := self._open.get((entry.who, entry.session)):
            before.over = True
        visit = self._open[entry.who, entry.session] = Visit(entry, [])
        self._life(entry.session).visits.append(visit)

    def _see(self, entry: Seen) -> None:
        self._open[entry.who, entry.session].seen.append(entry)


_body = msgspec.json.Decoder(Body)
_tag = msgspec.json.Decoder(_Tag)
_kept = msgspec.json.Decoder(_Kept)
_text = msgspec.json.Decoder(str)


def line_of(event: Logged) -> Line:
    """With as much of its body as can be read."""
    try:
        body = _body.decode(event.body)
    except msgspec.ValidationError:
        body = Body(_tag.decode(event.body).type)
    return Line(event, body, _stamp(_produced(body)))


def _produced(body: Body) -> str:
    """What a played host has put on its event; of one that came too late, on what is kept of it."""
    if body.type != "native":
        return body.produced
    try:
        return _kept.decode(_text.decode(body.raw)).produced
    except msgspec.DecodeError:
        return ""  # it is not of a played host


def _stamp(text: str) -> Stamp | None:
    """`EPOCH:SEQ`."""
    epoch, colon, number = text.partition(":")
    return Stamp(int(epoch), int(number)) if colon and epoch.isdecimal() and number.isdecimal() else None
