"""opencode's record of a session: rows of messages, each with its parts, in their order. Pure.

A record here is a row: `{"message": ID, "data": {...}}`, or a part of the message before it, `{"part": ID, "data":
{...}}`; of a sub-agent's session it says `lane` too.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import UNSET, Struct

from roost.model import events as e
from roost.model.envelope import Draft
from roost.natives.history.telling import Telling
from roost.natives.history.values import amount, count, moment, table, text, todos
from roost.natives.records import Record

TOOLS: Final[Mapping[str, str]] = {
    "glob": "search",
    "grep": "search",
    "list": "search",
    "patch": "edit",
    "write": "edit",
}
"""What our events call its tools; any other keeps its name."""
BOOKKEEPING: Final = frozenset({"agent", "compaction", "patch", "snapshot", "step-start", "subtask"})
"""Parts that say nothing more than others do."""


class Open(Struct):
    """A message whose parts come now. `prompt`: of a person, its words and files; None: of the model."""

    data: Record
    prompt: tuple[list[str], list[e.FileInput]] | None = None
    tokens: e.Tokens = e.Tokens()
    cost: float = 0.0


class OpenCode:
    """Give it each record, then `end`."""

    def __init__(self) -> None:
        self.telling = Telling("opencode")
        self._open: dict[str, Open] = {}
        """By lane."""

    def take(self, record: Record) -> Iterator[Draft]:
        data, lane = table(record.get("data")), text(record.get("lane"))
        opened = self._open.get(lane)
        if "message" in record:
            yield from self._close(lane)
            yield from self._begin(text(record["message"]), data, lane)
        elif opened is None:
            yield from self.telling.native(record, "a part of a message that is not known")
        elif opened.prompt is not None:
            _add(opened.prompt, data)
        else:
            yield from self._part(opened, data, lane)

    def end(self) -> Iterator[Draft]:
        for lane in list(self._open):
            yield from self._close(lane)
        yield from self.telling.stop()

    # --- messages -----------------------------------------------------------------------------------------------------

    def _begin(self, name: str, data: Record, lane: str) -> Iterator[Draft]:
        if data.get("role") == "user":
            self._open[lane] = Open(data, prompt=([], []))
        elif data.get("role") == "assistant":
            self._open[lane] = Open(data)
            at = moment(table(data.get("time")).get("created"))
            yield from self.telling.reply(name, at=at, model=text(data.get("modelID")) or UNSET, lane=lane)
        else:
            yield from self.telling.native(data, "a message of a role that is not known")

    def _close(self, lane: str) -> Iterator[Draft]:
        opened = self._open.pop(lane, None)
        if opened is None:
            return
        if opened.prompt is None:
            yield from self._end_reply(opened.data, lane)
            return
        words = "\n".join(opened.prompt[0])
        if lane:
            yield from self.telling.task(lane, text(opened.data.get("agent")) or "agent", words)
        else:
            at = moment(table(opened.data.get("time")).get("created"))
            yield from self.telling.prompt(words, *opened.prompt[1], at=at)

    def _end_reply(self, data: Record, lane: str) -> Iterator[Draft]:
        finish, failure = text(data.get("finish")), table(data.get("error"))
        self.telling.finish(finish or "stop", ends=bool(finish) and finish != "tool-calls", lane=lane)
        if lane:
            return
        if failure.get("name") == "MessageAbortedError":
            yield from self.telling.aborted()
        elif failure:
            self.telling.failed(text(table(failure.get("data")).get("message")) or text(failure.get("name")))

    # --- parts --------------------------------------------------------------------------------------------------------

    def _part(self, opened: Open, data: Record, lane: str) -> Iterator[Draft]:
        telling, kind = self.telling, text(data.get("type"))
        match kind:
            case "text" | "reasoning":
                yield from telling.say(text(data.get("text")), lane, thought=kind == "reasoning")
            case "tool":
                yield from self._tool(data, lane)
            case "file" if text(data.get("url")).startswith("data:"):
                yield from telling.show(text(data.get("mime"))[:100] or "image/png", text(data["url"]), lane=lane)
            case "step-finish":
                opened.tokens = _sum(opened.tokens, _tokens(table(data.get("tokens"))))
                opened.cost += amount(data.get("cost"))
                telling.use(opened.tokens, opened.cost, lane)
            case _ if kind not in BOOKKEEPING:
                yield from telling.native(data, f"a part of a kind that is not known: {kind[:100]}")
            case _:
                pass

    def _tool(self, data: Record, lane: str) -> Iterator[Draft]:
        telling, state = self.telling, table(data.get("state"))
        name, call = text(data.get("tool")), text(data.get("callID"))
        given = table(state.get("input"))
        title = text(state.get("title")) or text(given.get("command")) or name
        yield from telling.call(call, TOOLS.get(name, name), given, title, lane)
        if name == "todowrite" and not lane:
            yield from telling.plan(todos(given.get("todos")))
        match state.get("status"):
            case "completed":
                yield from telling.result(call, text(state.get("output")), about=_about(state))
            case "error":
                yield from telling.result(call, text(state.get("error")), failed=True)
            case _:
                pass  # its turn has ended before it did
        if child := text(table(state.get("metadata")).get("sessionId")):
            yield from self._close(child)
            yield from telling.end_task(child, "failed" if state.get("status") == "error" else "completed")


def _add(prompt: tuple[list[str], list[e.FileInput]], data: Record) -> None:
    """What a person said. What opencode has added to it, the person did not say."""
    words, pictures = prompt
    match data:
        case {"synthetic": True}:
            pass
        case {"type": "text"}:
            words.append(text(data.get("text")))
        case {"type": "file", "url": str(url)} if url.startswith("data:") and ";base64," in url[:200]:
            name = text(data.get("filename"))[:200] or UNSET
            pictures.append(e.FileInput(url=text(url), mime=url[5:].partition(";")[0][:100], filename=name))
        case {"type": "file"}:
            words.append(f"[{text(data.get('filename')) or text(data.get('url'))}]")
        case _:
            pass  # which sub-agent was named stands in the text


def _about(state: Record) -> Record | None:
    """The exit code of a command, the difference that an edit made."""
    metadata = table(state.get("metadata"))
    known = {"exit_code": metadata.get("exit"), "diff": metadata.get("diff")}
    return {name: value for name, value in known.items() if isinstance(value, int | str)} or None


def _tokens(used: Record) -> e.Tokens:
    cache = table(used.get("cache"))
    return e.Tokens(
        input=count(used.get("input")),
        output=count(used.get("output")),
        reasoning=count(used.get("reasoning")),
        cache_read=count(cache.get("read")),
        cache_write=count(cache.get("write")),
    )


def _sum(one: e.Tokens, two: e.Tokens) -> e.Tokens:
    return e.Tokens(**{name: getattr(one, name) + getattr(two, name) for name in e.Tokens.__struct_fields__})
