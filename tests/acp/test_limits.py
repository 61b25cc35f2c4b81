"""How large what an agent asks for may be."""

from pathlib import Path

import msgspec
import pytest
from acp.exceptions import RequestError

from roost.drivers.acp.files import MAX_FILE_BYTES, read_text_file
from roost.drivers.acp.reports import ARTIFACTS, FOLDER, GOAL, MAX_ARTIFACTS, MAX_GOAL_BYTES, _decoded, _found
from roost.drivers.acp.tools import MAX_WORDS_CHARS, AskQuestion


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
