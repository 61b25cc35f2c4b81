"""What happened in a session, as updates of the Agent Client Protocol. Pure: one `Teller` for each session that an
editor has open, fed with its events in order.

The protocol has no word for some of it: runs and their phases, queues, sleep, other people's decisions. Those are left
out; a client that wants all of it follows the session itself.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, cast

from msgspec import UNSET

from roost.model import events as e
from roost.model.envelope import Event

MAX_TAIL_CHARS: Final = 8 * 1024
"""Of what a running tool has printed: each update shows its end."""
MAX_OUTPUT_CHARS: Final = 256 * 1024
"""Of what a tool that has ended had printed; of more, the end."""
KINDS: Final[Mapping[str, str]] = {
    "read": "read",
    "write": "edit",
    "edit": "edit",
    "patch": "edit",
    "delete": "delete",
    "bash": "execute",
    "shell": "execute",
    "search": "search",
    "grep": "search",
    "glob": "search",
    "think": "think",
    "mode": "switch_mode",
    "webfetch": "fetch",
    "fetch": "fetch",
}
"""What the protocol calls each kind of tool; any other is `other`."""
STOPS: Final[Mapping[str, str]] = {"length": "max_tokens", "max-turns": "max_turn_requests", "refusal": "refusal"}
"""Why a turn ended, by the `finish` of its last message; any other is `end_turn`."""
DATA_URL: Final = re.compile(r"data:(?P<mime>[^;,]*)(?:;[^;,]*)*;base64,(?P<data>.*)", re.DOTALL)

Update = dict[str, Any]


class _Call:
    """A tool call, or a sub-agent's task."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.printed = ""

    def print(self, text: str) -> None:
        self.printed = (self.printed + text)[-MAX_OUTPUT_CHARS:]


class Teller:
    """`stop`: why the present turn will have ended."""

    def __init__(self, root: str) -> None:
        """`root`: the workspace, for names of files."""
        self.stop = "end_turn"
        self._root = PurePosixPath(root or "/")
        self._calls: dict[str, _Call] = {}
        self._told: set[str] = set()

    def tell(self, event: Event, *, own: bool = False) -> list[Update]:
        """The updates that this event is. `own`: of a prompt of the editor, which shows that already, and is told its
        end otherwise."""
        return list(self._tell(event.body, own=own))

    def _tell(self, body: object, *, own: bool) -> Iterator[Update]:
        match body:
            case e.RunStart():
                self.stop = "end_turn"
                yield from [] if own else self._input(body.input, body.message)
            case e.Steered():
                yield from self._input(body.input, body.message)
            case e.TextDelta() | e.ReasoningDelta() | e.PartReset() | e.PartDone() | e.Attachment():
                yield from self._said(body)
            case e.MessageDone():
                self.stop = STOPS.get(body.finish, "end_turn")
            case e.ToolStart() | e.ToolDelta() | e.ToolComplete() | e.ToolError():
                yield from self._used(body)
            case e.SubtaskStart() | e.SubtaskEnd():
                yield from self._sub_agent(body)
            case e.TodosUpdated():
                yield {"sessionUpdate": "plan", "entries": [_entry(todo) for todo in body.todos]}
            case e.SessionUpdated() if body.label is not UNSET:
                yield {"sessionUpdate": "session_info_update", "title": body.label}
            case e.RunComplete() | e.RunAborted() | e.RunError():
                yield from self._over(body, own=own)
            case _:
                pass

    def _over(self, body: e.RunComplete | e.RunAborted | e.RunError, *, own: bool) -> Iterator[Update]:
        """Tools that are still open have been stopped with their run."""
        for name, call in self._calls.items():
            yield _tool("tool_call_update", name, status="failed", content=_output(call.printed))
        self._calls.clear()
        if isinstance(body, e.RunComplete) and (context := table(table(body.result.data).get("context"))):
            yield {"sessionUpdate": "usage_update", **context}
        elif isinstance(body, e.RunError) and not own:
            yield _chunk("agent_message_chunk", f"\n[{body.error.code}: {body.error.message}]\n")

    def _input(self, parts: tuple[e.InputPart, ...], message: str) -> Iterator[Update]:
        for part in parts:
            content = {"type": "text", "text": part.text} if isinstance(part, e.TextInput) else _file(part)
            yield {"sessionUpdate": "user_message_chunk", "content": content, "messageId": message}

    def _said(self, body: e.TextDelta | e.ReasoningDelta | e.PartReset | e.PartDone | e.Attachment) -> Iterator[Update]:
        if body.task is not UNSET:
            yield from self._said_below(body.task, body)
            return
        match body:
            case e.TextDelta():
                self._told.add(body.part)
                yield _chunk("agent_message_chunk", body.delta, body.message)
            case e.ReasoningDelta():
                self._told.add(body.part)
                yield _chunk("agent_thought_chunk", body.delta, body.message)
            case e.PartReset() if body.part in self._told:
                yield _chunk("agent_message_chunk", "\n[begun again]\n", body.message)
            case e.PartDone() if body.text is not UNSET and body.part not in self._told:
                yield _chunk("agent_message_chunk", body.text, body.message)
            case e.Attachment():
                yield {"sessionUpdate": "agent_message_chunk", "content": _given(body), "messageId": body.message}
            case _:
                pass
        if isinstance(body, e.PartDone):
            self._told.discard(body.part)

    def _used(self, body: e.ToolStart | e.ToolDelta | e.ToolComplete | e.ToolError) -> Iterator[Update]:
        known = body.call in self._calls
        call = self._calls.setdefault(body.call, _Call())
        match body:
            case e.ToolStart():
                call.given = table(body.input)
                title = body.tool if body.title is UNSET else body.title
                told = {"title": title, "kind": KINDS.get(body.tool, "other"), "status": "in_progress"}
                places = _locations(self._paths(call.given))
                update = "tool_call_update" if known else "tool_call"
                yield _tool(update, body.call, **told, rawInput=body.input, locations=places or None)
            case e.ToolDelta():
                call.print(body.delta)
                yield _tool("tool_call_update", body.call, content=_output(call.printed[-MAX_TAIL_CHARS:]))
            case e.ToolComplete():
                text = call.printed if body.output is UNSET else body.output
                yield self._ended(body.call, "completed", text, body.title, body.metadata)
            case e.ToolError():
                text = "\n".join(each for each in (call.printed, body.error) if each)
                yield self._ended(body.call, "failed", text, UNSET, body.metadata)

    def _ended(self, name: str, status: str, text: str, title: Any, metadata: Any) -> Update:
        call = self._calls.pop(name)
        about = table(metadata)
        diffs = [self._diff(table(each)) for each in about.get("diffs") or ()]
        if not diffs and status == "completed" and isinstance(call.given.get("content"), str):
            diffs = [self._diff({"path": path, "newText": call.given["content"]}) for path in self._paths(call.given)]
        locations = about.get("locations") or _locations([each["path"] for each in diffs])
        return _tool(
            "tool_call_update", name, status=status, content=[*_output(text[-MAX_OUTPUT_CHARS:]), *diffs],
            title=None if title is UNSET else title, locations=locations or None,
        )  # fmt: skip

    def _sub_agent(self, body: e.SubtaskStart | e.SubtaskEnd) -> Iterator[Update]:
        if isinstance(body, e.SubtaskStart):
            self._calls[body.task] = _Call()
            title = f"{body.agent}: {body.prompt}"[:200]
            yield _tool("tool_call", body.task, title=title, kind="other", status="in_progress")
            return
        call = self._calls.pop(body.task, _Call())
        status = "completed" if body.status == "completed" else "failed"
        text = call.printed if body.result is UNSET else body.result
        yield _tool("tool_call_update", body.task, status=status, content=_output(text))

    def _said_below(self, task: str, body: object) -> Iterator[Update]:
        """What a sub-agent says is the output of its call."""
        if isinstance(body, e.TextDelta) and task in self._calls:
            self._calls[task].print(body.delta)
            yield _tool("tool_call_update", task, content=_output(self._calls[task].printed[-MAX_TAIL_CHARS:]))

    def _paths(self, given: Mapping[str, Any]) -> list[str]:
        found = [given[name] for name in ("path", "filePath", "file_path") if isinstance(given.get(name), str)]
        return [str(self._root / path) for path in found]

    def _diff(self, given: Mapping[str, Any]) -> Update:
        path = str(self._root / str(given.get("path") or ""))
        told = {"type": "diff", "path": path, "newText": str(given.get("newText") or "")}
        return told | ({"oldText": given["oldText"]} if isinstance(given.get("oldText"), str) else {})


def joined(updates: list[Update]) -> list[Update]:
    """Fewer updates that say the same: pieces of one text are one piece."""
    found: list[Update] = []
    for update in updates:
        last = found[-1] if found else None
        if last is not None and _same_text(last, update):
            text = last["content"]["text"] + update["content"]["text"]
            found[-1] = {**update, "content": {"type": "text", "text": text}}
        else:
            found.append(update)
    return found


def _same_text(last: Update, update: Update) -> bool:
    kinds = {last["sessionUpdate"], update["sessionUpdate"]}
    if kinds not in ({"agent_message_chunk"}, {"agent_thought_chunk"}):
        return False
    texts = last["content"].get("type") == update["content"].get("type") == "text"
    return texts and last.get("messageId") == update.get("messageId")


def _chunk(kind: str, text: str, message: str | None = None) -> Update:
    told = {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
    return told if message is None else {**told, "messageId": message}


def _tool(update: str, call: str, **told: Any) -> Update:
    """Without what is None."""
    known = {name: value for name, value in told.items() if value is not None}
    return {"sessionUpdate": update, "toolCallId": call, **known}


def table(value: Any) -> dict[str, Any]:
    """An object of JSON; anything else is an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _output(text: str) -> list[Update]:
    return [{"type": "content", "content": {"type": "text", "text": text}}] if text else []


def _locations(paths: list[str]) -> list[dict[str, str]]:
    return [{"path": path} for path in paths]


def _entry(todo: e.Todo) -> dict[str, str]:
    """The protocol knows nothing of items that are given up: they are done with."""
    status = "completed" if todo.status == "cancelled" else todo.status
    return {"content": todo.content, "status": status, "priority": todo.priority}


def _file(part: e.FileInput) -> dict[str, Any]:
    return _content(part.url, part.mime, part.filename)


def _given(body: e.Attachment) -> dict[str, Any]:
    url = f"blob:{body.blob.hash}" if body.url is UNSET and body.blob is not UNSET else body.url
    return _content(url, body.mime, body.filename)


def _content(url: Any, mime: str, name: Any) -> dict[str, Any]:
    """Pictures and sounds as they are, if the event holds them; else by name."""
    held = DATA_URL.fullmatch(url) if isinstance(url, str) else None
    kind = mime.partition("/")[0]
    if held and kind in ("image", "audio"):
        return {"type": kind, "mimeType": mime, "data": held["data"]}
    named = name if isinstance(name, str) else "file"
    uri = url if isinstance(url, str) and not held else f"file:///{named}"
    return {"type": "resource_link", "uri": uri, "name": named, "mimeType": mime}
