"""What an agent says, as events. Pure: one `Saying` for each turn of the agent, fed with its updates in order.

Nothing is dropped: an update of a kind that is not known, and fields that are not, become `native`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from msgspec import UNSET, Struct

from roost.drivers.acp.calls import ToolCall
from roost.drivers.acp.raw import table
from roost.model import events as e
from roost.model.ids import MessageId, PartId, new_message_id, new_part_id

FINISH: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "max_turn_requests": "max-turns",
    "refusal": "refusal",
    "cancelled": "aborted",
}
"""What the end of a message is called here, by the protocol's reason for the end of a turn."""
REJECTED: Final = "rejected"
"""The same of a turn that the agent ended because something was not allowed."""
SOURCE: Final = "acp"
MAX_RESULT_CHARS: Final = 32 * 1024
_TOOL: Final = frozenset(
    {"toolCallId", "title", "kind", "status", "content", "locations", "rawInput", "rawOutput", "_meta"}
)
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "agent_message_chunk": frozenset({"content", "messageId"}),
    "agent_thought_chunk": frozenset({"content", "messageId"}),
    "user_message_chunk": frozenset({"content", "messageId"}),
    "tool_call": _TOOL,
    "tool_call_update": _TOOL,
    "plan": frozenset({"entries"}),
    "usage_update": frozenset({"used", "size", "cost"}),
    "available_commands_update": frozenset({"availableCommands"}),
    "current_mode_update": frozenset({"currentModeId"}),
    "config_option_update": frozenset({"configOptions"}),
    "session_info_update": frozenset({"title", "updatedAt"}),
}
"""Every kind of update that is understood, and its fields that are."""
_PRIORITIES: Final = ("high", "medium", "low")


class Media(Struct, frozen=True):
    """Content that has to be kept before an event can refer to it: base64 `data`."""

    message: MessageId
    part: PartId
    mime: str
    data: str


Said = e.Body | Media


class Saying:
    """The message of one turn of the agent: opened with its first word, closed by `close`."""

    def __init__(self, agent: str) -> None:
        self.message = new_message_id()
        self.calls: dict[str, ToolCall] = {}
        self.context: dict[str, Any] = {}
        """How much of what the model can see is used, and of how much, in tokens."""
        self.rejected, self.speechless = False, False
        """Something was not allowed in this turn; and since then not a word was said, and nothing begun."""
        self._agent = agent
        self._printed: dict[str, str] = {}
        self._opened = False
        self._text: tuple[PartId, Literal["text", "reasoning"]] | None = None
        self._texts: list[str] = []
        self._chars = 0

    @property
    def silent(self) -> bool:
        """Not a word has been said, and nothing done."""
        return not self._opened

    def reject(self) -> None:
        self.rejected = self.speechless = True

    def result(self) -> e.RunResult:
        """Of a run whose last turn this was."""
        text = "".join(self._texts) if self._chars <= MAX_RESULT_CHARS else UNSET
        return e.RunResult(message=self.message, text=text, data={"context": self.context} if self.context else UNSET)

    def update(self, given: Mapping[str, Any]) -> Iterator[Said]:
        """The `update` of a `session/update`."""
        kind = str(given.get("sessionUpdate"))
        known = _FIELDS.get(kind)
        if known is None:
            yield e.Native(raw=dict(given), reason="an update that is not known", source=SOURCE)
            return
        try:
            yield from self._known(kind, given)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield e.Native(raw=dict(given), reason=f"an update that makes no sense: {error}", source=SOURCE)
            return
        rest = {name: value for name, value in given.items() if name not in known and name != "sessionUpdate" and value}
        if rest:
            yield e.Native(raw={"sessionUpdate": kind, **rest}, reason="fields that are not known", source=SOURCE)

    def call(self, given: Mapping[str, Any]) -> Iterator[Said]:
        """A tool call, begun or continued."""
        name = str(given["toolCallId"])
        if name not in self.calls:
            yield from self._open()
            yield from self._pause()
            self.speechless = False
            self.calls[name] = ToolCall(self.message, name, self._printed)
        yield from self.calls[name].update(given)

    def print(self, terminal: str, text: str) -> Iterator[Said]:
        """Output of a terminal, for the call that shows it, or will: agents make the terminal first."""
        for call in self.calls.values():
            if terminal in call.terminals:
                yield from call.print(text)
                return
        self._printed[terminal] = (self._printed.get(terminal, "") + text)[-MAX_RESULT_CHARS:]

    def step(self, tokens: e.Tokens, cost: float, finish: str) -> Iterator[Said]:
        """What the turn has used."""
        yield from self._open()
        yield e.StepFinish(message=self.message, part=new_part_id(), reason=finish, tokens=tokens, cost=cost)

    def close(self, finish: str, error: e.Failure | None = None) -> Iterator[Said]:
        """The turn is over: what is still open is closed."""
        yield from self._open()
        yield from self._pause()
        for call in self.calls.values():
            yield from call.fail("its turn has ended before it did")
        yield e.MessageDone(message=self.message, finish=finish, error=UNSET if error is None else error)

    def _known(self, kind: str, given: Mapping[str, Any]) -> Iterator[Said]:
        match kind:
            case "agent_message_chunk":
                yield from self._chunk(given["content"], "text")
            case "agent_thought_chunk":
                yield from self._chunk(given["content"], "reasoning")
            case "tool_call" | "tool_call_update":
                yield from self.call(given)
            case "plan":
                yield e.TodosUpdated(todos=tuple(_todo(n, entry) for n, entry in enumerate(given["entries"], 1)))
            case "usage_update":
                self.context = {"used": int(given["used"]), "size": int(given["size"])}
            case _:
                pass  # what the agent can do (abilities.py), or our own words come back

    def _chunk(self, content: Mapping[str, Any], kind: Literal["text", "reasoning"]) -> Iterator[Said]:
        match content.get("type"):
            case "text":
                yield from self._word(str(content["text"]), kind)
            case "image" | "audio":
                yield from self._open()
                yield Media(self.message, new_part_id(), str(content["mimeType"]), str(content["data"]))
            case "resource_link":
                yield from self._word(f"[{content['name']}]({content['uri']})", kind)
            case "resource" if "text" in content["resource"]:
                yield from self._word(str(content["resource"]["text"]), kind)
            case "resource":
                held = content["resource"]
                yield from self._open()
                mime = str(held.get("mimeType") or "application/octet-stream")
                yield Media(self.message, new_part_id(), mime, str(held["blob"]))
            case _:
                yield e.Native(raw=dict(content), reason="content that is not known", source=SOURCE)

    def _word(self, text: str, kind: Literal["text", "reasoning"]) -> Iterator[Said]:
        if not text:
            return
        yield from self._open()
        if self._text is None or self._text[1] != kind:
            yield from self._pause()
            self._text = new_part_id(), kind
            yield e.PartStart(message=self.message, part=self._text[0], kind=kind)
        self.speechless = False
        part = self._text[0]
        if kind == "reasoning":
            yield e.ReasoningDelta(message=self.message, part=part, delta=text)
            return
        self._chars += len(text)
        if self._chars <= MAX_RESULT_CHARS:
            self._texts.append(text)
        yield e.TextDelta(message=self.message, part=part, delta=text)

    def _open(self) -> Iterator[Said]:
        if not self._opened:
            self._opened = True
            yield e.MessageStart(message=self.message, agent=self._agent)

    def _pause(self) -> Iterator[Said]:
        """Something else is said now."""
        if self._text is not None:
            yield e.PartDone(message=self.message, part=self._text[0])
            self._text = None


def tokens_of(answer: Mapping[str, Any]) -> e.Tokens | None:
    """What a turn has used, from the answer to its prompt; None: the agent does not say."""
    if used := table(answer.get("usage")):
        return e.Tokens(
            input=used.get("inputTokens") or 0,
            output=used.get("outputTokens") or 0,
            reasoning=used.get("thoughtTokens") or 0,
            cache_read=used.get("cachedReadTokens") or 0,
            cache_write=used.get("cachedWriteTokens") or 0,
        )
    quota = table(table(answer.get("_meta")).get("quota"))  # Gemini CLI's way
    if used := table(quota.get("token_count")):
        return e.Tokens(input=used.get("input_tokens") or 0, output=used.get("output_tokens") or 0)
    return None


def _todo(number: int, entry: Mapping[str, Any]) -> e.Todo:
    """The protocol's plan has no ids: an item is known by its place."""
    status, priority = entry.get("status"), entry.get("priority")
    return e.Todo(
        id=str(number),
        content=str(entry["content"]),
        status=status if status in ("pending", "in_progress", "completed") else "pending",
        priority=priority if priority in _PRIORITIES else "medium",
    )
