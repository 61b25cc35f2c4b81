"""What becomes of what an agent says: pure, at its limits and in its oddities."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from roost.drivers.acp.calls import MAX_FIELD_BYTES, fitting
from roost.drivers.acp.permissions import CANCELLED, asked_for, feedback, literal, outcome
from roost.drivers.acp.translate import MAX_RESULT_CHARS, Media, Said, Saying, tokens_of
from roost.model import events as e
from roost.model.envelope import encode_body
from roost.model.events import MAX_BODY_BYTES
from roost.model.ids import RequestId


def said(saying: Saying, *updates: Mapping[str, Any]) -> list[Said]:
    return [body for update in updates for body in saying.update(update)]


def call(status: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"sessionUpdate": "tool_call_update", "toolCallId": "c1", "status": status, **fields}


def text(kind: str, words: str) -> dict[str, Any]:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": words}}


def block(words: str) -> dict[str, Any]:
    return {"type": "content", "content": {"type": "text", "text": words}}


def only(bodies: Iterable[Said], kind: type) -> list[Any]:
    return [body for body in bodies if isinstance(body, kind)]


def test_a_part_ends_where_another_begins() -> None:
    bodies = said(
        Saying("a"),
        text("agent_thought_chunk", "hm"),
        text("agent_message_chunk", "a"),
        text("agent_message_chunk", "b"),
    )
    kinds = [type(body).__name__ for body in bodies]
    assert kinds == [
        "MessageStart", "PartStart", "ReasoningDelta", "PartDone", "PartStart", "TextDelta", "TextDelta"
    ]  # fmt: skip


def test_content_of_a_call_that_waits_is_about_it_and_none_of_its_output() -> None:
    saying = Saying("a")
    about = said(saying, call("pending", title="ls", kind="execute", content=[block("list the files")]))
    assert only(about, e.ToolDelta) == []
    assert [delta.delta for delta in only(said(saying, call("in_progress", content=[block("a")])), e.ToolDelta)] == [
        "a"
    ]
    (done,) = only(said(saying, call("completed", content=[])), e.ToolComplete)
    assert done.output is UNSET


@pytest.mark.parametrize("name", ["terminal_output", "terminal_output_delta"])
def test_what_a_terminal_of_the_agents_own_prints_is_output(name: str) -> None:
    saying, shown = Saying("a"), [{"type": "terminal", "terminalId": "c1"}]
    said(saying, call("in_progress", kind="execute", content=shown, _meta={"terminal_info": {"cwd": "/"}}))
    more = [call(_meta={name: {"terminal_id": "c1", "data": text}}) for text in ("a\n", "b\n")]
    assert [delta.delta for delta in only(said(saying, *more), e.ToolDelta)] == ["a\n", "b\n"]
    meta = {name: {"terminal_id": "c1", "data": "c\n"}, "terminal_exit": {"exit_code": 0}}
    last = said(saying, call("completed", _meta=meta))
    assert [delta.delta for delta in only(last, e.ToolDelta)] == ["c\n"]
    (done,) = only(last, e.ToolComplete)
    assert (done.output, done.metadata) == (UNSET, {"_meta": {"terminal_exit": {"exit_code": 0}}})


def test_a_tool_call_is_begun_again_only_when_more_of_it_is_known() -> None:
    bodies = said(
        Saying("a"), call(title="Bash", kind="execute"), call(), call(rawInput={"command": "ls"}), call("in_progress")
    )
    starts = only(bodies, e.ToolStart)
    assert [(start.tool, start.input) for start in starts] == [("bash", None), ("bash", {"command": "ls"})]
    assert len(only(bodies, e.PartStart)) == 1


def test_a_diff_is_kept_when_words_take_its_place() -> None:
    diff = {"type": "diff", "path": "/p", "oldText": "a", "newText": "b"}
    bodies = said(
        Saying("a"),
        call(content=[{**diff, "newText": "x"}]),
        call(content=[diff]),
        call("completed", content=[block("ok")]),
    )
    assert only(bodies, e.ToolComplete)[0].metadata == {"diffs": [{"path": "/p", "oldText": "a", "newText": "b"}]}


def test_output_streams_while_it_grows_and_is_given_whole_where_it_was_replaced() -> None:
    grown = said(Saying("a"), call(content=[block("ab")]), call("completed", content=[block("abc")]))
    assert [delta.delta for delta in only(grown, e.ToolDelta)] == ["ab", "c"]
    assert only(grown, e.ToolComplete)[0].output is UNSET
    replaced = said(Saying("a"), call(content=[block("ab")]), call("completed", content=[block("x")]))
    assert only(replaced, e.ToolComplete)[0].output == "x"


@pytest.mark.parametrize(("raw", "output"), [("plain", "plain"), ({"a": [1]}, '{"a":[1]}'), (None, UNSET)])
def test_a_raw_output_is_the_output_of_a_tool_that_shows_none(raw: Any, output: Any) -> None:
    assert only(said(Saying("a"), call("completed", rawOutput=raw)), e.ToolComplete)[0].output == output


def test_a_tool_that_failed_says_why_and_ends_once() -> None:
    bodies = said(Saying("a"), call("failed", content=[block("no such file")]), call("completed"))
    assert [error.error for error in only(bodies, e.ToolError)] == ["no such file"]
    assert only(bodies, e.ToolComplete) == []


def test_a_turn_that_ends_closes_what_is_open() -> None:
    saying = Saying("a")
    said(saying, call("in_progress"), text("agent_message_chunk", "b"))
    done, error, message = saying.close("aborted")
    assert (type(done), type(error), type(message)) == (e.PartDone, e.ToolError, e.MessageDone)


def test_what_a_terminal_has_printed_first_comes_with_the_call_that_shows_it() -> None:
    saying = Saying("a")
    assert list(saying.print("t1", "early ")) == []
    shown = [{"type": "terminal", "terminalId": "t1"}]
    bodies = [*said(saying, call(content=shown)), *saying.print("t1", "late")]
    assert [delta.delta for delta in only(bodies, e.ToolDelta)] == ["early ", "late"]


def test_a_field_of_an_event_holds_so_much_and_no_more() -> None:
    room = MAX_FIELD_BYTES - len('""')
    assert fitting("x" * room) == "x" * room
    cut = fitting("x" * (room + 1))
    assert cut.startswith("x" * (room // 2))
    assert cut.endswith("x\n[truncated]")
    value = {"a": "x" * (MAX_FIELD_BYTES - len('{"a":""}'))}
    assert fitting(value) is value
    assert list(fitting({"a": value["a"] + "x"})) == ["truncated"]


def test_the_largest_call_fits_into_the_log() -> None:
    big = "\x00" * MAX_FIELD_BYTES * 2
    diff = {"type": "diff", "path": "/p", "oldText": big, "newText": big}
    bodies = said(Saying("a"), call(rawInput={"x": big}, title="t"), call("completed", content=[diff], rawOutput=big))
    assert only(bodies, e.ToolComplete)[0].metadata == {"truncated": True, "paths": ["/p"]}
    assert max(len(encode_body(body)) for body in bodies if not isinstance(body, Media)) <= MAX_BODY_BYTES


def test_the_result_has_its_text_up_to_a_limit() -> None:
    saying = Saying("a")
    said(saying, text("agent_message_chunk", "x" * MAX_RESULT_CHARS))
    assert saying.result().text == "x" * MAX_RESULT_CHARS
    said(saying, text("agent_message_chunk", "x"))
    assert saying.result().text is UNSET


@pytest.mark.parametrize(
    ("content", "becomes"),
    [
        ({"type": "image", "mimeType": "image/png", "data": "AA=="}, Media),
        ({"type": "resource", "resource": {"uri": "x:y", "blob": "AA=="}}, Media),
        ({"type": "resource", "resource": {"uri": "x:y", "text": "words"}}, e.TextDelta),
        ({"type": "resource_link", "name": "a", "uri": "file:///a"}, e.TextDelta),
        ({"type": "hologram"}, e.Native),
        ({"type": "text"}, e.Native),
    ],
)
def test_every_kind_of_content_becomes_something(content: dict[str, Any], becomes: type) -> None:
    bodies = said(Saying("a"), {"sessionUpdate": "agent_message_chunk", "content": content})
    assert isinstance(bodies[-1], becomes)


def test_tokens_are_found_where_agents_say_them() -> None:
    assert tokens_of({"usage": {"inputTokens": 3, "outputTokens": 2, "thoughtTokens": 1}}) == e.Tokens(
        input=3, output=2, reasoning=1
    )
    quota = {"token_count": {"input_tokens": 7, "output_tokens": 5}}
    assert tokens_of({"_meta": {"quota": quota}}) == e.Tokens(input=7, output=5)
    assert tokens_of({"stopReason": "end_turn"}) is None


# --- permissions ---

ONCE, ALWAYS = {"optionId": "y", "kind": "allow_once"}, {"optionId": "a", "kind": "allow_always"}
NO, NEVER = {"optionId": "n", "kind": "reject_once"}, {"optionId": "x", "kind": "reject_always"}


@pytest.mark.parametrize(
    ("reply", "offered", "chosen"),
    [
        ("once", (ALWAYS, ONCE, NO), "y"),
        ("always", (ALWAYS, ONCE, NO), "y"),
        ("always", (ALWAYS, NO), "a"),
        ("once", (ALWAYS, NO), None),  # more than the person said
        ("reject", (ONCE, NEVER, NO), "n"),
        ("reject", (ONCE, NEVER), "x"),
        ("reject", (ONCE,), None),
        ("interrupted", (ONCE, NO), None),
    ],
)
def test_an_answer_is_given_as_the_option_that_says_no_more(
    reply: Any, offered: tuple[dict[str, str], ...], chosen: str | None
) -> None:
    told = outcome(e.PermissionReplied(request=RequestId("r"), reply=reply), offered)
    assert told == (CANCELLED if chosen is None else {"outcome": {"outcome": "selected", "optionId": chosen}})


@pytest.mark.parametrize(
    ("given", "permission", "patterns"),
    [
        ({"kind": "execute", "rawInput": {"command": "ls -l"}}, "bash", ("ls -l",)),
        ({"kind": "execute", "rawInput": {"cmd": ["ls", "-l"]}}, "bash", ("ls -l",)),
        ({"kind": "edit", "locations": [{"path": "/w/a/b"}, {"path": "/else"}]}, "edit", ("a/b", "/else")),
        ({"kind": "delete", "content": [{"type": "diff", "path": "/w/c", "newText": ""}]}, "edit", ("c",)),
        ({"kind": "novel", "title": "Dance"}, "other", ("Dance",)),
    ],
)
def test_a_permission_names_the_tool_and_what_it_is_for(
    given: dict[str, Any], permission: str, patterns: tuple[str, ...]
) -> None:
    saying = Saying("a")
    list(saying.call({"toolCallId": "c1", **given}))
    asked = asked_for(saying.calls["c1"], given, saying.message, Path("/w"), [ONCE])
    assert (asked.permission, asked.patterns) == (permission, patterns)
    assert asked.metadata == {"title": saying.calls["c1"].title, "options": [ONCE], "replies": ["once", "always"]}


def test_what_is_asked_for_counts_and_not_what_was_said_of_the_call_before() -> None:
    saying = Saying("a")
    list(saying.call({"toolCallId": "c1", "kind": "execute", "rawInput": {"command": "ls"}}))
    given = {"toolCallId": "c1", "rawInput": {"command": "rm -r ."}}
    asked = asked_for(saying.calls["c1"], given, saying.message, Path("/w"), [ONCE])
    assert asked.patterns == ("rm -r .",)


def test_always_is_granted_for_this_text_alone() -> None:
    assert literal("rm *.[ch] ?") == "rm [*].[[]ch] [?]"


def test_only_a_rejection_with_words_tells_the_agent_something() -> None:
    asked = e.PermissionAsked(request=RequestId("r"), permission="bash", patterns=("ls",))
    rejected = e.PermissionReplied(request=RequestId("r"), reply="reject", message="no")
    assert feedback(asked, rejected) == "The user did not allow `bash` on ls, and said: no"
    assert feedback(asked, replace(rejected, message=UNSET)) is None
    assert feedback(asked, replace(rejected, reply="once")) is None
