"""Histories of a hub that keeps its promises, made up: for tests of the checker, which must find nothing in them."""

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from tests.fire.chaos.history import (
    Answered,
    Attached,
    Detached,
    Entry,
    Invoked,
    Logged,
    Outcome,
    Rested,
    Seen,
    View,
)  # fmt: skip

VIEWS: Final[tuple[View, ...]] = ("sse", "socket", "sdk", "coder")
NOT_TAKEN: Final[tuple[Outcome | None, ...]] = (None, "refused")
TAKEN: Final[tuple[Outcome | None, ...]] = (None, "ok")
PEOPLE: Final = ("anna", "ben")


class Session:
    """One session: what everybody does with it, and the log that comes of it. `told`: all but the log and its rest."""

    def __init__(self, name: str, random: Random, numbers: "count[int]") -> None:
        self.name = name
        self.told: list[Entry] = []
        self.log: list[Logged] = []
        self.epoch, self.produced, self.run = 0, 0, ""
        self.phase = "creating"
        self._random, self._numbers = random, numbers
        self.record("session-created", session=name)
        self._start(1)

    # --- the log ---

    def record(self, kind: str, *, run: str = "", **body: Any) -> Logged:
        raw = Raw(msgspec.json.encode({"type": kind, **body}))
        logged = Logged(
            at=0, session=self.name, seq=len(self.log) + 1, body=raw, run=run, digest=f"digest {next(self._numbers)}"
        )
        self.log.append(logged)
        return logged

    def _start(self, epoch: int) -> None:
        self.epoch, self.produced, self.phase = epoch, 0, "active"
        self.record("runtime-starting", epoch=epoch)
        self.record("runtime-ready", epoch=epoch)

    # --- what happens ---

    def append(self, *kinds: str, run: str | None = None, **body: Any) -> None:
        """A batch of the host, acknowledged."""
        run = self.run if run is None else run
        first, last = self.produced + 1, self.produced + len(kinds)
        op = self._invoke("append", f"host-{self.epoch}", mark=f"{self.epoch}:{first}-{last}")
        for number, kind in enumerate(kinds, first):
            self.record(kind, run=run, produced=f"{self.epoch}:{number}", **body)
        self.produced = last
        self._answer(op, "ok")

    def say(self) -> None:
        self.append(*["text-delta"] * self._random.randint(2, 4), part="part", delta="word")

    def send(self) -> None:
        """A prompt; busy, it is refused, or nobody knows of it and it was not taken."""
        if self.run:
            op = self._invoke("send", PEOPLE[0], mark=self._mark())
            return self._answer(op, self._random.choice(NOT_TAKEN))
        self.run, mark = self._name("run"), self._mark()
        op = self._invoke("send", PEOPLE[0], mark=mark)
        self.record("run-start", run=self.run, message=self._name("message"), input=[{"type": "text", "text": mark}])
        return self._answer(op, self._random.choice(TAKEN), run=self.run)

    def steer(self) -> None:
        if not self.run:
            self.send()
        mark = self._mark()
        op = self._invoke("steer", PEOPLE[1], mark=mark)
        self.record("steered", run=self.run, message=self._name("message"), input=[{"type": "text", "text": mark}])
        self._answer(op, "ok", run=self.run)

    def queue(self) -> None:
        """It waits for the open run to end, and has its own then."""
        if not self.run:
            self.send()
        mark, message = self._mark(), self._name("message")
        op = self._invoke("queue", PEOPLE[1], mark=mark)
        given: dict[str, Any] = {"message": message, "input": [{"type": "text", "text": mark}]}
        self.record("queued", **given)
        self._answer(op, "ok")
        self.end()
        self.record("dequeued", message=message)
        self.run = self._name("run")
        self.record("run-start", run=self.run, **given)

    def label(self) -> None:
        mark = self._mark()
        op = self._invoke("label", PEOPLE[0], mark=mark)
        self.record("session-updated", label=mark)
        self._answer(op, "ok")

    def decide(self) -> None:
        """Two people answer, one is first."""
        if not self.run:
            self.send()
        request = self._name("request")
        self.append("permission-asked", request=request)
        ops = [self._invoke("answer", who, target=request) for who in PEOPLE]
        self.record("permission-replied", run=self.run, request=request, reply="once")
        self._random.shuffle(ops)
        self._answer(ops[0], "ok")
        self._answer(ops[1], "refused")

    def end(self) -> None:
        if self.run:
            self.append(self._random.choice(["run-complete", "run-aborted"]))
            self.run = ""

    def lose_host(self) -> None:
        """It is given up, in mid-run or not, and another one is started. What it sent last was never acknowledged."""
        self._invoke("append", f"host-{self.epoch}", mark=f"{self.epoch}:{self.produced + 1}-{self.produced + 3}")
        self.record("runtime-lost", epoch=self.epoch)
        if self.run:
            self.record("run-error", run=self.run)
            self.run = ""
        self.record("session-paused")
        self.record("session-resuming")
        self._start(self.epoch + 2)

    def script(self) -> None:
        """A run of a scripted agent in a host of its own."""
        if self.run or self.produced:
            self.lose_host()
        deltas = self._random.randint(1, 5)
        script = f'script:[{{"text":"hello"}},{{"deltas":{{"count":{deltas}}}}}]'
        run, part = self._name("run"), self._name("part")
        self.record("run-start", run=run, message=self._name("message"), input=[{"type": "text", "text": script}])
        for number in range(deltas):
            self.record("text-delta", run=run, part=part, delta=f"{number:08d}....")
        self.record("run-complete", run=run)

    # --- who looks on ---

    def watch(self, who: str, view: View) -> None:
        """From the start, over some connections; the last of them stands."""
        shown = self._shown(view)
        place = 0
        while True:
            after = shown[place - 1][0] if place else None
            self._tell(Attached(who=who, session=self.name, view=view, after=after))
            rest = self._random.random() < 0.5
            until = len(shown) if rest else self._random.randint(place, len(shown))
            for seq, digest in shown[place:until]:
                self._tell(Seen(who=who, session=self.name, seq=seq, digest=digest))
            if rest:
                return
            place = self._random.randint(0, until)
            if self._random.random() < 0.5:
                self._tell(Detached(who=who, session=self.name))

    def _shown(self, view: View) -> list[tuple[int, str]]:
        if view != "coder":
            return [(event.seq, event.digest) for event in self.log]
        return [(event.seq * 16 + k, f"{event.digest} {k}") for event in self.log for k in range(event.seq % 3)]

    # --- in the end ---

    @property
    def rested(self) -> Rested:
        return Rested(at=0, session=self.name, phase=self.phase, is_busy=False, epoch=self.epoch)

    def _invoke(self, kind: str, who: str, *, mark: str = "", target: str = "") -> int:
        op = next(self._numbers)
        self._tell(Invoked(op=op, who=who, session=self.name, kind=kind, mark=mark, target=target))
        return op

    def _answer(self, op: int, outcome: Outcome | None, *, run: str = "") -> None:
        if outcome is not None:
            self._tell(Answered(op=op, outcome=outcome, run=run))

    def _tell(self, entry: Entry) -> None:
        self.told.append(replace(entry, at=next(self._numbers)))

    def _mark(self) -> str:
        return f"<person.{next(self._numbers)}>"

    def _name(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"


STEPS: Final[tuple[Callable[[Session], None], ...]] = (
    Session.say, Session.send, Session.steer, Session.queue, Session.label, Session.decide, Session.end,
    Session.lose_host, Session.script,
)  # fmt: skip


class Made:
    """A whole history, still in its parts."""

    def __init__(self, sessions: list[Session]) -> None:
        self.sessions = sessions
        self.rested = [session.rested for session in sessions]
        self.more: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        told = [entry for session in self.sessions for entry in session.told]
        log = [entry for session in self.sessions for entry in session.log]
        return [*told, *log, *self.rested, *self.more]


def make(random: Random, *, sessions: int = 1, steps: int = 0) -> Made:
    """Everything that can happen happens once in each session, and `steps` more."""
    numbers = count(1)
    made = [Session(f"session_{number}", random, numbers) for number in range(sessions)]
    for session in made:
        todo = [*STEPS, *random.choices(STEPS, k=steps)]
        random.shuffle(todo)
        for step in [*todo, Session.lose_host, Session.say]:
            step(session)
        session.end()
        for view in VIEWS:
            for who in PEOPLE:
                session.watch(f"{who}-{view}", view)
    return Made(made)
