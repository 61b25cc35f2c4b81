"""How large what an agent asks for may be."""

from pathlib import Path

import anyio
import msgspec
import pytest
from acp.exceptions import RequestError

from roost.drivers.acp.exchange import MAX_ASKED_BYTES, Exchange
from roost.drivers.acp.files import MAX_FILE_BYTES, read_text_file
from roost.drivers.acp.reports import ARTIFACTS, FOLDER, GOAL, MAX_ARTIFACTS, MAX_GOAL_BYTES, _decoded, _found
from roost.drivers.acp.terminals import MAX_TERMINALS, Terminals
from roost.drivers.acp.tools import MAX_WORDS_CHARS, AskQuestion
from roost.model.events import PermissionAsked, PermissionReplied
from tests.contract.turns import MemoryTurn, permit_once


async def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    asked = {"path": str(file), "sessionId": "s"}
    for size in (MAX_FILE_BYTES, MAX_FILE_BYTES + 1):
        with file.open("wb") as out:
            out.truncate(size)
        if size > MAX_FILE_BYTES:
            with pytest.raises(RequestError):
                await read_text_file(tmp_path, asked)
        else:
            assert len((await read_text_file(tmp_path, asked))["content"]) == size


def test_a_verdict_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    verdict = b'{"status":"complete"}'.ljust(MAX_GOAL_BYTES)
    for content, read in ((verdict, {"status": "complete"}), (verdict + b" ", f"over {MAX_GOAL_BYTES} bytes")):
        (tmp_path / FOLDER / GOAL).write_bytes(content)
        goal, _ = _found(tmp_path)
        assert goal is not None and _decoded(goal) == read


def test_so_many_files_are_published_at_a_time(tmp_path: Path) -> None:
    place = tmp_path / FOLDER / ARTIFACTS
    place.mkdir(parents=True)
    names = [f"{number:03}" for number in range(MAX_ARTIFACTS + 1)]
    for name in names:
        (place / name).touch()
    assert _found(tmp_path) == (None, names[:-1])  # the rest the next time


def test_a_question_has_so_many_characters_and_no_more() -> None:
    asked = {"question": "x" * MAX_WORDS_CHARS, "options": ["x" * MAX_WORDS_CHARS]}
    assert msgspec.convert(asked, AskQuestion).question == asked["question"]
    for name, more in (("question", "x" * (MAX_WORDS_CHARS + 1)), ("options", ["x" * (MAX_WORDS_CHARS + 1)])):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(asked | {name: more}, AskQuestion)


async def test_a_permission_is_asked_up_to_its_limit(tmp_path: Path) -> None:
    sizes: list[int] = []

    def permit(asked: PermissionAsked) -> PermissionReplied:
        sizes.append(len(msgspec.json.encode(asked)))
        return permit_once(asked)

    async def ask(padding: int) -> None:
        option = {"optionId": "o", "kind": "allow_once", "name": "x" * padding}
        asked = {"sessionId": "s", "toolCall": {"toolCallId": "c", "title": "look"}, "options": [option]}
        assert await exchange.asked("session/request_permission", asked) == chosen

    chosen = {"outcome": {"outcome": "selected", "optionId": "o"}}
    async with anyio.create_task_group() as tasks:
        exchange = Exchange(MemoryTurn("x", tmp_path, permit=permit), tasks, "agent")
        await ask(0)
        rest = MAX_ASKED_BYTES - sizes[0]
        await ask(rest)
        with pytest.raises(RequestError):
            await ask(rest + 1)
    assert sizes[1:] == [MAX_ASKED_BYTES]


async def test_an_agent_has_so_many_terminals_until_it_releases_one(tmp_path: Path) -> None:
    async def printed(terminal: str, text: str) -> None: ...

    asked = {"sessionId": "s", "command": "true"}
    async with anyio.create_task_group() as tasks:
        terminals = Terminals(MemoryTurn("x", tmp_path), tasks, printed)
        names = [(await terminals.asked("terminal/create", asked))["terminalId"] for _ in range(MAX_TERMINALS)]
        with pytest.raises(RequestError):
            await terminals.asked("terminal/create", asked)
        await terminals.asked("terminal/release", {"sessionId": "s", "terminalId": names[0]})
        assert (await terminals.asked("terminal/create", asked))["terminalId"] not in names
