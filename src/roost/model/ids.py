"""Identifiers. Every id is an opaque string to its reader; only this module knows how one is made."""

from secrets import token_hex
from typing import NewType

SessionId = NewType("SessionId", str)
RunId = NewType("RunId", str)
MessageId = NewType("MessageId", str)
PartId = NewType("PartId", str)
RequestId = NewType("RequestId", str)
TaskId = NewType("TaskId", str)

Seq = int
"""Position of an event in its session's log: from 1, without holes."""
Pos = int
"""Position of a fact in the hub-wide feed: rising, never reused, not contiguous."""
Epoch = int
"""Fencing number of a session's writer. It only rises."""


def new_session_id() -> SessionId:
    return SessionId(f"codesess_{token_hex(6)}")


def new_run_id() -> RunId:
    return RunId(f"run_{token_hex(8)}")


def new_message_id() -> MessageId:
    return MessageId(f"msg_{token_hex(8)}")


def new_part_id() -> PartId:
    return PartId(f"part_{token_hex(8)}")


def new_request_id() -> RequestId:
    return RequestId(f"req_{token_hex(8)}")


def new_task_id() -> TaskId:
    return TaskId(f"task_{token_hex(8)}")


def new_loop_id() -> str:
    return f"loop_{token_hex(8)}"


def full_id(session: str) -> SessionId:
    """Of an id that was given in full, or short."""
    return SessionId(session if session.startswith("codesess_") else f"codesess_{session}")


def short_id(session: SessionId) -> str:
    """The part of a session id that people type and that names its branch and folders."""
    return session.removeprefix("codesess_")
