"""Events as updates of the protocol: pure, and each as the library's own types want it."""

from typing import Any

import pytest
from acp.schema import SessionNotification

from roost.editor.asking import answer_of, request_of, words_of
from roost.editor.settings import Choices, change_of
from roost.editor.telling import MAX_OUTPUT_CHARS, MAX_TAIL_CHARS, Teller
from roost.model import events as e
from roost.model.envelope import committed, draft
from roost.model.ids import MessageId, PartId, RequestId, TaskId
from roost.model.values import Question, QuestionOption

M, P, T = MessageId("msg_1"), PartId("part_1"), TaskId("task_1")


def told(*bodies: e.Body, own: bool = False, teller: Teller | None = None) -> list[dict[str, Any]]:
    """The updates that these events are, in order."""
    teller = teller or Teller("/place")
    events = [committed(draft(body), seq=number, at=0) for number, body in enumerate(bodies, 1)]
    updates = [update for event in events for update in teller.tell(event, own=own)]
    for update in updates:
        SessionNotification.model_validate({"sessionId": "codesess_1", "update": update})
    return updates


def texts(updates: list[dict[str, Any]]) -> list[str]:
    return [each["content"]["text"] for each in updates]


def test_an_input_is_told_unless_the_editor_has_said_it_itself() -> None:
    parts = (e.TextInput(text="look"), e.FileInput(url="data:image/png;base64,AAAA", mime="image/png"),
             e.FileInput(url="blob:sha256-1", mime="text/plain", filename="a.txt"))  # fmt: skip
    start = e.RunStart(message=M, input=parts)
    text, picture, file = (each["content"] for each in told(start))
    assert (text["text"], picture["data"], file["uri"], file["name"]) == ("look", "AAAA", "blob:sha256-1", "a.txt")
    assert told(start, own=True) == []
    assert len(told(e.Steered(message=M, input=parts), own=True)) == 3, "what joins a run is somebody else's"


def test_a_text_is_told_once_whether_in_pieces_or_as_a_whole() -> None:
    pieces = e.TextDelta(message=M, part=P, delta="a"), e.PartDone(message=M, part=P, text="ab")
    assert texts(told(*pieces)) == ["a"]
    assert texts(told(e.PartDone(message=M, part=P, text="whole"))) == ["whole"]
    again = e.PartReset(message=M, part=P), e.TextDelta(message=M, part=P, delta="b")
    assert texts(told(e.TextDelta(message=M, part=P, delta="a"), *again)) == ["a", "\n[begun again]\n", "b"]
    assert texts(told(e.PartReset(message=M, part=P))) == []


def test_a_tool_shows_the_end_of_what_it_prints_and_then_all_of_it_up_to_a_limit() -> None:
    start = e.ToolStart(message=M, part=P, call="c", tool="bash", input={"command": "yes"}, title="yes")
    delta = e.ToolDelta(message=M, part=P, call="c", delta="x" * (MAX_TAIL_CHARS + 1))
    _, running, ended = told(start, delta, e.ToolComplete(message=M, part=P, call="c"))
    assert len(running["content"][0]["content"]["text"]) == MAX_TAIL_CHARS
    assert len(ended["content"][0]["content"]["text"]) == MAX_TAIL_CHARS + 1
    long = e.ToolComplete(message=M, part=P, call="c", output="x" * MAX_OUTPUT_CHARS + "end")
    assert told(start, long)[-1]["content"][0]["content"]["text"].endswith("end")
    assert len(told(start, long)[-1]["content"][0]["content"]["text"]) == MAX_OUTPUT_CHARS
    first, second = told(start, e.ToolStart(message=M, part=P, call="c", tool="bash", title="no"))
    assert (first["sessionUpdate"], second["sessionUpdate"]) == ("tool_call", "tool_call_update")
    alone = told(e.ToolError(message=M, part=P, call="c", error="not allowed"))
    assert (alone[0]["status"], alone[0]["content"][0]["content"]["text"]) == ("failed", "not allowed")


def test_a_tool_that_its_run_did_not_wait_for_has_failed() -> None:
    start = e.ToolStart(message=M, part=P, call="c", tool="bash")
    begun, ended = told(start, e.RunAborted())
    assert (begun["status"], ended["toolCallId"], ended["status"]) == ("in_progress", "c", "failed")
    error = e.RunError(error=e.Failure(code="agent_gone", message="it has ended"))
    assert texts(told(error)) == ["\n[agent_gone: it has ended]\n"]
    assert told(error, own=True) == [], "the answer to the editor's own prompt says it"


def test_diffs_and_places_are_absolute() -> None:
    start = e.ToolStart(message=M, part=P, call="c", tool="edit", input={"path": "a/b.py"})
    diff = {"path": "a/b.py", "oldText": "1", "newText": "2"}
    done = e.ToolComplete(message=M, part=P, call="c", metadata={"diffs": [diff]})
    begun, ended = told(start, done)
    assert begun["locations"] == ended["locations"] == [{"path": "/place/a/b.py"}]
    assert ended["content"] == [{"type": "diff", **diff, "path": "/place/a/b.py"}]


def test_a_sub_agent_is_a_tool_whose_output_is_what_it_says() -> None:
    said = e.TextDelta(message=M, part=P, delta="found", task=T)
    start = e.SubtaskStart(task=T, agent="scout", prompt="look around")
    begun, running, ended = told(start, said, e.SubtaskEnd(task=T, status="failed"))
    assert (begun["title"], begun["toolCallId"], ended["status"]) == ("scout: look around", T, "failed")
    assert running["content"] == ended["content"]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("max-turns", "max_turn_requests"), ("refusal", "refusal")],
)
def test_why_a_turn_has_ended_is_the_finish_of_its_last_message(finish: str, reason: str) -> None:
    teller = Teller("/")
    told(e.MessageDone(message=M, finish=finish), teller=teller)
    assert teller.stop == reason
    told(e.RunStart(message=M, input=()), teller=teller)
    assert teller.stop == "end_turn"


def test_an_answer_is_only_what_was_chosen() -> None:
    asked = e.PermissionAsked(request=RequestId("req_1"), permission="edit", patterns=("a",))
    request = request_of(asked)
    assert request and [option["optionId"] for option in request["options"]] == ["once", "reject"]
    chosen = {"outcome": "selected", "optionId": "once"}
    assert (answer_of(asked, chosen), answer_of(asked, {"outcome": "cancelled"})) == ("once", None)
    assert answer_of(asked, {"outcome": "selected", "optionId": "what"}) is None
    options = (QuestionOption(label="red"), QuestionOption(label="blue"))
    one = e.QuestionAsked(request=RequestId("req_2"), questions=(Question(question="Which?", options=options),))
    assert answer_of(one, {"outcome": "selected", "optionId": "1"}) == (("blue",),)
    assert answer_of(one, {"outcome": "selected", "optionId": "2"}) is None
    assert answer_of(one, {"outcome": "selected", "optionId": "reject"}) == "reject"
    many = e.QuestionAsked(request=RequestId("req_3"), questions=(Question(question="Why?", custom=True),))
    assert request_of(many) is None
    assert "Why?" in words_of(many) and "roost answer" in words_of(many)


def test_only_what_has_changed_of_an_agent_is_news() -> None:
    choices = Choices()
    modes = {"currentModeId": "a", "availableModes": [{"id": "a", "name": "A"}]}
    option = {"id": "depth", "name": "Depth", "type": "select", "currentValue": "1", "options": []}
    assert choices.answer({"modes": modes, "options": [option], "steer": True}) == {
        "modes": modes,
        "configOptions": [option],
    }
    assert choices.news({"modes": modes, "options": [option]}) == []
    news = choices.news({"modes": {**modes, "currentModeId": "b"}, "commands": [{"name": "x", "description": ""}]})
    assert [each["sessionUpdate"] for each in news] == [
        "available_commands_update", "current_mode_update", "config_option_update",
    ]  # fmt: skip
    assert change_of(option, "2") == {"options": {"depth": "2"}}
    assert change_of({"id": "m", "category": "model"}, "big") == {"model": "big"}
