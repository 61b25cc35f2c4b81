"""What a lead reports, as events: whatever it says, and over reconnects."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from roost.api.coder.reporting import PRIVATE, Report
from roost.model import events as e
from roost.model.envelope import decode_body, encode_body
from roost.model.messages import ToolPart
from tests.model.stories import Story, created, run, said
from tests.model.stories import message as message_of

NAMES = (
    "agent_start", "message_start", "message_update", "message_end", "tool_execution_start", "tool_execution_update",
    "tool_execution_end", "task_start", "task_complete", "task_error", "agent_progress", "session_before_compact",
    "session_compact", "something_new", *sorted(PRIVATE),
)  # fmt: skip
WORDS = ("text", "thinking", "toolCall", "assistant", "user", "error", "text_delta", "tool_start", "tool_end", "call")
FIELDS = (*WORDS[:2], "type", "role", "content", "message", "usage", "cost", "total", "input", "stopReason")
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "type",
                    "text",
                    "thinking",
                    "role",
                    "content",
                    "message",
                    "usage",
                    "cost",
                    "total",
                    "input",
                    "stopReason",
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
data = st.dictionaries(
    st.sampled_from(
        ("message", "toolCallId", "toolName", "args", "result", "partialResult", "isError", "taskId", "status", "delta",
         "currentTool", "prompt", "agent", "text")
    ),
    anything,
    max_size=5,
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(NAMES), data), max_size=12))
def test_whatever_a_lead_says_becomes_events_that_can_be_written_and_read(told: list[tuple[str, Any]]) -> None:
    report = Report()
    bodies = [body for name, about in told for body in report.take(name, about)]
    bodies.append(report.end(aborted=False, read=0))
    assert [type(decode_body(encode_body(body))) for body in bodies] == [type(body) for body in bodies]


def assistant(text: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}


def test_a_text_that_changes_is_begun_again() -> None:
    report = Report()
    report.take("message_start", assistant(""))
    told = [body for text in ("I th", "I see", "I see it") for body in report.take("message_update", assistant(text))]
    assert [type(body).__name__ for body in told] == ["TextDelta", "PartReset", "TextDelta", "TextDelta"]
    assert "".join(body.delta for body in told[2:] if isinstance(body, e.TextDelta)) == "I see it"


def test_what_is_private_is_not_kept() -> None:
    report = Report()
    assert [report.take(name, {"prompt": "p", "systemPrompt": "secret", "messages": []}) for name in PRIVATE] == [
        [] for _ in PRIVATE
    ]


@pytest.mark.parametrize("done", [False, True])
def test_another_connection_goes_on_with_the_message_and_the_tools_of_the_turn(done: bool) -> None:
    first, story = Report(), Story().tell(created("tui"), e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1))
    story.tell(e.RunStart(message=message_of(9), input=said("go")), run=run())
    names = [("message_start", assistant("")), ("message_update", assistant("I s"))]
    names += [("message_end", assistant("I s"))] if done else []
    names += [("tool_execution_start", {"toolCallId": "call_1", "toolName": "bash", "args": {}})]
    for name, about in names:
        story.tell(*first.take(name, about), run=run())
    second = Report()
    second.resume(story.messages, run())
    if not done:
        story.tell(*second.take("message_update", assistant("I see")), run=run())
    result = {"content": [{"type": "text", "text": "ok"}]}
    story.tell(*second.take("tool_execution_end", {"toolCallId": "call_1", "result": result}), run=run())
    (message,) = [message for message in story.messages if message.info.role == "assistant"]
    assert message.text == ("I s" if done else "I see")
    assert [part.state.status for part in message.parts if isinstance(part, ToolPart)] == ["completed"]
    assert message.info.task is UNSET
