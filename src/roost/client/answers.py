"""Answers that are shapes of the wire alone, and what a hub's refusals become on this side."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
from msgspec import UNSET, Struct, UnsetType

from roost.model.agents import Agent as Agent
from roost.model.agents import AgentList as AgentList
from roost.model.envelope import Event
from roost.model.errors import RoostError, error_from
from roost.model.events import Failure, Todo, Tokens
from roost.model.ids import MessageId, Pos, RunId, Seq, SessionId
from roost.model.info import Participant
from roost.model.messages import Message, Part
from roost.model.stored import AuditEntry, FeedEntry


class SequenceBroken(RoostError):
    """The hub sent an event twice or left one out. This is a fault of the hub; please report it."""

    code = "sequence_broken"


class EventPage(Struct, frozen=True, kw_only=True):
    """Events after a cursor. `head`: the last seq there is. `ended`: nothing may follow these."""

    events: tuple[Event, ...]
    head: Seq
    ended: bool = False


class FeedPage(Struct, frozen=True, kw_only=True):
    """Entries of the hub feed that may be seen, up to `pos`: go on there. `head`: the last pos there is."""

    entries: tuple[FeedEntry, ...]
    pos: Pos
    head: Pos


class AuditPage(Struct, frozen=True, kw_only=True):
    """What people and programs did, up to `pos`: go on there."""

    entries: tuple[AuditEntry, ...]
    pos: Pos


class RunEventPage(Struct, frozen=True, kw_only=True):
    """Events of one run. `after`: where to go on; `ended`: these are the last."""

    events: tuple[Event, ...]
    after: Seq
    ended: bool


class TodoList(Struct, frozen=True):
    todos: tuple[Todo, ...]


class ParticipantList(Struct, frozen=True):
    participants: tuple[Participant, ...]


class MessageList(Struct, frozen=True):
    messages: tuple[Message, ...]


class SendResult(Struct, frozen=True, kw_only=True):
    """How a run ended, as `AsyncSession.send` gives it.

    `message_id`: the last assistant message, if there was one. `text`: its text parts, joined; `parts`: all of it.
    `tokens` and `cost` (US dollars) sum the run's steps, those of sub-agents too. `error`: absent after `run-complete`;
    its `code` is `aborted` after `run-aborted`. `seq`: the run's end, a cursor to go on from.
    """

    session: SessionId
    run: RunId
    seq: Seq
    text: str
    message_id: MessageId | UnsetType = UNSET
    parts: tuple[Part, ...] = ()
    tokens: Tokens = Tokens()
    cost: float = 0.0
    error: Failure | UnsetType = UNSET


_NOT_DETAILS = frozenset({"type", "title", "status", "detail", "code", "instance", "message", "id"})


def problem(response: httpx.Response) -> RoostError:
    """The error that this answer stands for. Its body must have been read."""
    try:
        said: Any = msgspec.json.decode(response.content)
    except msgspec.MsgspecError:
        said = None
    if not isinstance(said, dict) or "code" not in said:
        return error_from(f"http_{response.status_code}", f"{response.url} answered {response.status_code}")
    return refusal_of({str(name): value for name, value in said.items()})  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # JSON


def refusal_of(fields: Mapping[str, Any]) -> RoostError:
    """The error that a problem stands for, in an answer or in a frame of a socket."""
    message = str(fields.get("detail") or fields.get("title") or "")
    return error_from(str(fields["code"]), message, {k: v for k, v in fields.items() if k not in _NOT_DETAILS})
