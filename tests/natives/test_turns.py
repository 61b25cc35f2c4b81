"""How the turn stands that an agent was told to begin, by its own records."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from roost.natives.facts import Kind
from roost.natives.places import Homes, claude_slug, homes_of
from roost.natives.turns import Turns

BEGAN = 1_700_000_000_000
"""Long ago: every file of a test has changed since."""


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    return homes_of({"HOME": str(tmp_path)})


def write(homes: Homes, folder: Path, name: str, *kinds: str, at: int = BEGAN + 1) -> None:
    """Claude Code writes down that it was told something, or that it is done."""
    time = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    path = homes.claude / "projects" / claude_slug(str(folder)) / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for kind in kinds:
            record: dict[str, Any] = {"type": kind, "cwd": str(folder), "timestamp": time, "message": {"content": "x"}}
            file.write(json.dumps(record) + "\n")


def status(homes: Homes, said: str, **more: object) -> None:
    folder = homes.claude / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "7.json").write_text(json.dumps({"status": said, "procStart": "1", **more}), encoding="utf-8")


def kind(turns: Turns, births: dict[int, str] | None = None) -> Kind | None:
    fact = turns.look(births)
    return fact and fact.kind


def test_a_turn_goes_on_until_its_records_say_that_it_is_over(homes: Homes, tmp_path: Path) -> None:
    turns = Turns("claude", homes, tmp_path)
    turns.begin(BEGAN)
    assert kind(turns) is None
    write(homes, tmp_path, "s1", "user")
    assert kind(turns) is Kind.WORKING
    write(homes, tmp_path, "s1", "attachment", "assistant")
    assert kind(turns) is Kind.DONE


def test_what_was_written_before_is_of_an_older_turn(homes: Homes, tmp_path: Path) -> None:
    write(homes, tmp_path, "s1", "user", "assistant", at=BEGAN - 1)
    turns = Turns("claude", homes, tmp_path)
    turns.begin(BEGAN)
    assert kind(turns) is None
    write(homes, tmp_path, "s1", "user")
    assert kind(turns) is Kind.WORKING


def test_of_two_sessions_that_change_none_is_believed_unless_the_agent_names_its_own(
    homes: Homes, tmp_path: Path
) -> None:
    write(homes, tmp_path, "s1", "user", "assistant")
    write(homes, tmp_path, "s2", "user")
    turns = Turns("claude", homes, tmp_path)
    turns.begin(BEGAN)
    assert kind(turns) is None
    status(homes, "idle", sessionId="s2")
    assert kind(turns, {7: "1"}) is Kind.WORKING
    write(homes, tmp_path, "s3", "user", "assistant")
    assert kind(turns) is Kind.WORKING, "one that was found is kept"
    turns.begin(BEGAN)
    assert kind(turns) is None


def test_what_claude_waits_for_is_known_from_its_status_alone(homes: Homes, tmp_path: Path) -> None:
    write(homes, tmp_path, "s1", "user")
    turns = Turns("claude", homes, tmp_path)
    turns.begin(BEGAN)
    status(homes, "waiting", waitingFor="permission prompt")
    assert (kind(turns, {7: "1"}), kind(turns, {7: "2"}), kind(turns)) == (Kind.ASKING, Kind.WORKING, Kind.WORKING)


def test_an_agent_without_records_or_with_strange_ones_tells_nothing(homes: Homes, tmp_path: Path) -> None:
    for agent in ("somebody", "pi", "opencode"):
        turns = Turns(agent, homes, tmp_path)
        turns.begin(BEGAN)
        assert kind(turns) is None
    homes.opencode.parent.mkdir(parents=True)
    with closing(sqlite3.connect(homes.opencode)) as database:
        database.execute("CREATE TABLE of_tomorrow (id)")
    assert kind(turns) is None
