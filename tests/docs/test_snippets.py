"""What the pages show is run, or checked by its content, or says why neither is possible."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import pytest
from msgspec import Struct

from roost.cli.config import read_settings
from roost.client.sse import SseParser
from roost.drivers.scripted.script import is_script, read_script
from roost.link.spool import read_spool
from roost.model import commands, info, messages, record, snapshot, stored
from roost.model.envelope import Unknown, decode_body, decode_event
from roost.testing.leaving import end_hosts
from tests.docs.pages import Snippet, page_names, snippets
from tests.docs.reader import Reader

EVERY: Final = [snippet for page in page_names() for snippet in snippets(page)]
RUN: Final = ("sh", "console", "python")
READ: Final = sorted({snippet.page for snippet in EVERY if snippet.language in RUN and snippet.why_not is None})
MODULES: Final[tuple[ModuleType, ...]] = (commands, info, messages, record, snapshot, stored)


def named(snippet: Snippet) -> str:
    return snippet.place


# --- run --------------------------------------------------------------------------------------------------------------


@pytest.mark.fire
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", READ)
async def test_who_does_what_a_page_says_gets_what_it_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(tmp_path, in_clone=page in ("README.md", "CONTRIBUTING.md"))
    monkeypatch.setenv("ROOST_DATA", str(reader.data))
    try:
        for snippet in snippets(page):
            if snippet.why_not is None:
                await reader.reads(snippet)
    finally:
        await reader.leaves()
        await end_hosts(reader.data)


# --- checked ----------------------------------------------------------------------------------------------------------


def check_json(snippet: Snippet, folder: Path) -> None:
    wanted = snippet.marks.get("type")
    if wanted == "spool":
        file = folder / "spool"
        file.write_text(snippet.text)
        read_spool(file)
    elif wanted is not None:
        kinds: list[Any] = [vars(module)[wanted] for module in MODULES if wanted in vars(module)]
        assert kinds, f"{snippet.place}: there is no type {wanted}"
        msgspec.json.decode(snippet.text, type=strict(kinds[0]))
    else:
        check_event(snippet)


def check_event(snippet: Snippet) -> None:
    """JSON without a `type` mark is an event, or the body of one."""
    said: Any = msgspec.json.decode(snippet.text)
    body = decode_event(snippet.text).body if "seq" in said else decode_body(snippet.text.encode())
    assert not isinstance(body, Unknown), f"{snippet.place}: not an event: mark it with its type"


def strict(kind: type[Struct]) -> type[Struct]:
    """The same struct, which refuses fields it does not have."""
    fields = [(field.encode_name, field.type, field.default) for field in msgspec.structs.fields(kind)]
    given = [(name, each) if default is msgspec.NODEFAULT else (name, each, default) for name, each, default in fields]
    return msgspec.defstruct(kind.__name__, given, kw_only=True, forbid_unknown_fields=True)


def check_toml(snippet: Snippet, folder: Path) -> None:
    file = folder / "config.toml"
    file.write_text(snippet.text)
    read_settings(config=file)


def check_sse(snippet: Snippet, _: Path) -> None:
    blocks = list(SseParser().feed((snippet.text + "\n").encode()))
    assert blocks
    for block in blocks:
        assert block.data is not None
        event = decode_event(block.data)
        assert (str(event.seq), event.type) == (block.id, block.event)


def check_script(snippet: Snippet, _: Path) -> None:
    assert is_script(snippet.text)
    read_script(snippet.text)


CHECKS: Final[dict[str, Callable[[Snippet, Path], None]]] = {
    "json": check_json,
    "toml": check_toml,
    "sse": check_sse,
    "script": check_script,
}


@pytest.mark.parametrize(
    "snippet", [each for each in EVERY if each.language in CHECKS and each.why_not is None], ids=named
)
def test_what_a_page_shows_is_valid(snippet: Snippet, tmp_path: Path) -> None:
    CHECKS[snippet.language](snippet, tmp_path)


# --- neither ----------------------------------------------------------------------------------------------------------


def test_every_snippet_is_run_or_checked_or_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    left = [snippet for snippet in EVERY if snippet.language not in (*RUN, *CHECKS) or snippet.why_not is not None]
    with capsys.disabled():
        for snippet in left:
            print(f"\n  not run: {snippet.place} ({snippet.language or 'plain'}): {snippet.why_not}", end="")
    assert [snippet.place for snippet in left if len(snippet.why_not or "") < 10] == []
