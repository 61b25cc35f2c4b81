"""The same questions to every server, in the same order. Nothing here knows which one it is."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import httpx

from bench.peers.found import Amounts, Attach, Crash, Failed, Flood, Found, Heard, Told, numbers
from bench.peers.peer import NotHere, Task
from bench.peers.server import Server
from bench.peers.watch import Refused, Watch, Watcher, blocks
from bench.table import Spread, percentile

RUN_SECONDS: Final = 60.0
"""How long an answer may take to be there."""
QUIET_SECONDS: Final = 20.0
"""Beyond what its words take: how long somebody who came back waits for the end of a run."""
T = TypeVar("T")
MAX_WHY: Final = 400
FAILURES: Final = (NotHere, httpx.HTTPError, Refused, OSError, EOFError, KeyError, ValueError, TypeError, IndexError)
"""What a server that does not do as expected comes down to; each becomes a cell that says so."""


class Measuring:
    """A server, and what was found."""

    def __init__(self, server: Server, amounts: Amounts) -> None:
        self.server, self.peer, self.amounts = server, server.peer, amounts
        self.found = Found(lacks={}, failed={})

    def all(self, say: Callable[[str], None]) -> Found:
        for name, step in STEPS.items():
            if name in self.peer.lacks:
                self.found.lacks[name] = self.peer.lacks[name]
                continue
            say(name)
            try:
                step(self)
            except FAILURES as error:
                self.found.failed[name] = _failed(error).why
        return self.found

    def open(self, watch: Watch, session: str, cursor: str = "", count: int = 1) -> list[Watcher]:
        """Observers whose streams are open. Raises: Refused, EOFError."""
        new = watch.open(self.server.place.port, [self.peer.request(session, cursor)] * count)
        if not watch.until(lambda watcher: watcher not in new or watcher.is_open(), RUN_SECONDS):
            raise EOFError("a stream did not open")
        return new

    def is_over(self, watcher: Watcher) -> bool:
        return any(watcher.has(mark) for mark in self.peer.marks)

    def fresh(self) -> str:
        session = self.peer.create()
        self.peer.settle(session)
        return session

    def said(self, session: str, *watchers: Watcher) -> "Heard":
        """What these, one after the other, were told."""
        heard = Heard()
        for watcher in watchers:
            for block in blocks(watcher.raw):
                said = self.peer.said(session, block)
                heard.text += said.more
                heard.whole = said.whole or heard.whole
                heard.cursor = said.cursor or heard.cursor
                heard.ended = heard.ended or said.ended
        return heard

    def words(self, session: str, watcher: Watcher) -> int:
        return len(numbers(self.said(session, watcher).text))


# --- the questions ---


def starts(on: Measuring) -> None:
    """The first start was made before: it may have compiled. Then what it weighs when nobody wants anything of it."""
    seconds: list[float] = []
    for _ in range(on.amounts.starts):
        on.server.close()
        seconds.append(on.server.start())
    time.sleep(on.amounts.settle_seconds)
    on.found.start, on.found.idle_mib = Spread.of(seconds), on.server.mib()


def creates(on: Measuring) -> None:
    times: list[float] = []
    for _ in range(on.amounts.creates):
        began = time.perf_counter()
        session = on.peer.create()
        times.append((time.perf_counter() - began) * 1000)
        on.peer.settle(session)
    on.found.create = Spread.of(times)


def lists(on: Measuring) -> None:
    times: list[float] = []
    for _ in range(on.amounts.lists):
        began = time.perf_counter()
        listed = on.peer.listed()
        times.append((time.perf_counter() - began) * 1000)
        if listed != on.amounts.creates:
            raise ValueError(f"{listed} of {on.amounts.creates} sessions are listed")
    on.found.listing = Spread.of(times)


def firsts(on: Measuring) -> None:
    """From asking for a session to the first word of an answer in it, for somebody who observes."""
    times: list[float] = []
    for _ in range(on.amounts.firsts):
        began = time.perf_counter()
        session = on.peer.create()
        with Watch() as watch:
            (watcher,) = on.open(watch, session)
            on.peer.prompt(session, on.amounts.flood)
            if not watch.until(lambda one, session=session: on.words(session, one) > 0, RUN_SECONDS):
                raise EOFError("no word came")
            at = watcher.chunks[-1][0]
            times.append((at - began) * 1000)
            watch.until(on.is_over, RUN_SECONDS)
    on.found.first = Spread.of(times)


def floods(on: Measuring) -> None:
    task, found = on.amounts.flood, list[Flood]()
    for _ in range(on.amounts.floods):
        session = on.fresh()
        with Watch() as watch:
            watchers = on.open(watch, session, count=on.amounts.observers)
            before = [len(blocks(watcher.raw)) for watcher in watchers]
            began = time.perf_counter()
            on.peer.prompt(session, task)
            watch.until(on.is_over, RUN_SECONDS)
            ended = max(watcher.chunks[-1][0] for watcher in watchers)
            sent = [len(blocks(watcher.raw)) - count for watcher, count in zip(watchers, before, strict=True)]
            told = [on.said(session, watcher) for watcher in watchers]
        found.append(
            Flood(
                seconds=ended - began,
                deliveries=sum(sent),
                text=sum(len(numbers(heard.text)) for heard in told),
                complete=sum(numbers(heard.text) == list(range(task.words)) for heard in told),
            )
        )
    on.found.floods, on.found.loaded_mib = found, on.server.mib()


def attach(on: Measuring) -> None:
    task, session = on.amounts.paced, on.fresh()
    with Watch() as watch:
        (early,) = on.open(watch, session)
        _until_words(on, watch, session, early, task)
        before = len(numbers(on.said(session, early).text))
        late = watch.open(on.server.place.port, [on.peer.request(session, "")] * on.amounts.observers)
        watch.until(on.is_over, RUN_SECONDS)
        firsts = [watcher.first(lambda raw: bool(blocks(raw))) for watcher in late]
        given = [on.said(session, watcher) for watcher in late]
    if None in firsts:
        raise EOFError("somebody got no event at all")
    times = [(at - watcher.opened) * 1000 for at, watcher in zip(firsts, late, strict=True) if at is not None]
    on.found.attach = Attach(
        ms=Spread.of(times),
        p99_ms=percentile(times, 0.99),
        before=before,
        given=min(len({number for number in numbers(heard.text) if number < before}) for heard in given),
    )


def reconnect(on: Measuring) -> None:
    """Somebody leaves in mid-run, and comes back with what the server gave to come back with."""
    task, session = on.amounts.paced, on.fresh()
    with Watch() as watch:
        (left,) = on.open(watch, session)
        _until_words(on, watch, session, left, task)
        watch.leave(left)
        time.sleep(on.amounts.away_seconds)  # the words that are said meanwhile are what this is about
        back = _come_back(on, watch, session, left)
        watch.until(lambda one: one is left or on.is_over(one), _patience(task))
        on.found.reconnect = on.said(session, left, back).told(task)


def crash(on: Measuring) -> None:
    """kill -9 for the server in mid-run; it is started again at once, and the observer comes back."""
    task, session = on.amounts.paced, on.fresh()
    with Watch() as watch:
        (left,) = on.open(watch, session)
        _until_words(on, watch, session, left, task)
        on.server.kill()
        watch.leave(left)
        back_seconds = on.server.start()
        told: Told | Failed
        try:
            back = _come_back(on, watch, session, left)
            watch.until(lambda one: one is left or on.is_over(one), _patience(task))
            told = on.said(session, left, back).told(task)
        except FAILURES as error:
            told = _failed(error)
    on.found.crash = Crash(
        back_seconds=back_seconds,
        told=told,
        kept=_or_failed(lambda: len(set(numbers(on.peer.history(session))))),
        state=_or_failed(lambda: on.peer.state(session)),
        goes_on=_or_failed(lambda: _goes_on(on, session)),
    )


def _until_words(on: Measuring, watch: Watch, session: str, watcher: Watcher, task: Task) -> None:
    """Send the prompt, and read until it is time to leave. Raises: EOFError."""
    on.peer.prompt(session, task)
    enough = on.amounts.leave_after_words
    if not watch.until(lambda one: one is not watcher or on.words(session, one) >= enough, RUN_SECONDS):
        raise EOFError(f"{on.words(session, watcher)} words came of the {enough} to leave after")
    if watcher.closed:
        raise EOFError("the server left the observer before the run was over")


def _patience(task: Task) -> float:
    """How long the end of a run that was left in its middle is waited for."""
    return task.words / task.per_second + QUIET_SECONDS


def _come_back(on: Measuring, watch: Watch, session: str, left: Watcher) -> Watcher:
    cursor = on.said(session, left).cursor
    return on.open(watch, session, cursor)[0]


def _goes_on(on: Measuring, session: str) -> bool:
    task = on.amounts.flood
    with Watch() as watch:
        (watcher,) = on.open(watch, session)
        on.peer.prompt(session, task)
        last = f"{task.words - 1:08d}"
        watch.until(lambda one: one.has(last.encode()), QUIET_SECONDS)
        return last in on.said(session, watcher).text


def _or_failed(question: Callable[[], T]) -> T | Failed:
    try:
        return question()
    except FAILURES as error:
        return _failed(error)


def _failed(error: Exception) -> Failed:
    return Failed(f"{type(error).__name__}: {error}"[:MAX_WHY])


STEPS: Final[dict[str, Callable[[Measuring], None]]] = {
    "start": starts,
    "create": creates,
    "list": lists,
    "first word": firsts,
    "deliveries": floods,
    "attach": attach,
    "reconnect": reconnect,
    "kill": crash,
}
