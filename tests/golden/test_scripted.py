"""What each kind of step says, line by line. A golden file holds the prompt, then the events, ids in order of use.

`ROOST_TEST_GOLDEN=write` writes the files anew; read the difference before you commit it.
"""

import json
import os
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.drivers.scripted.driver import ScriptedDriver
from roost.drivers.scripted.say import MAX_ECHO_DELTAS, DeltaPress, words
from roost.drivers.scripted.script import Deltas
from roost.model.envelope import decode_body, encode_body
from roost.model.errors import RoostError
from roost.model.events import PermissionAsked, PermissionReplied, TextDelta, TextInput
from roost.model.ids import MessageId, PartId
from tests.contract.turns import MemoryTurn

FOLDER = Path(__file__).parent / "scripted"
WRITE = os.environ.get("ROOST_TEST_GOLDEN") == "write"
_ID = re.compile(r"\b(msg|part|call|req)_[0-9a-f]{16}\b")


def named(line: str, names: dict[str, str]) -> str:
    """The same with ids numbered in the order in which they appear."""

    def name(found: re.Match[str]) -> str:
        kind = found[1]
        known = sum(given.startswith(f"{kind}_") for given in names.values())
        return names.setdefault(found[0], f"{kind}_{known + 1}")

    return _ID.sub(name, line)


def answer(asked: PermissionAsked) -> PermissionReplied:
    """`ls` may run, `rm` is answered with a word, everything else rejected."""
    if asked.permission == "ls":
        return PermissionReplied(request=asked.request, reply="once")
    if asked.permission == "rm":
        return PermissionReplied(request=asked.request, reply="reject", message="use trash")
    return PermissionReplied(request=asked.request, reply="reject")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
async def test_a_script_says_exactly_this(path: Path, tmp_path: Path) -> None:
    head, *expected = path.read_text(encoding="utf-8").splitlines()
    given = json.loads(head)
    turn = MemoryTurn(given["prompt"], tmp_path, permit=answer)
    turn.joining = [(TextInput(text=text),) for text in given.get("joining", [])]
    try:
        result = await ScriptedDriver().run(turn)
        end = {"result": json.loads(encode(result))}
    except RoostError as error:
        end = {"error": error.code, "message": error.message}
    names: dict[str, str] = {}
    lines = [named(encode_body(body).decode(), names) for body in turn.said]
    lines.append(named(json.dumps(end, ensure_ascii=False), names))
    if WRITE:
        path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    assert lines == expected


def test_a_stamped_delta_carries_the_time_and_its_number_beside_the_text() -> None:
    deltas = Deltas(count=2, bytes=12, stamp=True)
    press = DeltaPress(deltas, MessageId("msg_1"), PartId("part_1"))
    first, second = press.print(0, 2, 123_456_789)
    assert first.endswith(b',"delta":"00000000....","T":"0000000000123456789 0000000000"}')
    assert second.endswith(b',"delta":"00000001....","T":"0000000000123456789 0000000001"}')
    body = decode_body(second)
    assert isinstance(body, TextDelta)
    assert (body.delta, body.stamp) == ("00000001....", "0000000000123456789 0000000001")


@given(st.text(max_size=3000))
def test_an_echo_in_pieces_is_the_text(text: str) -> None:
    assert "".join(words(text)) == text
    assert len(words(text)) <= MAX_ECHO_DELTAS


def encode(result: object) -> bytes:
    return msgspec.json.encode(result)
