"""The conversation as entries: what a client of Coder is shown when it comes late, and as a replay.

A message is several entries: what is said, thought, called and returned, each with the time at which it began. A run
that failed without a word has an entry that says why.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, cast

from msgspec import UNSET, UnsetType

from roost.api.coder import initial, pi
from roost.api.coder.shapes import Shape
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.events import Principal
from roost.model.ids import Seq
from roost.model.messages import FilePart, Message, ReasoningPart, TextPart, ToolPart, decode_message
from roost.model.record import Record, Run
from roost.model.snapshot import Snapshot
from roost.model.unfinished import is_finished

PAGE: Final = 500
MAX_MESSAGES: Final = 500
"""Messages that somebody who comes is given, the newest; the replay has the others."""
ACTORS: Final[dict[str, Literal["user", "api_key", "service"]]] = {
    "user": "user",
    "api-key": "api_key",
    "service": "service",
}
"""Their word for what kind of principal somebody is."""


class Author(Shape, frozen=True, kw_only=True):
    user_id: str
    actor_type: Literal["user", "api_key", "service"]


class Attached(Shape, frozen=True, kw_only=True):
    """A file that was given. What the hub keeps apart has no address that a client could open."""

    type: str
    mime_type: str
    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET


class Entry(Shape, frozen=True, kw_only=True):
    """One thing that was said or done. `timestamp` in ms; `reply_id` is the message, `turn_id` the run."""

    type: Literal[
        "user_prompt", "message", "thinking", "tool_call", "tool_result", "task_result",
        "runtime_status", "runtime_output",
    ]  # fmt: skip
    timestamp: int
    content: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
    turn_id: str | UnsetType = UNSET
    reply_id: str | UnsetType = UNSET
    tool_name: str | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    tool_args: dict[str, Any] | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET
    attachments: tuple[Attached, ...] | UnsetType = UNSET
    author: Author | UnsetType = UNSET
    runtime: dict[str, Any] | UnsetType = UNSET


async def conversation_of(hub: Hub, session: Session) -> list[Entry]:
    """All entries there are, in the order of time."""
    messages: dict[str, Message] = {}
    before, pages = None, list[list[Message]]()
    while stored := await session.messages(before, PAGE):
        pages.append([decode_message(message.data) for message in stored])
        before = stored[0].first
    for page in reversed(pages):
        messages |= {message.info.id: message for message in page}
    snapshot = await session.snapshot()  # after the store: what was finished since then is in both
    messages |= {message.info.id: message for message in snapshot.messages}
    start, runs = None, list[Run]()
    while older := await hub.knowing.runs(session, start, PAGE):
        runs += older
        start = older[-1].start
    return entries_of(list(messages.values()), snapshot, runs)


async def newest_messages(session: Session, snapshot: Snapshot) -> list[Message]:
    """Up to the snapshot, and what of them is open."""
    messages = snapshot.messages
    finished = next((message.info.first for message in messages if is_finished(message)), snapshot.seq + 1)
    stored = await session.messages(finished, max(0, MAX_MESSAGES - len(messages)))
    return [*(decode_message(message.data) for message in stored), *messages]


def entries_of(messages: Sequence[Message], snapshot: Snapshot, runs: Iterable[Run]) -> list[Entry]:
    """The entries of these messages, what became of sub-agents' tasks and of the initial command, and why those of the
    runs failed that were asked for in the messages, in the order of time."""
    record = snapshot.record
    over = [run for run in runs if run.end is not UNSET and run.end <= snapshot.seq]
    placed = [(message.info.first, entry) for message in messages for entry in _entries(message, record)]
    placed += [*_failures(messages, over, record), *_begun(record)]
    placed.sort(key=lambda found: found[0])  # in the order of the log, where they are of one millisecond
    return sorted((*(entry for _, entry in placed), *_results(record)), key=lambda entry: entry.timestamp)


def _entries(message: Message, record: Record) -> Iterator[Entry]:
    info = message.info
    if info.role == "user":
        files = tuple(_attached(part) for part in message.parts if isinstance(part, FilePart))
        yield Entry(
            type="user_prompt",
            timestamp=info.created,
            content=message.text,
            turn_id=info.run,
            reply_id=info.id,
            attachments=files or UNSET,
            author=UNSET if info.by is UNSET else author_of(info.by),
        )
        return
    agent = _agent(message, record)
    about: dict[str, Any] = {"agent": agent, "task_id": info.task, "turn_id": info.run, "reply_id": info.id}
    for part in message.parts:
        match part:
            case TextPart():
                yield Entry(type="message", timestamp=part.start, content=part.text, **about)
            case ReasoningPart():
                yield Entry(type="thinking", timestamp=part.start, content=part.text, **about)
            case ToolPart():
                yield from _tool(part, info.created, about)
            case FilePart():
                yield Entry(type="message", timestamp=info.created, content="", attachments=(_attached(part),), **about)
            case _:
                pass
    if info.error is not UNSET:
        at = info.created if info.completed is UNSET else info.completed
        yield Entry(type="message", timestamp=at, content=info.error.message, is_error=True, **about)


def _agent(message: Message, record: Record) -> str:
    """Who says it: as it says itself, or else whoever has its task, or the session's own agent."""
    info = message.info
    if info.agent is not UNSET:
        return info.agent
    return next((task.agent for task in record.tasks if task.task == info.task), record.agent)


def _tool(part: ToolPart, created: int, about: dict[str, Any]) -> Iterator[Entry]:
    """A call, and what it returned. Before it runs it is being written, and has no time of its own."""
    state = part.state
    begun = created if state.start is UNSET else state.start
    name = "tool" if part.tool is UNSET else part.tool
    given: Any = {} if state.input is UNSET else state.input
    arguments = cast("dict[str, Any]", given) if isinstance(given, dict) else {"input": given}
    about = about | {"tool_name": name, "tool_call_id": part.call}
    yield Entry(type="tool_call", timestamp=begun, tool_args=arguments, **about)
    if state.end is not UNSET:
        failed = state.status == "error"
        yield Entry(type="tool_result", timestamp=state.end, content=pi.returned(state), is_error=failed, **about)


def _results(record: Record) -> Iterator[Entry]:
    for task in record.tasks:
        if task.ended_at is not UNSET:
            yield Entry(
                type="task_result",
                timestamp=task.ended_at,
                content=task.status if task.result is UNSET else task.result,
                agent=task.agent,
                task_id=task.task,
                turn_id=task.run,
                is_error=task.status != "completed",
            )


def _failures(said: Sequence[Message], over: Iterable[Run], record: Record) -> Iterator[tuple[Seq, Entry]]:
    """Why runs failed of which no message says it, with the run's end: their host was lost, or the agent could not even
    start."""
    asked = {message.info.id for message in said}
    explained = {message.info.run for message in said if message.info.error is not UNSET}
    for run in over:
        if run.error is UNSET or run.message not in asked or run.run in explained:
            continue
        if run.end is UNSET or run.ended_at is UNSET:
            continue
        yield (
            run.end,
            Entry(
                type="message",
                timestamp=run.ended_at,
                content=run.error.message,
                agent=record.agent,
                turn_id=run.run,
                is_error=True,
            ),
        )


def _begun(record: Record) -> Iterator[tuple[Seq, Entry]]:
    """The command that the session begins with, and the end of what it printed."""
    run, command = record.command, record.kit.command
    if run is UNSET or command is UNSET:
        return
    over, wrong = run.ended_at is not UNSET, initial.why(run)
    entry = Entry(
        type="runtime_output" if over else "runtime_status",
        timestamp=run.started_at if run.ended_at is UNSET else run.ended_at,
        content=pi.joined(run.output or "", wrong) if over else run.status,
        is_error=bool(wrong) if over else UNSET,
        runtime=initial.runtime_of(command, run),
    )
    yield run.seq, entry


def author_of(by: Principal) -> Author:
    return Author(user_id=by.user, actor_type=ACTORS[by.kind])


def _attached(part: FilePart) -> Attached:
    url = UNSET if part.url is UNSET or part.url.startswith("blob:") else part.url
    return Attached(
        type="image" if part.mime.startswith("image/") else "file", mime_type=part.mime, name=part.filename, url=url
    )
