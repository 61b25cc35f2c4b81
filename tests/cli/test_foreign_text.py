"""What an agent or another user wrote, in a terminal: it is seen, it commands nothing, and columns stay columns."""

import re
from collections.abc import AsyncIterator

import pytest

from roost.cli.words import cells
from roost.client import AsyncClient, AsyncSession
from roost.testing import RunningHub, take
from tests.cli.conftest import Roost
from tests.cli.terminal import CTRL_C, terminal
from tests.fire.watch import script

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e 日本語 e\u0301👍"
"""Sets the title, clears the screen, colours, turns the text around; then wide and combined characters."""
COMMANDS = (
    "ls", "show", "watch --once", "messages", "todos", "replay", "ls-files", "cat evil.txt", "artifacts report",
    "show --json", "replay --json",
)  # fmt: skip
ALLOWED = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[hl]|\x1b\[2K|\x1b\[1A|\r|\n|\t")
"""Colours, and what progress is made of."""


@pytest.fixture(scope="module")
async def session(hub: RunningHub) -> AsyncIterator[AsyncSession]:
    """Everything in it is evil."""
    steps = (
        {"text": EVIL},
        {"todos": [EVIL]},
        {"write": {"path": "evil.txt", "content": EVIL}},
        {"write": {"path": f"{EVIL}\n\t", "content": "x"}},
        {"artifact": {"key": "report", "text": EVIL}},
    )
    asks = {"question": {"question": EVIL, "options": ['$(reboot) "`reboot`', EVIL]}}
    async with hub.client() as client:
        made = await client.create_session(task=script(*steps), label=EVIL, tags=[EVIL])
        await made.wait_idle()
        accepted = await made.start(script(asks))
        await take(made.events(after=accepted.seq, until="question-asked"), 100)
        yield made


def check(shown: str) -> None:
    left = ALLOWED.sub("", shown)
    assert "日本語" in left
    assert {char for char in left if not char.isprintable()} == set()


@pytest.mark.parametrize("command", COMMANDS)
async def test_foreign_text_is_seen_and_commands_nothing(command: str, roost: Roost, session: AsyncSession) -> None:
    name, *rest = command.split()
    named = [] if name in ("ls", "watch") else [session.id]
    async with terminal(name, *named, *rest, environment=roost.environment(), folder=roost.folder, columns=200) as tty:
        assert await tty.end() == 0
        check(tty.raw.decode())


async def test_a_followed_session_shows_answers_that_are_safe_to_copy(roost: Roost, session: AsyncSession) -> None:
    async with terminal("attach", session.id, environment=roost.environment(), folder=roost.folder, rows=60) as tty:
        await tty.until("refuse it")
        tty.press(CTRL_C)
        await tty.end()
        check(tty.raw.decode())
        assert f"roost answer {session.id[-12:]} '$(reboot) \"`reboot`'" in tty.screen


async def test_columns_are_columns_whatever_is_in_them(
    roost: Roost, client: AsyncClient, session: AsyncSession
) -> None:
    plain = await client.create_session(label="plain")
    async with terminal("ls", environment=roost.environment(), folder=roost.folder, columns=200) as tty:
        assert await tty.end() == 0
        head, *rows = tty.screen.splitlines()
    starts = {cells(row[: min(row.find(mark) for mark in "~/" if mark in row)]) for row in rows}
    assert starts == {cells(head[: head.index("FOLDER")])}
    assert {row.split()[0] for row in rows} == {plain.id[-12:], session.id[-12:]}
