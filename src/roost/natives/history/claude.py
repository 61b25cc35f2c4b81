"""Claude Code's record of a session: one JSON object a line. Pure.

One reply of the model is split over several records of the same `message.id`, each with the usage of the whole: it is
counted once. A sub-agent's records carry `isSidechain`; they come before the result of the call that it served.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

from msgspec import UNSET, UnsetType

from roost.model import events as e
from roost.model.envelope import Draft
from roost.natives.history.telling import Telling
from roost.natives.history.values import amount, count, joined, moment, table, tables, text, todos
from roost.natives.records import Record

TOOLS: Final[Mapping[str, str]] = {
    "Bash": "bash",
    "Edit": "edit",
    "Glob": "search",
    "Grep": "search",
    "LS": "search",
    "MultiEdit": "edit",
    "NotebookEdit": "edit",
    "Read": "read",
    "WebFetch": "webfetch",
    "Write": "edit",
}
"""What our events call its tools; any other keeps its name."""
TITLES: Final = ("command", "file_path", "notebook_path", "path", "pattern", "url", "query", "description")
"""Where the input of a call says what it is about, the first that is there."""
FINISH: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "refusal": "refusal",
    "stop_sequence": "stop",
    "tool_use": "tool-calls",
}
"""What the end of a message is called here, by the model's reason to stop; all but a tool call end the turn."""
BOOKKEEPING: Final = frozenset(
    {
        "agent-color", "agent-name", "atis-latch", "file-history-delta", "file-history-snapshot", "last-prompt", "mode",
        "permission-mode", "pr-link", "progress", "queue-operation", "tools-used",
    }
)  # fmt: skip
"""Records that say nothing of the conversation, beside all that begin with `api-request`."""
TITLED: Final = {"ai-title": "aiTitle", "custom-title": "customTitle", "summary": "summary"}
"""Records that name the session, and where."""
INTERRUPTED: Final = "[Request interrupted by user"
COMMAND: Final = "<command-name>"
HARNESS: Final = ("<local-command-", "<bash-", "<system-reminder>", "<task-notification>", "Caveat: The messages below")
"""How a `user` record begins that no person has written."""


class Claude:
    """Give it each record, then `end`."""

    def __init__(self) -> None:
        self.telling = Telling("claude")
        self._charged = 0.0
        """What the last `cost-state` came to."""

    def take(self, record: Record) -> Iterator[Draft]:
        kind = text(record.get("type"))
        known = self._KINDS.get(kind)
        if known is not None:
            yield from known(self, record)
        elif kind in TITLED:
            self.telling.title = text(record.get(TITLED[kind]))
        elif kind not in BOOKKEEPING and not kind.startswith("api-request"):
            yield from self.telling.native(record, f"a record of a kind that is not known: {kind[:100]}")

    def end(self) -> Iterator[Draft]:
        yield from self.telling.stop()

    # --- what the model said ------------------------------------------------------------------------------------------

    def _assistant(self, record: Record) -> Iterator[Draft]:
        said, telling = table(record.get("message")), self.telling
        lane = _lane(record)
        if lane:
            yield from telling.task(lane, "agent", "")
        model = text(said.get("model"))
        key = text(said.get("id")) or text(record.get("uuid"))
        named = model if model and not model.startswith("<") else UNSET
        yield from telling.reply(key, at=moment(record.get("timestamp")), model=named, lane=lane)
        content = said.get("content")
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else tables(content):
            yield from self._block(block, lane)
        telling.use(_tokens(table(said.get("usage"))), lane=lane)
        if reason := text(said.get("stop_reason")):
            telling.finish(FINISH.get(reason, reason), ends=reason != "tool_use", lane=lane)
        if record.get("isApiErrorMessage") is True and not lane:
            telling.failed(joined(content))

    def _block(self, block: Record, lane: str) -> Iterator[Draft]:
        telling = self.telling
        match block:
            case {"type": "text", "text": str()}:
                yield from telling.say(text(block["text"]), lane)
            case {"type": "thinking", "thinking": str()}:
                yield from telling.say(text(block["thinking"]), lane, thought=True)
            case {"type": "tool_use" | "server_tool_use", "id": str(call), "name": str(name)}:
                given = table(block.get("input"))
                yield from telling.call(call, TOOLS.get(name, text(name)), given, _title(name, given), lane)
                if name == "TodoWrite" and not lane:
                    yield from telling.plan(todos(given.get("todos")))
            case {"tool_use_id": str(call)}:
                yield from telling.result(call, joined(block.get("content")))
            case {"type": "redacted_thinking"}:
                pass
            case _:
                yield from telling.native(block, "content of a kind that is not known")

    # --- what came of it, and what people said ------------------------------------------------------------------------

    def _user(self, record: Record) -> Iterator[Draft]:
        content = table(record.get("message")).get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else tables(content)
        if record.get("isCompactSummary") is True:
            yield from self.telling.summary(joined(content))
            return
        for block in blocks:
            if block.get("type") == "tool_result":
                yield from self._result(block, table(record.get("toolUseResult")))
        rest = [block for block in blocks if block.get("type") != "tool_result"]
        if not rest:
            return
        if lane := _lane(record):
            yield from self.telling.task(lane, "agent", joined(rest))
        elif record.get("isMeta") is True:
            yield from self.telling.native(record, "said to the agent by itself")
        else:
            yield from self._said(rest, moment(record.get("timestamp")))

    def _said(self, blocks: list[Record], at: int | UnsetType, *, joins: bool = False) -> Iterator[Draft]:
        telling, words = self.telling, joined(blocks)
        if words.startswith(INTERRUPTED):
            yield from telling.aborted()
        elif COMMAND in words[:200]:
            yield from telling.stop()
            telling.awaiting = f"{_between(words, 'command-name')} {_between(words, 'command-args')}".strip()
        elif words.startswith(HARNESS):
            yield from telling.native({"text": words}, "said to the agent by itself")
        else:
            pictures = [picture for block in blocks if (picture := _picture(block)) is not None]
            yield from telling.prompt(words, *pictures, at=at, joins=joins)

    def _result(self, block: Record, more: Record) -> Iterator[Draft]:
        call, content = text(block.get("tool_use_id")), block.get("content")
        if not self.telling.has_called(call):
            yield from self.telling.native(block, "the result of a call that is not known")
            return
        for each in tables(content):
            if (picture := _picture(each)) is not None:
                yield from self.telling.show(picture.mime, picture.url, call)
        diffs = _diffs(more)
        yield from self.telling.result(
            call, joined(content), failed=block.get("is_error") is True, about={"diffs": diffs} if diffs else None
        )
        if lane := text(more.get("agentId")):
            yield from self.telling.end_task(lane, "completed", joined(more.get("content")))

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _attachment(self, record: Record) -> Iterator[Draft]:
        """Context of the agent's own, but for what a person said while it was at work."""
        given = table(record.get("attachment"))
        if given.get("type") == "queued_command" and given.get("commandMode", "prompt") == "prompt":
            prompt = given.get("prompt")
            blocks = [{"type": "text", "text": prompt}] if isinstance(prompt, str) else tables(prompt)
            if blocks and not _lane(record):
                yield from self._said(blocks, moment(record.get("timestamp")), joins=True)

    def _system(self, record: Record) -> Iterator[Draft]:
        """That the conversation was summed up is told with the summary."""
        if record.get("subtype") not in ("compact_boundary", "turn_duration", "stop_hook_summary"):
            yield from self.telling.native(record, "said by the agent's own program")

    def _cost(self, record: Record) -> Iterator[Draft]:
        """Of the session so far: what is new of it belongs to the open message."""
        total = amount(record.get("totalCostUSD"))
        self.telling.pay(total - self._charged)
        self._charged = total
        yield from ()

    _KINDS: ClassVar[dict[str, Callable[["Claude", Record], Iterator[Draft]]]] = {
        "assistant": _assistant,
        "attachment": _attachment,
        "cost-state": _cost,
        "system": _system,
        "user": _user,
    }


def _lane(record: Record) -> str:
    """Of a sub-agent; empty: the agent itself."""
    return text(record.get("agentId")) or "sidechain" if record.get("isSidechain") is True else ""


def _title(name: str, given: Record) -> str:
    about = next((words for key in TITLES if (words := text(given.get(key)))), "")
    return about if name == "Bash" and about else f"{name} {about}".strip()


def _tokens(used: Record) -> e.Tokens:
    return e.Tokens(
        input=count(used.get("input_tokens")),
        output=count(used.get("output_tokens")),
        reasoning=count(table(used.get("output_tokens_details")).get("thinking_tokens")),
        cache_read=count(used.get("cache_read_input_tokens")),
        cache_write=count(used.get("cache_creation_input_tokens")),
    )


def _picture(block: Record) -> e.FileInput | None:
    """An image or a document that is given in base64."""
    source = table(block.get("source"))
    if block.get("type") not in ("image", "document") or source.get("type") != "base64":
        return None
    mime, data = text(source.get("media_type"))[:100] or "application/octet-stream", text(source.get("data"))
    return e.FileInput(url=f"data:{mime};base64,{data}", mime=mime)


def _diffs(more: Record) -> list[dict[str, Any]]:
    """What an edit or a write has changed."""
    path = more.get("filePath")
    if not isinstance(path, str):
        return []
    if isinstance(more.get("newString"), str):
        return [{"path": path, "oldText": more.get("oldString"), "newText": more["newString"]}]
    if more.get("type") in ("create", "update") and isinstance(more.get("content"), str):
        return [{"path": path, "oldText": more.get("originalFile"), "newText": more["content"]}]
    return []


def _between(words: str, tag: str) -> str:
    return words.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].strip()
