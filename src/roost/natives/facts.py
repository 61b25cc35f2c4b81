"""What each record of an agent says about its turn: one table per agent. Pure.

Records come newest first, as `records.backwards` gives them. The rules are those of docs/explanation/activity.md, where
each agent has a table; the recordings in tests/golden/native hold them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, cast

from msgspec import Struct

from roost.natives.records import Record


class Kind(StrEnum):
    """What a record says. The first five decide how the turn stands; the others leave that open."""

    WORKING = "working"
    """The turn goes on."""
    DONE = "done"
    STOPPED = "stopped"
    """A person has interrupted it."""
    FAILED = "failed"
    ASKING = "asking"
    """It waits for a person. Agents keep no such record today; older ones did."""
    TROUBLE = "trouble"
    """Something failed; the agent may try again by itself."""
    STIR = "stir"
    """Something happens, or this record is unknown."""
    QUIET = "quiet"
    """Nothing that is work."""
    SKIP = "skip"
    """Bookkeeping: it is as if it were not there."""


DECIDES: Final = frozenset((Kind.WORKING, Kind.DONE, Kind.STOPPED, Kind.FAILED, Kind.ASKING))


class Fact(Struct, frozen=True):
    """A record, read. `at`: its own time, in ms; None: it has none. `evidence`: which record it is."""

    kind: Kind
    at: int | None
    evidence: str


Read = Kind | Callable[[Record], Kind]
"""What a type of record says; or what tells it from the whole record."""


def facts_of(agent: str, records: Iterable[Record]) -> Iterator[Fact]:
    """Newest first, without bookkeeping. Raises: KeyError: the records of this agent are not known."""
    return (fact for fact in FACTS[agent](records) if fact.kind is not Kind.SKIP)


def turn_of(facts: Iterable[Fact]) -> Fact | None:
    """How the last turn stands, however old that is: the newest fact that decides it. None: nothing decides it."""
    return next((fact for fact in facts if fact.kind in DECIDES), None)


def moment(value: Any) -> int | None:
    """Milliseconds, also in a string, or a time of ISO 8601. None: none of these."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, str):
        try:
            return int(value) if value.isdecimal() else int(datetime.fromisoformat(value).timestamp() * 1000)
        except (ValueError, OverflowError, OSError):
            return None
    return None


def _read(name: str, record: Record, table: Mapping[str, Read], at: Any) -> Fact:
    read = table.get(name, Kind.STIR)
    return Fact(read if isinstance(read, Kind) else read(record), moment(at), name)


def _within(record: Record, *keys: str) -> Any:
    """The value down there; None: there is none."""
    value: Any = record
    for key in keys:
        value = cast(Record, value).get(key) if isinstance(value, dict) else None
    return value


def _pieces(content: Any) -> Iterator[Record]:
    """The parts of a message; plain text is one part."""
    parts: list[Any] = cast(list[Any], content) if isinstance(content, list) else [{"type": "text", "text": content}]
    return (cast(Record, part) for part in parts if isinstance(part, dict))


# --- Claude Code ------------------------------------------------------------------------------------------------------

INTERRUPTED: Final = "[Request interrupted by user"
LOCAL: Final = ("<command-name>", "<local-command")
"""A command of the terminal itself: no turn begins with it."""


def _claude_user(record: Record) -> Kind:
    texts = [str(piece.get("text", "")) for piece in _pieces(_within(record, "message", "content"))]
    if any(text.startswith(INTERRUPTED) for text in texts):
        return Kind.STOPPED
    aside = bool(record.get("isMeta")) or any(text.startswith(LOCAL) for text in texts)
    return Kind.STIR if aside or record.get("isSidechain") else Kind.WORKING


def _claude_assistant(record: Record) -> Kind:
    if record.get("isApiErrorMessage"):
        return Kind.FAILED
    if record.get("isAbortedMidStream"):
        return Kind.STOPPED
    if record.get("isSidechain"):
        return Kind.STIR  # of a sub-agent, whose end is not the end of the turn
    calls = any(piece.get("type") == "tool_use" for piece in _pieces(_within(record, "message", "content")))
    return Kind.WORKING if calls or _within(record, "message", "stop_reason") == "tool_use" else Kind.DONE


CLAUDE: Final[Mapping[str, Read]] = {
    "user": _claude_user,
    "assistant": _claude_assistant,
    "tool_use": Kind.STIR,
    "progress": Kind.STIR,
    "system": lambda record: Kind.TROUBLE if record.get("subtype") == "api_error" else Kind.QUIET,
    "summary": Kind.QUIET,
    "result": Kind.QUIET,
    "permission_request": Kind.ASKING,
    "error": Kind.TROUBLE,
    **dict.fromkeys(
        (
            "agent-color", "agent-name", "ai-title", "api-request", "api-request-blob", "api-request-shape",
            "atis-latch", "attachment", "cost-state", "custom-title", "file-history-snapshot", "last-prompt",
            "permission-mode", "pr-link", "queue-operation", "tools-used",
        ),
        Kind.SKIP,
    ),
}  # fmt: skip


def _claude(records: Iterable[Record]) -> Iterator[Fact]:
    return (_read(str(record.get("type")), record, CLAUDE, record.get("timestamp")) for record in records)


# --- Codex ------------------------------------------------------------------------------------------------------------

CODEX: Final[Mapping[str, Read]] = {
    "task_started": Kind.WORKING,
    "task_complete": lambda record: Kind.FAILED if _within(record, "payload", "error") else Kind.DONE,
    "turn_aborted": Kind.STOPPED,
    **dict.fromkeys(("approval_request", "exec_approval_request", "apply_patch_approval_request"), Kind.ASKING),
    **dict.fromkeys(("error", "stream_error"), Kind.TROUBLE),
    **dict.fromkeys(
        ("agent_message", "assistant_message", "compacted", "event_msg", "session_meta", "token_count"), Kind.QUIET
    ),
    "thread_settings_applied": Kind.SKIP,  # follows the end of each turn
}


def _codex(records: Iterable[Record]) -> Iterator[Fact]:
    """A record is flat, or wrapped in `payload`, whose type then counts."""
    for record in records:
        name = _within(record, "payload", "type") or record.get("type")
        yield _read(str(name), record, CODEX, record.get("timestamp"))


# --- Pi ---------------------------------------------------------------------------------------------------------------

PI_STOPS: Final = {"toolUse": Kind.WORKING, "aborted": Kind.STOPPED, "error": Kind.FAILED}
PI: Final[Mapping[str, Read]] = {
    "user": Kind.WORKING,
    "toolResult": Kind.WORKING,
    "assistant": lambda record: PI_STOPS.get(str(_within(record, "message", "stopReason")), Kind.DONE),
    "system": Kind.QUIET,
    **dict.fromkeys(
        ("branch_summary", "compaction", "custom", "label", "model_change", "session", "session_info",
         "thinking_level_change"),
        Kind.QUIET,
    ),
}  # fmt: skip


def _pi(records: Iterable[Record]) -> Iterator[Fact]:
    for record in records:
        name = _within(record, "message", "role") if record.get("type") == "message" else record.get("type")
        yield _read(str(name), record, PI, record.get("timestamp"))


# --- Gemini CLI -------------------------------------------------------------------------------------------------------

CONTEXT: Final = "<session_context>"


def _gemini_user(record: Record) -> Kind:
    texts = (str(piece.get("text", "")) for piece in _pieces(record.get("content")))
    return Kind.QUIET if any(text.startswith(CONTEXT) for text in texts) else Kind.WORKING


def _gemini_model(record: Record) -> Kind:
    """A reply that calls a tool is written down twice: at first without the call, and without a word."""
    pieces = list(_pieces(record.get("content")))
    calls = record.get("toolCalls") or any("functionCall" in piece for piece in pieces)
    says = any(piece.get("text") for piece in pieces)
    return Kind.WORKING if calls or not says else Kind.DONE


GEMINI: Final[Mapping[str, Read]] = {
    "user": _gemini_user,
    "gemini": _gemini_model,
    "error": Kind.FAILED,
    "info": Kind.SKIP,
    "warning": Kind.SKIP,
}


def _gemini(records: Iterable[Record]) -> Iterator[Fact]:
    """History is rewritten: `$set.messages` replaces all before it, and a message with a known id its first version."""
    later = list[Record]()
    kept: list[Any] = []
    for record in records:
        if isinstance(whole := _within(record, "$set", "messages"), list):
            kept = cast(list[Any], whole)
            break
        if "id" in record and "type" in record:
            later.append(record)
    first = (cast(Record, message) for message in kept if isinstance(message, dict))
    messages = {str(message.get("id")): message for message in first}
    for record in reversed(later):
        messages[str(record["id"])] = record
    for message in reversed(messages.values()):
        yield _read(str(message.get("type")), message, GEMINI, message.get("timestamp"))


# --- opencode ---------------------------------------------------------------------------------------------------------


def _opencode_assistant(record: Record) -> Kind:
    if record.get("error"):
        return Kind.STOPPED if _within(record, "error", "name") == "MessageAbortedError" else Kind.FAILED
    over = _within(record, "time", "completed") is not None and record.get("finish") != "tool-calls"
    return Kind.DONE if over else Kind.WORKING


OPENCODE: Final[Mapping[str, Read]] = {"user": Kind.WORKING, "assistant": _opencode_assistant}


def _opencode(records: Iterable[Record]) -> Iterator[Fact]:
    """A record is the `data` of a row of `message`, and its `time_updated`."""
    return (_read(str(record.get("role")), record, OPENCODE, record.get("time_updated")) for record in records)


FACTS: Final[Mapping[str, Callable[[Iterable[Record]], Iterator[Fact]]]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "pi": _pi,
}
