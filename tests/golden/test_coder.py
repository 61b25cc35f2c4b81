"""What our events become on Coder's wire. A golden file holds events as they come (`in`, `at` in ms) and after each of
them what is told (`out`); `by`: a person did it; `wait` is time in which nothing comes.

`ROOST_TEST_GOLDEN=write` writes what is told anew; read the difference before you commit it.
"""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from roost.api.coder.facts import FACTS
from roost.api.coder.speech import PAUSE_MS
from roost.api.coder.told import Told, encoded
from roost.api.coder.translate import MAX_PER_EVENT, SILENT, Translator
from roost.model import events as e
from roost.model.envelope import BODIES, Event, encode_body
from roost.model.ids import RunId
from roost.model.snapshot import Fold
from tests.model.stories import ANN, FIRST_AT, SESSION, created, message, part, run, said, task

FOLDER = Path(__file__).parent / "coder"
WRITE = os.environ.get("ROOST_TEST_GOLDEN") == "write"


class Watching:
    """A translator that goes on after a session was created and its host has come."""

    def __init__(self, mode: str = "sandbox") -> None:
        fold = Fold.empty(storing=False)
        for seq, body in enumerate((created(mode), e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1)), 1):
            fold.apply(Event(seq=seq, at=FIRST_AT, raw=Raw(encode_body(body))))
        self.translator = Translator(fold.snapshot())
        self.seq = 3
        self.at = FIRST_AT

    def tell(
        self, *bodies: e.Body, run: RunId | None = None, by_ann: bool = False, after: int = 1, raw: bytes | None = None
    ) -> list[Told]:
        told, by = list[Told](), ANN if run or by_ann else UNSET
        for body in bodies:
            self.seq, self.at = self.seq + 1, self.at + after
            event = Event(seq=self.seq, at=self.at, raw=Raw(raw or encode_body(body)), run=run or UNSET, by=by)
            told += self.translator.take(event, self.at)
        return told

    def wait(self, ms: int) -> list[Told]:
        self.at += ms
        return self.translator.grown(self.at)


def played(line: dict[str, Any], watching: Watching) -> list[Told]:
    if "wait" in line:
        return watching.wait(line["wait"])
    raw = msgspec.json.encode(line["in"])
    run = RunId(line["run"]) if "run" in line else None
    return watching.tell(e.Body(), run=run, by_ann="by" in line, after=line.get("at", 1), raw=raw)


def written(told: Told) -> str:
    frame = json.loads(encoded(told, SESSION))
    out = {"out": frame["event"], "at": round(frame["timestamp"] - FIRST_AT, 3), "data": frame["data"]}
    return json.dumps(out, ensure_ascii=False)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_events_become_exactly_this(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    watching, now = Watching(mode="tui" if path.stem.startswith("tui") else "sandbox"), list[str]()
    for line in lines:
        given = json.loads(line)
        if "out" not in given:
            now += [line, *(written(told) for told in played(given, watching))]
    if WRITE:
        path.write_text("\n".join(now) + "\n", encoding="utf-8")
    assert now == lines
    assert not [line for line in now if line.startswith('{"out"') and ": null" in line]


def test_every_event_has_a_row() -> None:
    rows = [*Translator.ROWS, *FACTS, *SILENT]
    assert len(rows) == len(set(rows))
    assert set(rows) == set(BODIES)


def test_a_message_is_told_at_most_ten_times_a_second_and_its_end_always() -> None:
    watching, one = Watching(), run()
    watching.tell(e.RunStart(message=message(9), input=said("go")), run=one)
    told: list[Told] = []
    for number in range(1000):  # one every millisecond
        told += watching.tell(e.TextDelta(message=message(), part=part(), delta=f"{number} "), run=one)
    updates = [one for one in told if one.name == "message_update"]
    assert 9 <= len(updates) <= 10
    assert all(later.at - earlier.at > PAUSE_MS - 1 for earlier, later in pairwise(updates))
    ended = watching.tell(e.MessageDone(message=message()), run=one)
    assert [one.name for one in ended] == ["message_update", "message_end"]
    whole = "".join(f"{number} " for number in range(1000))
    assert (
        ended[0].data["message"]["content"] == ended[1].data["message"]["content"] == [{"type": "text", "text": whole}]
    )
    assert "".join(one.data["text"] for one in [*updates, ended[0]]) == whole


def test_a_large_message_is_told_less_often() -> None:
    watching, one = Watching(), run()
    watching.tell(e.RunStart(message=message(9), input=said("go")), run=one)
    told: list[Told] = []
    for _ in range(1000):
        told += watching.tell(e.TextDelta(message=message(), part=part(), delta="x" * 200), run=one)
    sizes = [len(one.data["message"]["content"][0]["text"]) for one in told if one.name == "message_update"]
    assert sum(sizes) < 1024 * 1024


def test_times_rise_also_within_a_millisecond() -> None:
    watching, one = Watching(), run()
    told = watching.tell(e.RunStart(message=message(9), input=said("go")), run=one)
    for number in range(50):
        delta = e.TextDelta(message=message(), part=part(), delta="x", task=task())
        told += watching.tell(delta, run=one, after=0 if number else 1)
    times = [one.at for one in told]
    assert times == sorted(set(times))
    assert times[-1] - times[0] < 2


@given(st.integers(min_value=0, max_value=60))
def test_a_run_that_ends_with_many_open_tools_becomes_sixteen_events_at_most(tools: int) -> None:
    watching, one = Watching(), run()
    watching.tell(e.RunStart(message=message(9), input=said("go")), run=one)
    for number in range(tools):
        start = e.ToolStart(message=message(), part=part(number), call=f"call_{number}", tool="bash", input={})
        watching.tell(start, run=one)
    told = watching.tell(e.RunAborted(), run=one)
    assert len(told) <= MAX_PER_EVENT
    assert [one.name for one in told][-2:] == ["turn_end", "agent_end"]
