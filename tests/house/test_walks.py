"""The three walks of ARCHITECTURE.md name functions, and the code goes that way: seen in a hub, a host and a client."""

import ast
import os
import re
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from roost.testing import hub_process
from tests.house.conftest import ROOT
from tests.house.test_size_budget import functions
from tests.house.walks.sitecustomize import Trace

WALK = re.compile(r"^> \*\*(\w+)\*\* (.*?)(?=^$)", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`([\w.]+)`")
WALKS = {walk: NAME.findall(way) for walk, way in WALK.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))}
HERE = Path(__file__).parent / "walks"
LONG = 'script: [{"deltas": {"count": 1000, "bytes": 10, "per_second": 20}}]'
"""A prompt whose answer is still being given when the hub is killed."""


def test_there_are_three_walks() -> None:
    assert list(WALKS) == ["event", "request", "reconnect"]


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_names_functions_that_exist(walk: str) -> None:
    assert WALKS[walk]
    assert [name for name in WALKS[walk] if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether `module.function`, or `module.Class.method`, is in the source."""
    parts = name.split(".")
    modules = [(ROOT / "src/roost").joinpath(*parts[:end]).with_suffix(".py") for end in range(1, len(parts))]
    return any(
        ".".join(parts[end:]) in dict(functions(ast.parse(module.read_text(encoding="utf-8"))))
        for end, module in enumerate(modules, 1)
        if module.is_file()
    )


def test_a_walk_in_another_order_is_another_walk() -> None:
    assert untrodden(["a", "b"], ["c", "a", "c", "b"]) == []
    assert untrodden(["a", "b"], ["b", "a"]) == ["b"]


@pytest.mark.process
@pytest.mark.timeout(120)
async def test_the_code_goes_where_the_walks_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = frozenset(name for walk in WALKS.values() for name in walk)
    file = tmp_path / "calls"
    monkeypatch.setenv("WALKS_FILE", str(file))
    monkeypatch.setenv("WALKS_WANTED", " ".join(wanted))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]))
    trace, before = Trace(wanted, str(file)), sys.getprofile()
    sys.setprofile(trace)
    try:
        await ask_and_lose_the_hub(tmp_path / "data", trace)
    finally:
        sys.setprofile(before)
    lines = sorted(file.read_text(encoding="utf-8").splitlines(), key=lambda line: int(line.split()[0]))
    calls = [line.split()[1] for line in lines]
    asked, lost = calls.index("ASKED"), calls.index("LOST")
    assert untrodden(WALKS["request"], calls[asked:lost]) == []
    assert untrodden(WALKS["event"], calls[asked:lost]) == []
    assert untrodden(WALKS["reconnect"], calls[lost:]) == []


async def ask_and_lose_the_hub(data: Path, trace: Trace) -> None:
    """Somebody watches; a prompt is answered; in the middle of the answer the hub dies, and there is another."""
    async with hub_process(data) as hub, hub.client() as client:
        session = await client.create_session()
        await session.wait_idle()
        async with aclosing(session.events()) as events:
            await anext(events)
            trace.note("ASKED")
            await session.start(LONG)
            async for event in events:
                if event.type == "text-delta":
                    break
            trace.note("LOST")
            await hub.restart()
            async for event in events:
                if event.type == "text-delta":
                    break


def untrodden(walk: Sequence[str], calls: Sequence[str]) -> list[str]:
    """What is left of a walk after the calls, which may lead elsewhere in between."""
    left = list(walk)
    for call in calls:
        if left and call == left[0]:
            left.pop(0)
    return left
