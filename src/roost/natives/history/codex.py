"""Codex's record of a session, its rollout file: lines of `type` and `payload`. Pure.

What the model saw are the `response_item` records; what people see are the `event_msg` ones. A prompt is taken from the
latter, since the former hold context of Codex's own in the user's name; everything else from the former.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from roost.model import events as e
from roost.model.envelope import Draft
from roost.natives.history.telling import Telling
from roost.natives.history.values import count, joined, moment, table, tables, text, todos
from roost.natives.records import Record, read_line

TOOLS: Final[Mapping[str, str]] = {
    "apply_patch": "edit",
    "exec_command": "bash",
    "local_shell": "bash",
    "shell": "bash",
    "shell_command": "bash",
    "view_image": "read",
    "web_search": "webfetch",
    "write_stdin": "bash",
}
"""What our events call its tools; any other keeps its name."""
BOOKKEEPING: Final = frozenset({"session_meta", "world_state", "ghost_snapshot", "session_state", "event_msg"})
"""Records that say nothing of the conversation; events that are not known repeat what other records say."""
ABORTED: Final = "interrupted"


class Codex:
    """Give it each record, then `end`."""

    def __init__(self) -> None:
        self.telling = Telling("codex")
        self._model: str | UnsetType = UNSET
        self._at: int | UnsetType = UNSET
        self._turn = ""
        self._asked: tuple[str, str] = ("", "")
        """The turn and the words of the last prompt: some versions tell it twice."""
        self._reply, self._over = 0, True
        """Replies have no names: so many there were, and whether the last one is over."""
        self._ran: dict[str, Record] = {}
        """Commands that have ended, whose output the model is about to be told."""
        self._exact, self._total = False, 0
        """Whether usage comes by reply, and else the running total."""

    def take(self, record: Record) -> Iterator[Draft]:
        kind, payload = text(record.get("type")), table(record.get("payload"))
        self._at = moment(record.get("timestamp"))
        inner = f"{kind}/{text(payload.get('type'))}"
        known = self._KINDS.get(inner) or self._KINDS.get(kind)
        if known is not None:
            yield from known(self, payload)
        elif kind not in BOOKKEEPING:
            yield from self.telling.native(record, f"a record of a kind that is not known: {inner[:100]}")

    def end(self) -> Iterator[Draft]:
        yield from self.telling.stop()

    # --- turns --------------------------------------------------------------------------------------------------------

    def _started(self, payload: Record) -> Iterator[Draft]:
        self._turn = text(payload.get("turn_id"))
        yield from ()

    def _context(self, payload: Record) -> Iterator[Draft]:
        self._model = text(payload.get("model")) or self._model
        yield from ()

    def _message_of_user(self, payload: Record) -> Iterator[Draft]:
        yield from self._prompt(text(payload.get("message")), _pictures(payload.get("images")))

    def _item(self, payload: Record) -> Iterator[Draft]:
        item = table(payload.get("item"))
        match item.get("type"):
            case "UserMessage":
                urls = [part.get("image_url") for part in tables(item.get("content"))]
                yield from self._prompt(joined(item.get("content")), _pictures(urls))
            case "CommandExecution":
                self._ran[text(item.get("id"))] = item
            case _:
                pass  # the model's words and thoughts are response items

    def _prompt(self, words: str, pictures: list[e.FileInput]) -> Iterator[Draft]:
        if (self._turn, words) == self._asked and self._turn:
            return
        joins = bool(self._turn) and self._asked[0] == self._turn
        self._asked, self._over = (self._turn, words), True
        yield from self.telling.prompt(words, *pictures, at=self._at, joins=joins)

    def _complete(self, payload: Record) -> Iterator[Draft]:
        if failure := payload.get("error"):
            self.telling.failed(_said_in(failure))
        yield from self.telling.stop(UNSET)

    def _aborted(self, payload: Record) -> Iterator[Draft]:
        yield from self.telling.aborted(text(payload.get("reason"))[:100] or ABORTED)

    def _error(self, payload: Record) -> Iterator[Draft]:
        self.telling.failed(text(payload.get("message")))
        yield from ()

    # --- what the model said ------------------------------------------------------------------------------------------

    def _message(self, payload: Record) -> Iterator[Draft]:
        if payload.get("role") == "assistant":
            yield from self._open()
            yield from self.telling.say(joined(payload.get("content")))
            self.telling.finish("stop", ends=True)

    def _reasoning(self, payload: Record) -> Iterator[Draft]:
        words = joined(payload.get("summary")) or joined(payload.get("content"))
        if words:
            yield from self._open()
            yield from self.telling.say(words, thought=True)

    def _function(self, payload: Record) -> Iterator[Draft]:
        name, call = text(payload.get("name")), text(payload.get("call_id"))
        given = _arguments(payload.get("arguments") if "arguments" in payload else payload.get("input"))
        yield from self._call(call, name, given)
        if name == "update_plan":
            yield from self.telling.plan(todos(table(given).get("plan"), "step"))

    def _shell(self, payload: Record) -> Iterator[Draft]:
        yield from self._call(text(payload.get("call_id")), "local_shell", table(payload.get("action")))

    def _search(self, payload: Record) -> Iterator[Draft]:
        """The model's own: it has no result here."""
        call, action = text(payload.get("id")) or f"search-{self._reply}", table(payload.get("action"))
        yield from self._call(call, "web_search", action)
        yield from self.telling.result(call, "")

    def _call(self, call: str, name: str, given: Any) -> Iterator[Draft]:
        yield from self._open()
        yield from self.telling.call(call, TOOLS.get(name, name), given, _title(name, given))
        self.telling.finish("tool-calls", ends=False)

    def _output(self, payload: Record) -> Iterator[Draft]:
        call, output = text(payload.get("call_id")), payload.get("output")
        if not self.telling.has_called(call):
            yield from self.telling.native(payload, "the result of a call that is not known")
            return
        ran, held = self._ran.pop(call, {}), table(output)
        known = ran.get("aggregated_output")  # as it was; the model is told more around it
        words = text(known) if isinstance(known, str) else joined(held.get("content", output))
        about = {"exit_code": ran["exit_code"]} if isinstance(ran.get("exit_code"), int) else None
        failed = held.get("success") is False or ran.get("status") in ("failed", "declined")
        yield from self.telling.result(call, words, failed=failed, about=about)
        self._over = True

    def _open(self) -> Iterator[Draft]:
        """The message that this belongs to: a new one after usage or a result."""
        self._reply += self._over
        self._over = False
        yield from self.telling.reply(str(self._reply), at=self._at, model=self._model)

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _usage(self, payload: Record) -> Iterator[Draft]:
        self._exact = self._over = True
        self.telling.use(_tokens(table(payload.get("usage"))))
        yield from ()

    def _counted(self, payload: Record) -> Iterator[Draft]:
        """Told more than once for one reply, and beside `token_usage_record` by newer versions."""
        info = table(payload.get("info"))
        total = count(table(info.get("total_token_usage")).get("total_tokens"))
        if not self._exact and total != self._total:
            self._over = True
            self.telling.use(_tokens(table(info.get("last_token_usage"))))
        self._total = total
        yield from ()

    def _compacted(self, payload: Record) -> Iterator[Draft]:
        self._over = True
        yield from self.telling.summary(text(payload.get("message")))

    _KINDS: ClassVar[dict[str, Callable[["Codex", Record], Iterator[Draft]]]] = {
        "compacted": _compacted,
        "event_msg/error": _error,
        "event_msg/item_completed": _item,
        "event_msg/task_complete": _complete,
        "event_msg/task_started": _started,
        "event_msg/token_count": _counted,
        "event_msg/turn_aborted": _aborted,
        "event_msg/user_message": _message_of_user,
        "response_item/custom_tool_call": _function,
        "response_item/custom_tool_call_output": _output,
        "response_item/function_call": _function,
        "response_item/function_call_output": _output,
        "response_item/ghost_snapshot": _started,
        "response_item/local_shell_call": _shell,
        "response_item/local_shell_call_output": _output,
        "response_item/message": _message,
        "response_item/reasoning": _reasoning,
        "response_item/web_search_call": _search,
        "token_usage_record": _usage,
        "turn_context": _context,
    }


def _tokens(used: Record) -> e.Tokens:
    """Its input counts what was read from a cache, ours does not."""
    cached = count(used.get("cached_input_tokens"))
    return e.Tokens(
        input=max(0, count(used.get("input_tokens")) - cached),
        output=count(used.get("output_tokens")),
        reasoning=count(used.get("reasoning_output_tokens")),
        cache_read=cached,
        cache_write=count(used.get("cache_write_input_tokens")),
    )


def _arguments(given: Any) -> Any:
    """JSON in a string; what is none stays a string."""
    if not isinstance(given, str):
        return given
    decoded = read_line(given.encode(errors="replace"))
    return given if decoded is None else decoded


def _title(name: str, given: Any) -> str:
    command = table(given).get("cmd") or table(given).get("command")
    if isinstance(command, list):
        command = " ".join(text(word) for word in cast("list[Any]", command))
    return text(command) or name


def _pictures(urls: Any) -> list[e.FileInput]:
    """Those that are given as `data:` URLs."""
    given = (text(url) for url in cast("list[Any]", urls)) if isinstance(urls, list) else ()
    return [
        e.FileInput(url=url, mime=url[5:].partition(";")[0][:100])
        for url in given
        if url.startswith("data:") and ";base64," in url[:200]
    ]


def _said_in(failure: Any) -> str:
    """The words of an error, which may be JSON in a string, more than once."""
    for _ in range(4):
        if isinstance(failure, str):
            failure = read_line(failure.encode(errors="replace")) or failure
        inner = table(failure)
        failure = inner.get("message") or inner.get("error") or failure
    return failure if isinstance(failure, str) else msgspec.json.encode(failure).decode()
