"""What agents write, read line by line. A golden file says for each line what the newest record tells, and the turn.

`ROOST_TEST_GOLDEN=write` writes the files anew; read the difference before you commit it.
"""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.natives.facts import FACTS, Fact, Kind, facts_of, moment, turn_of

FOLDER = Path(__file__).parents[1] / "golden" / "native"
WRITE = os.environ.get("ROOST_TEST_GOLDEN") == "write"
FILES = {"claude": "claude-code.jsonl", "codex": "codex.jsonl", "gemini": "gemini-cli.jsonl", "pi": "pi.jsonl"}
Record = dict[str, Any]


def recorded(agent: str) -> list[Record]:
    """The recorded session, oldest first."""
    if agent == "opencode":
        with closing(sqlite3.connect(":memory:")) as database:
            database.executescript((FOLDER / "opencode.sql").read_text(encoding="utf-8"))
            rows = database.execute("SELECT data, time_updated FROM message ORDER BY time_created, id").fetchall()
        return [msgspec.json.decode(data) | {"time_updated": at} for data, at in rows]
    return [msgspec.json.decode(line) for line in (FOLDER / FILES[agent]).read_bytes().splitlines()]


def read(agent: str, records: Iterable[Record]) -> list[Fact]:
    """Oldest first in, newest first out."""
    return list(facts_of(agent, reversed(list(records))))


def told(agent: str) -> str:
    """A line for each record: what a reader that comes just after it sees."""
    records, lines = recorded(agent), list[str]()
    for number in range(1, len(records) + 1):
        facts = read(agent, records[:number])
        turn = turn_of(facts)
        newest = f"{facts[0].kind} ({facts[0].evidence})" if facts else "-"
        lines.append(f"{number:>3} {newest:<34} turn {turn.kind if turn else '-'}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("agent", sorted(FACTS))
def test_a_recorded_session_is_understood_at_every_line(agent: str) -> None:
    golden = FOLDER / f"{agent}.facts.txt"
    if WRITE:
        golden.write_text(told(agent), encoding="utf-8")
    assert told(agent) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("agent", sorted(FACTS))
def test_every_recorded_fact_has_a_time(agent: str) -> None:
    assert [fact for fact in read(agent, recorded(agent)) if fact.at is None] == []


@pytest.mark.parametrize(
    ("agent", "record", "kind"),
    [
        ("claude", {"type": "permission_request"}, Kind.ASKING),
        ("claude", {"type": "error"}, Kind.TROUBLE),
        ("claude", {"type": "system", "subtype": "api_error"}, Kind.TROUBLE),
        ("claude", {"type": "system", "subtype": "turn_duration"}, Kind.QUIET),
        ("claude", {"type": "summary"}, Kind.QUIET),
        ("claude", {"type": "result"}, Kind.QUIET),
        ("claude", {"type": "tool_use"}, Kind.STIR),
        ("claude", {"type": "progress"}, Kind.STIR),
        ("claude", {"type": "of tomorrow"}, Kind.STIR),
        ("claude", {"type": "user", "message": {"content": "go"}}, Kind.WORKING),
        ("claude", {"type": "user", "message": {"content": "<command-name>/clear"}}, Kind.STIR),
        ("claude", {"type": "user", "isMeta": True, "message": {"content": "Caveat"}}, Kind.STIR),
        (
            "claude",
            {"type": "user", "message": {"content": "[Request interrupted by user for tool use]"}},
            Kind.STOPPED,
        ),
        ("claude", {"type": "assistant", "message": {"content": "done", "stop_reason": "end_turn"}}, Kind.DONE),
        ("claude", {"type": "assistant", "message": {"content": "I will", "stop_reason": "tool_use"}}, Kind.WORKING),
        ("claude", {"type": "assistant", "isSidechain": True, "message": {"content": "found"}}, Kind.STIR),
        ("claude", {"type": "assistant", "isApiErrorMessage": True}, Kind.FAILED),
        ("codex", {"type": "exec_approval_request"}, Kind.ASKING),
        ("codex", {"type": "event_msg", "payload": {"type": "apply_patch_approval_request"}}, Kind.ASKING),
        ("codex", {"type": "event_msg", "payload": {"type": "stream_error"}}, Kind.TROUBLE),
        ("codex", {"type": "event_msg", "payload": {"type": "task_complete", "error": {"message": "no"}}}, Kind.FAILED),
        ("codex", {"type": "event_msg", "payload": {"type": "task_complete", "error": None}}, Kind.DONE),
        ("codex", {"type": "event_msg", "payload": {}}, Kind.QUIET),
        ("codex", {"type": "compacted", "payload": {"message": "short"}}, Kind.QUIET),
        ("codex", {"type": "turn_context", "payload": {}}, Kind.STIR),
        ("codex", {"type": "response_item", "payload": {"type": "function_call"}}, Kind.STIR),
        ("pi", {"type": "message", "message": {"role": "assistant", "stopReason": "length"}}, Kind.DONE),
        ("pi", {"type": "compaction"}, Kind.QUIET),
        ("gemini", {"id": "1", "type": "error", "content": "no"}, Kind.FAILED),
        ("opencode", {"role": "assistant", "time": {"created": 1}}, Kind.WORKING),
        ("opencode", {"role": "assistant", "time": {"completed": 2}, "finish": "tool-calls"}, Kind.WORKING),
        ("opencode", {"role": "assistant", "error": {"name": "ProviderAuthError"}}, Kind.FAILED),
    ],
)
def test_a_record_says(agent: str, record: Record, kind: Kind) -> None:
    assert [fact.kind for fact in facts_of(agent, [record])] == [kind]


BOOKKEEPING = (
    "agent-color", "agent-name", "ai-title", "attachment", "custom-title", "file-history-snapshot", "last-prompt",
    "permission-mode", "pr-link", "queue-operation",
)  # fmt: skip


@pytest.mark.parametrize("name", BOOKKEEPING)
def test_bookkeeping_of_claude_is_passed_over(name: str) -> None:
    done = {"type": "assistant", "message": {"content": "done", "stop_reason": "end_turn"}}
    assert [fact.kind for fact in facts_of("claude", [{"type": name}, done])] == [Kind.DONE]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_795_160_172_475, 1_795_160_172_475),
        ("1795160172475", 1_795_160_172_475),
        ("2026-11-20T07:36:12.475Z", 1_795_160_172_475),
        ("yesterday", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_a_time_is_a_number_its_digits_or_an_iso_date(value: Any, expected: int | None) -> None:
    assert moment(value) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ("type", "payload", "message", "content", "id", "$set", "messages", "timestamp", "role", "error", "time", "text")
)
TYPES = st.sampled_from(("user", "assistant", "system", "message", "event_msg", "gemini", "task_complete"))
RECORDS = st.lists(st.dictionaries(KEYS, JSON | TYPES | st.dictionaries(KEYS, JSON | TYPES, max_size=3)), max_size=4)


@given(st.sampled_from(sorted(FACTS)), RECORDS)
def test_no_record_is_too_strange_to_be_read(agent: str, records: list[Record]) -> None:
    assert all(isinstance(fact.kind, Kind) for fact in facts_of(agent, records))
