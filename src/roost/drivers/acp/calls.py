"""One tool call of an agent as events: begun once, ended once, whatever order its updates come in. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from roost.drivers.acp.raw import table, tables
from roost.model import events as e
from roost.model.ids import MessageId, new_part_id

TOOLS: Final[Mapping[str, str]] = {
    "read": "read",
    "edit": "edit",
    "delete": "edit",
    "move": "edit",
    "search": "search",
    "execute": "bash",
    "fetch": "webfetch",
    "think": "think",
    "switch_mode": "mode",
}
"""What our rules and events call each kind of tool of the protocol; any other is `other`."""
SHOWN: Final = ("terminal_output", "terminal_output_delta")
"""In `_meta`: what a terminal that the agent runs by itself has printed since. No part of the protocol, but the way
of most agents; some tell the output of commands in no other."""
MAX_FIELD_BYTES: Final = 48 * 1024
"""An event has three of them at most, and must stay under the log's limit for a body."""


def tool_of(kind: object) -> str:
    return TOOLS.get(str(kind), "other")


def fitting(value: Any) -> Any:
    """The value, or as much of it as an event may hold: as text, if it was none."""
    if _size(value) <= MAX_FIELD_BYTES:
        return value
    kept = (value if isinstance(value, str) else msgspec.json.encode(value).decode())[:MAX_FIELD_BYTES]
    while _size(kept) > MAX_FIELD_BYTES:  # JSON may need six bytes for a character
        kept = kept[: len(kept) * 3 // 4]
    return f"{kept}\n[truncated]" if isinstance(value, str) else {"truncated": kept}


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))


class ToolCall:
    """Grows with its updates; each method returns what is new of it."""

    def __init__(self, message: MessageId, call: str, printed: dict[str, str]) -> None:
        """`printed`: what terminals have printed that no call has shown yet; taken from there."""
        self.part, self.call, self.ended = new_part_id(), call, False
        self.terminals: set[str] = set()
        """Their output is this call's."""
        self._message, self._printed = message, printed
        self._known: dict[str, Any] = {}
        self._diffs: dict[str, dict[str, Any]] = {}
        self._started: tuple[Any, ...] = ()
        self._streamed = ""

    def update(self, given: Mapping[str, Any]) -> Iterator[e.Body]:
        """A `tool_call` or `tool_call_update`. What is absent stays as it was; lists are replaced."""
        if self.ended:
            return
        self._known |= {name: value for name, value in given.items() if value is not None}
        for diff in self._content("diff"):  # kept: many agents replace it by words when they are done
            self._diffs[str(diff.get("path"))] = {name: diff.get(name) for name in ("path", "oldText", "newText")}
        self.terminals |= {str(each["terminalId"]) for each in self._content("terminal") if "terminalId" in each}
        yield from self._start()
        for terminal in self.terminals & self._printed.keys():
            yield from self.print(self._printed.pop(terminal))
        yield from self.print(_shown(given))
        text = self._text()
        if self._known.get("status") != "pending" and text.startswith(self._streamed):  # before it runs: about it
            yield from self.print(text[len(self._streamed) :])
        match self._known.get("status"):
            case "completed":
                yield from self.complete()
            case "failed":
                yield from self.fail(text or _words(self._known.get("rawOutput")) or "the tool failed")
            case _:
                pass

    def print(self, text: str) -> Iterator[e.Body]:
        """More of its output."""
        if text and not self.ended:
            self._streamed += text
            yield e.ToolDelta(message=self._message, part=self.part, call=self.call, delta=text)

    def complete(self) -> Iterator[e.Body]:
        self.ended = True
        text = self._text() or ("" if self.terminals else _words(self._known.get("rawOutput")))
        same = text == self._streamed or not text
        yield e.ToolComplete(
            message=self._message,
            part=self.part,
            call=self.call,
            output=UNSET if same else fitting(text),
            title=self._known.get("title", UNSET),
            metadata=self._metadata() or UNSET,
        )

    def fail(self, error: str) -> Iterator[e.Body]:
        """It has not worked, or its turn has ended before it did."""
        if not self.ended:
            self.ended = True
            yield e.ToolError(
                message=self._message,
                part=self.part,
                call=self.call,
                error=fitting(error),
                metadata=self._metadata() or UNSET,
            )

    @property
    def tool(self) -> str:
        return tool_of(self._known.get("kind"))

    @property
    def title(self) -> str:
        return str(self._known.get("title") or self.tool)

    @property
    def input(self) -> Any:
        return self._known.get("rawInput")

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it says it is about, in order, as the agent writes them."""
        of = [*self._diffs.values(), *tables(self._known.get("locations"))]
        return tuple(dict.fromkeys(str(each["path"]) for each in of if "path" in each))

    def _start(self) -> Iterator[e.Body]:
        """Said again when its input or title has become known, which many agents tell later."""
        now = (self.input, self._known.get("title"), self.tool)
        if now == self._started:
            return
        if not self._started:
            yield e.PartStart(message=self._message, part=self.part, kind="tool")
        self._started = now
        yield e.ToolStart(
            message=self._message,
            part=self.part,
            call=self.call,
            tool=self.tool,
            input=fitting(self.input),
            title=fitting(self.title),
        )

    def _content(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in tables(self._known.get("content")) if each.get("type") == kind]

    def _text(self) -> str:
        """All texts of its content, joined."""
        blocks = [table(each.get("content")) for each in self._content("content")]
        return "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text" and "text" in block)

    def _metadata(self) -> dict[str, Any]:
        """What it is about: diffs, places, and what the agent adds of its own."""
        known = {
            "diffs": list(self._diffs.values()),
            "locations": self._known.get("locations"),
            "_meta": {name: value for name, value in table(self._known.get("_meta")).items() if name not in SHOWN},
        }
        given = {name: value for name, value in known.items() if value}
        return given if fitting(given) is given else {"truncated": True, "paths": list(self.paths[:100])}


def _words(value: Any) -> str:
    """A raw output, as text."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _shown(given: Mapping[str, Any]) -> str:
    meta = table(given.get("_meta"))
    return "".join(str(table(meta.get(name)).get("data") or "") for name in SHOWN)
