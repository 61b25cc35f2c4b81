"""Pi's record of a session: one JSON object a line, most of them messages. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Final

from roost.model import events as e
from roost.model.envelope import Draft
from roost.natives.history.telling import Telling
from roost.natives.history.values import amount, count, joined, moment, table, tables, text
from roost.natives.records import Record

TOOLS: Final[Mapping[str, str]] = {"find": "search", "grep": "search", "ls": "search", "write": "edit"}
"""What our events call its tools; any other keeps its name."""
FINISH: Final[Mapping[str, str]] = {"stop": "stop", "length": "length", "toolUse": "tool-calls"}
BOOKKEEPING: Final = frozenset({"session", "model_change", "thinking_level_change", "label", "custom"})
"""Records that say nothing of the conversation."""


class Pi:
    """Give it each record, then `end`."""

    def __init__(self) -> None:
        self.telling = Telling("pi")

    def take(self, record: Record) -> Iterator[Draft]:
        kind, said = text(record.get("type")), table(record.get("message"))
        if kind in ("compaction", "branch_summary"):
            yield from self.telling.summary(text(record.get("summary")))
        elif kind == "message" and (known := self._ROLES.get(text(said.get("role")))) is not None:
            yield from known(self, record, said)
        elif kind == "session_info":
            self.telling.title = text(record.get("name"))
        elif kind not in BOOKKEEPING:
            yield from self.telling.native(record, f"a record of a kind that is not known: {kind[:100]}")

    def end(self) -> Iterator[Draft]:
        yield from self.telling.stop()

    def _system(self, _record: Record, _said: Record) -> Iterator[Draft]:
        yield from ()

    def _user(self, record: Record, said: Record) -> Iterator[Draft]:
        pictures = [picture for block in tables(said.get("content")) if (picture := _picture(block)) is not None]
        yield from self.telling.prompt(joined(said.get("content")), *pictures, at=moment(record.get("timestamp")))

    def _assistant(self, record: Record, said: Record) -> Iterator[Draft]:
        telling = self.telling
        key = text(record.get("id"))
        yield from telling.reply(key, at=moment(record.get("timestamp")), model=text(said.get("model")))
        for block in tables(said.get("content")):
            match block:
                case {"type": "text"}:
                    yield from telling.say(text(block.get("text")))
                case {"type": "thinking"}:
                    yield from telling.say(text(block.get("thinking")), thought=True)
                case {"type": "toolCall", "id": str(call), "name": str(name)}:
                    given = table(block.get("arguments"))
                    title = text(given.get("command")) or f"{name} {text(given.get('path'))}".strip()
                    yield from telling.call(call, TOOLS.get(name, text(name)), given, title)
                case _:
                    yield from telling.native(block, "content of a kind that is not known")
        used = table(said.get("usage"))
        telling.use(_tokens(used), amount(table(used.get("cost")).get("total")))
        reason = text(said.get("stopReason"))
        telling.finish(FINISH.get(reason, reason or "stop"), ends=reason in ("stop", "length"))
        if reason == "aborted":
            yield from telling.aborted()
        elif reason == "error":
            telling.failed(text(said.get("errorMessage")))

    def _result(self, _record: Record, said: Record) -> Iterator[Draft]:
        call, content = text(said.get("toolCallId")), said.get("content")
        if not self.telling.has_called(call):
            yield from self.telling.native(said, "the result of a call that is not known")
            return
        for block in tables(content):
            if (picture := _picture(block)) is not None:
                yield from self.telling.show(picture.mime, picture.url, call)
        yield from self.telling.result(call, joined(content), failed=said.get("isError") is True)

    _ROLES: ClassVar[dict[str, Callable[["Pi", Record, Record], Iterator[Draft]]]] = {
        "assistant": _assistant,
        "system": _system,
        "toolResult": _result,
        "user": _user,
    }


def _picture(block: Record) -> e.FileInput | None:
    if block.get("type") != "image" or not isinstance(block.get("data"), str):
        return None
    mime = text(block.get("mimeType"))[:100] or "application/octet-stream"
    return e.FileInput(url=f"data:{mime};base64,{text(block['data'])}", mime=mime)


def _tokens(used: Record) -> e.Tokens:
    return e.Tokens(
        input=count(used.get("input")),
        output=count(used.get("output")),
        reasoning=count(used.get("reasoning")),
        cache_read=count(used.get("cacheRead")),
        cache_write=count(used.get("cacheWrite")),
    )
