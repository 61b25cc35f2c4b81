"""Events become messages and parts: one sentence each."""

import pytest
from msgspec import UNSET

from roost.model import events as e
from roost.model.conversation import KEPT
from roost.model.envelope import Unknown
from roost.model.ids import PartId
from roost.model.messages import FilePart, PatchPart, ReasoningPart, RetryPart, StepFinishPart, StepStartPart, TextPart
from tests.model.stories import ANN, FIRST_AT, Story, again, awake, message, part, request, run, running, said, task

M, P, C = message(2), part(), "call_1"
DONE = e.MessageDone(message=M)


def text(*deltas: str) -> list[e.Body]:
    return [e.TextDelta(message=M, part=P, delta=delta) for delta in deltas]


def calling(tool: str = "bash") -> Story:
    """The agent runs a tool. Seq 5."""
    start = e.ToolStart(message=M, part=P, call=C, tool=tool, input={"command": "ls"}, title="List")
    return running().tell(start, run=run())


# --- what people say --------------------------------------------------------------------------------------------------


def test_the_input_of_a_run_is_a_user_message_that_is_finished_at_once() -> None:
    given = (e.TextInput(text="look"), e.FileInput(url="data:,x", mime="text/plain", filename="x.txt"))
    story = awake().tell(e.RunStart(message=message(), input=given), run=run(), by=ANN)
    [spoken], at = story.messages, FIRST_AT + 4
    assert story.stored == {message(): spoken}
    assert (spoken.info.role, spoken.info.first, spoken.info.by, spoken.info.run) == ("user", 4, ANN, run())
    assert spoken.info.created == spoken.info.completed == at
    assert spoken.parts == (
        TextPart(id=PartId("msg_1.0"), text="look", start=at, end=at),
        FilePart(id=PartId("msg_1.1"), mime="text/plain", filename="x.txt", url="data:,x"),
    )


def test_steering_is_a_user_message_in_the_middle_of_the_run() -> None:
    story = running().tell(*text("on it"), e.Steered(message=message(3), input=said("left")), *text("!"), run=run())
    assert [(m.info.role, m.text) for m in story.messages] == [
        ("user", "go"),
        ("assistant", "on it!"),
        ("user", "left"),
    ]


def test_a_steer_that_nobody_read_is_said_once_though_it_starts_a_run_later() -> None:
    story = running().tell(e.Steered(message=message(3), input=said("left")), e.RunAborted(), run=run())
    story.tell(e.Dequeued(message=message(3)))
    story.tell(e.RunStart(message=message(3), input=said("left"), delivery="queue"), run=run(2))
    assert [m.text for m in story.messages] == ["go", "left"]
    assert story.fold.record.metrics.messages == 2
    assert story.fold.record.run.said  # type: ignore[union-attr]


def test_it_is_said_once_also_when_it_is_too_long_ago_to_be_remembered_by_its_message() -> None:
    story = running().tell(e.Steered(message=message(3), input=said("left")), run=run())
    for number in range(10, 10 + KEPT):
        story.tell(e.MessageDone(message=message(number)), run=run())
    assert message(3) not in [m.info.id for m in story.messages]
    story.tell(e.RunError(error=e.Failure(code="provider", message="no")), run=run())
    story.tell(e.RunStart(message=message(3), input=said("left"), delivery="queue"), run=run(2))
    assert message(3) not in [m.info.id for m in story.messages]
    assert story.fold.record.metrics.messages == 2 + KEPT == len(story.stored)


def test_an_input_that_is_offered_again_is_not_said_again() -> None:
    story = running().tell(e.RunError(error=e.Failure(code="interrupted", message="lost")), run=run())
    story.tell(e.RunStart(message=message(), input=said("go")), run=run(2))
    assert [m.text for m in story.messages] == ["go"]


def test_an_input_that_waits_is_not_said_yet() -> None:
    story = running().tell(e.Queued(message=message(3), input=said("then this")))
    assert [m.text for m in story.messages] == ["go"]
    story.tell(e.RunComplete(), run=run()).tell(e.Dequeued(message=message(3)))
    story.tell(e.RunStart(message=message(3), input=said("then this"), delivery="queue"), run=run(2))
    assert [m.text for m in story.messages] == ["go", "then this"]


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_opens_grows_and_is_done() -> None:
    story = running().tell(e.MessageStart(message=M, agent="build", model="large", parent=message()), run=run())
    assert story.messages[-1].info.completed is UNSET
    story.tell(e.PartStart(message=M, part=P), *text("Hel", "lo"), run=run())
    assert story.parts == (TextPart(id=P, text="Hello", start=FIRST_AT + 6),)
    assert M not in story.stored
    story.tell(e.PartDone(message=M, part=P), e.MessageDone(message=M, finish="length"), run=run())
    info = story.messages[-1].info
    assert (info.role, info.agent, info.model, info.parent, info.run) == (
        "assistant",
        "build",
        "large",
        message(),
        run(),
    )
    assert (info.first, info.created, info.completed, info.finish) == (5, FIRST_AT + 5, FIRST_AT + 10, "length")
    assert story.parts == (TextPart(id=P, text="Hello", start=FIRST_AT + 6, end=FIRST_AT + 9),)
    assert story.stored[M] == story.messages[-1]


def test_a_message_that_nobody_started_is_the_agents_and_counts() -> None:
    story = running().tell(*text("Hello"), run=run())
    assert (story.messages[-1].info.role, story.messages[-1].text) == ("assistant", "Hello")
    assert story.fold.record.metrics.messages == 2
    story.tell(e.MessageStart(message=M, agent="build"), run=run())
    assert (story.messages[-1].info.agent, story.messages[-1].text) == ("build", "Hello")
    assert story.fold.record.metrics.messages == 2


def test_an_answer_belongs_to_the_input_of_its_run_and_a_sub_agents_words_to_its_task() -> None:
    story = running().tell(*text("Hello"), e.TextDelta(message=message(3), task=task(), part=P, delta="x"), run=run())
    assert story.messages[1].info.parent == message()
    assert (story.messages[2].info.parent, story.messages[2].info.task) == (UNSET, task())


def test_what_is_said_outside_a_run_is_a_message_too() -> None:
    story = awake().tell(*text("Good morning"))
    assert (story.messages[0].info.run, story.messages[0].info.parent) == (UNSET, UNSET)
    assert story.fold.record.open_from == 4
    story.tell(DONE)
    assert story.fold.record.open_from is UNSET
    assert story.stored[M].text == "Good morning"


def test_a_message_that_is_done_waits_for_its_tools() -> None:
    story = calling().tell(DONE, run=run())
    assert M not in story.stored
    story.tell(e.ToolDelta(message=M, part=P, call=C, delta="x"), run=run())
    story.tell(e.ToolComplete(message=M, part=P, call=C), run=run())
    assert story.stored[M].info.completed == FIRST_AT + 6
    assert story.tool.state.end == FIRST_AT + 8


def test_its_own_run_may_still_add_to_a_finished_message() -> None:
    story = running().tell(*text("Hello"), DONE, run=run())
    story.tell(e.StepFinish(message=M, part=part(2), tokens=e.Tokens(input=3), cost=0.5), run=run())
    assert (story.stored[M].info.tokens, story.stored[M].info.cost) == (e.Tokens(input=3), 0.5)
    story.tell(*text(" again"), run=run())
    assert story.messages[-1].text == "Hello again"
    assert story.messages[-1].parts[0] == TextPart(id=P, text="Hello again", start=FIRST_AT + 5)
    story.tell(e.PartDone(message=M, part=P), run=run())
    assert story.stored[M].text == "Hello again"
    assert story.fold.record.metrics.messages == 2


def test_nobody_else_may_add_to_it() -> None:
    story = running().tell(*text("Hello"), DONE, run=run())
    before = story.messages
    story.tell(*text("outside"))
    assert story.messages == before
    story.tell(e.RunComplete(), run=run())
    story.tell(e.RunStart(message=message(3), input=said("more")), *text("later"), run=run(2))
    assert story.messages[:2] == before
    assert story.fold.record.metrics.messages == 3
    story.tell(e.TextDelta(message=message(3), part=P, delta="in your mouth"), run=run(2))
    assert story.messages[-1].text == "more"


def test_a_message_may_end_in_an_error() -> None:
    error = e.Failure(code="context_overflow", message="too long")
    story = running().tell(e.MessageDone(message=M, finish="error", error=error), run=run())
    assert (story.messages[-1].info.error, story.parts) == (error, ())


def test_the_message_that_a_compaction_made_is_marked() -> None:
    story = running().tell(*text("So far: ..."), DONE, e.Compacting(), e.Compacted(message=M), run=run())
    assert story.stored[M].info.summary
    story.tell(e.Compacted(message=message(9)), e.Compacted(), run=run())
    assert [m.info.summary for m in story.messages] == [False, True]


def test_the_last_messages_stay_and_older_ones_are_only_in_the_store() -> None:
    story = running()
    for number in range(2, KEPT + 10):
        story.tell(e.MessageDone(message=message(number)), run=run())
    story.tell(*[e.TextDelta(message=message(99), part=P, delta="open")], run=run())
    kept = [m.info.id for m in story.messages]
    assert kept == [*(message(number) for number in range(10, KEPT + 10)), message(99)]
    assert len(story.stored) == KEPT + 9


def test_messages_stand_in_the_order_in_which_they_began() -> None:
    story = running().tell(e.MessageStart(message=M), e.MessageStart(message=message(3)), run=run())
    story.tell(e.MessageDone(message=message(3)), e.Steered(message=message(4), input=said("!")), DONE, run=run())
    assert [m.info.id for m in story.messages] == [message(1), M, message(3), message(4)]


# --- the end of a run -------------------------------------------------------------------------------------------------

ENDS = [
    (e.RunComplete(), UNSET),
    (e.RunAborted(reason="enough"), e.Failure(code="aborted", message="the run was aborted: enough")),
    (e.RunError(error=e.Failure(code="interrupted", message="lost")), e.Failure(code="interrupted", message="lost")),
]


@pytest.mark.parametrize(("end", "error"), ENDS, ids=["complete", "aborted", "error"])
def test_a_runs_end_cuts_what_is_open_in_it(end: e.Body, error: e.Failure) -> None:
    story = running().tell(*text("Hel"), e.ToolStart(message=M, part=part(2), call=C, tool="bash"), run=run())
    story.tell(e.ToolDelta(message=M, part=part(2), call=C, delta="half"), end, run=run())
    at, spoken = FIRST_AT + 8, story.messages[-1]
    assert (spoken.info.completed, spoken.info.error, spoken.info.finish) == (at, error, UNSET)
    assert spoken.parts[0] == TextPart(id=P, text="Hel", start=FIRST_AT + 5, end=at, partial=True)
    assert (story.tool.partial, story.tool.state.status, story.tool.state.output) == (True, "error", "half")
    assert story.tool.state.error
    assert story.stored[M] == spoken
    assert story.fold.record.open_from is UNSET


def test_what_was_whole_before_the_end_stays_whole() -> None:
    story = running().tell(*text("Hello"), e.PartDone(message=M, part=P), DONE, run=run())
    before = story.messages
    story.tell(e.RunAborted(), run=run())
    assert story.messages == before
    assert not story.parts[0].partial  # type: ignore[union-attr]


def test_a_runs_end_leaves_alone_what_was_said_outside_of_it_and_the_end_of_the_epoch_does_not() -> None:
    story = running().tell(e.TextDelta(message=message(3), part=P, delta="aside")).tell(e.RunComplete(), run=run())
    assert story.messages[-1].info.completed is UNSET
    story.tell(e.SessionPaused())
    assert story.messages[-1].parts == (
        TextPart(id=P, text="aside", start=FIRST_AT + 5, end=FIRST_AT + 7, partial=True),
    )


# --- parts ------------------------------------------------------------------------------------------------------------


def test_text_and_reasoning_stream_side_by_side() -> None:
    thought = [e.ReasoningDelta(message=M, part=part(2), delta=delta) for delta in ("Hm", "...")]
    story = running().tell(
        e.PartStart(message=M, part=part(2), kind="reasoning"), *text("a"), *thought, *text("b"), run=run()
    )
    assert story.parts == (
        ReasoningPart(id=part(2), text="Hm...", start=FIRST_AT + 5),
        TextPart(id=P, text="ab", start=FIRST_AT + 6),
    )


def test_a_reset_voids_what_was_streamed() -> None:
    story = running().tell(*text("Hel", "p!"), e.PartReset(message=M, part=P, reason="overloaded"), run=run())
    assert story.parts == (TextPart(id=P, text="", start=FIRST_AT + 5),)
    story.tell(*text("Hello"), run=run())
    assert story.messages[-1].text == "Hello"


def test_the_end_of_a_part_may_replace_its_text() -> None:
    story = running().tell(*text("Helo"), e.PartDone(message=M, part=P, text="Hello"), run=run())
    assert story.parts == (TextPart(id=P, text="Hello", start=FIRST_AT + 5, end=FIRST_AT + 6),)
    whole = running().tell(e.PartDone(message=M, part=P, text="at once"), run=run())
    assert whole.messages[-1].text == "at once"


@pytest.mark.parametrize("before", [(), (DONE,)])
def test_what_a_run_has_changed_is_a_part_of_its_last_message(before: tuple[e.Body, ...]) -> None:
    changed = e.FilesChanged(files=(e.FileChange(path="a", change="added"),), truncated=True)
    story = running().tell(
        e.MessageDone(message=message(9)), *text("done"), *before, changed, e.RunComplete(), run=run()
    )
    shown = PatchPart(id=PartId(f"patch_{story.fold.seq - 1}"), files=changed.files, truncated=True)
    assert [m.parts[-1:] == (shown,) for m in story.messages] == [False, False, True]
    assert story.messages[-1].text == "done" and story.stored[M] == story.messages[-1]


def test_what_a_run_that_said_nothing_has_changed_is_in_no_message() -> None:
    other = running().tell(*text("done"), DONE, e.RunComplete(), run=run())
    other.tell(e.RunStart(message=message(3), input=said("go")), e.FilesChanged(files=()), run=run(2))
    assert [m.text for m in other.messages] == ["go", "done", "go"]
    assert not [p for m in other.messages for p in m.parts if isinstance(p, PatchPart)]


def test_steps_retries_and_files_are_parts() -> None:
    blob = e.Blob(hash="sha256-00", size=4)
    used = e.Tokens(input=10, output=2)
    story = running().tell(
        e.StepStart(message=M, part=part(1)),
        e.Retry(message=M, part=part(2), attempt=1, error="529", next_ms=500),
        e.Retry(message=M, part=part(2), attempt=2, error="529"),
        e.Attachment(message=M, part=part(3), mime="image/png", filename="plot.png", blob=blob),
        e.StepFinish(message=M, part=part(1), tokens=used, cost=0.25),
        e.StepFinish(message=M, part=part(4), reason="length", tokens=used, cost=0.5),
        run=run(),
    )
    assert story.parts == (
        StepStartPart(id=part(1)),
        RetryPart(id=part(2), attempt=2, error="529", created=FIRST_AT + 7),
        FilePart(id=part(3), mime="image/png", filename="plot.png", blob=blob),
        StepFinishPart(id=PartId("part_1.end"), reason="stop", tokens=used, cost=0.25),
        StepFinishPart(id=part(4), reason="length", tokens=used, cost=0.5),
    )
    info = story.messages[-1].info
    assert (info.tokens, info.cost) == (e.Tokens(input=20, output=4), 0.75)


def test_a_step_finishes_once() -> None:
    step = e.StepFinish(message=M, part=P, tokens=e.Tokens(input=1), cost=1.0)
    story = running().tell(step, step, run=run())
    assert len(story.parts) == story.fold.record.metrics.steps == 1
    assert story.fold.record.metrics.cost == 1.0


def test_sums_stay_finite_numbers() -> None:
    most = 2**53 - 1
    dear = [e.StepFinish(message=M, part=part(n), tokens=e.Tokens(input=most), cost=1e308) for n in range(3)]
    story = running().tell(*dear, run=run())
    assert story.fold.record.metrics.tokens.input == most
    assert again(story.snapshot) == story.snapshot


# --- tools ------------------------------------------------------------------------------------------------------------


def test_a_tool_call_is_pending_while_its_input_is_written() -> None:
    story = running().tell(
        *[e.ToolInputDelta(message=M, part=P, call=C, delta=delta) for delta in ('{"command"', ': "ls"}')], run=run()
    )
    assert (story.tool.call, story.tool.tool, story.tool.state.status) == (C, UNSET, "pending")
    assert (story.tool.state.raw, story.tool.state.input) == ('{"command": "ls"}', UNSET)
    assert story.fold.record.metrics.tool_calls == 0
    story.tell(e.ToolStart(message=M, part=P, call=C, tool="bash", input={"command": "ls -a"}), run=run())
    assert (story.tool.tool, story.tool.state.status) == ("bash", "running")
    assert (story.tool.state.raw, story.tool.state.input) == (UNSET, {"command": "ls -a"})


def test_an_input_that_is_not_repeated_is_what_was_streamed() -> None:
    streamed = e.ToolInputDelta(message=M, part=P, call=C, delta='{"command": "ls"}')
    story = running().tell(streamed, e.ToolStart(message=M, part=P, call=C, tool="bash"), run=run())
    assert (story.tool.state.raw, story.tool.state.input) == (UNSET, {"command": "ls"})
    odd = running().tell(
        e.ToolInputDelta(message=M, part=P, call=C, delta="ls -"),
        e.ToolStart(message=M, part=P, call=C, tool="bash"),
        run=run(),
    )
    assert (odd.tool.state.raw, odd.tool.state.input) == ("ls -", UNSET)


def test_a_tool_runs_and_ends_well() -> None:
    story = calling().tell(*[e.ToolDelta(message=M, part=P, call=C, delta=delta) for delta in "ab"], run=run())
    assert (story.tool.state.status, story.tool.state.output, story.tool.state.start) == ("running", "ab", FIRST_AT + 5)
    story.tell(e.ToolComplete(message=M, part=P, call=C, title="Listed", metadata={"exit_code": 0}), run=run())
    state = story.tool.state
    assert (state.status, state.output, state.title, state.end) == ("completed", "ab", "Listed", FIRST_AT + 8)
    assert (state.input, state.metadata, story.tool.partial) == ({"command": "ls"}, {"exit_code": 0}, False)


def test_the_end_of_a_tool_may_replace_its_output() -> None:
    story = calling().tell(e.ToolDelta(message=M, part=P, call=C, delta="long..."), run=run())
    story.tell(e.ToolComplete(message=M, part=P, call=C, output="short"), run=run())
    assert story.tool.state.output == "short"
    assert calling().tell(e.ToolComplete(message=M, part=P, call=C), run=run()).tool.state.output == ""


def test_a_tool_that_fails_says_why_and_keeps_what_it_said() -> None:
    story = calling().tell(e.ToolDelta(message=M, part=P, call=C, delta="half"), run=run())
    story.tell(e.ToolError(message=M, part=P, call=C, error="exit 1", metadata={"exit_code": 1}), run=run())
    state = story.tool.state
    assert (state.status, state.error, state.output, state.metadata) == ("error", "exit 1", "half", {"exit_code": 1})
    assert story.fold.record.metrics.tool_usage == {"bash": 1}


LATE = [
    e.ToolInputDelta(message=M, part=P, call=C, delta="x"),
    e.ToolStart(message=M, part=P, call=C, tool="edit", input={"late": True}),
    e.ToolDelta(message=M, part=P, call=C, delta="x"),
    e.ToolComplete(message=M, part=P, call=C, output="x"),
    e.ToolError(message=M, part=P, call=C, error="x"),
    e.PartReset(message=M, part=P),
    e.PartDone(message=M, part=P, text="x"),
    e.TextDelta(message=M, part=P, delta="x"),
    e.Attachment(message=M, part=P, mime="text/plain"),
    e.StepStart(message=M, part=P),
    e.StepFinish(message=M, part=P, cost=1.0),
    e.Retry(message=M, part=P, attempt=1, error="x"),
]


@pytest.mark.parametrize("late", LATE, ids=lambda late: type(late).__name__)
@pytest.mark.parametrize(
    "end",
    [e.ToolComplete(message=M, part=P, call=C), e.ToolError(message=M, part=P, call=C, error="no")],
    ids=["completed", "failed"],
)
def test_an_ended_tool_never_goes_back(end: e.Body, late: e.Body) -> None:
    story = calling().tell(end, run=run())
    before = story.messages, story.fold.record.metrics
    story.tell(late, run=run())
    assert (story.messages, story.fold.record.metrics) == before


def test_a_running_tool_may_be_told_more_and_counts_once() -> None:
    story = calling().tell(e.ToolStart(message=M, part=P, call=C, tool="bash", input={"command": "ls -a"}), run=run())
    assert (story.tool.state.input, story.tool.state.title) == ({"command": "ls -a"}, "List")
    assert story.fold.record.metrics.tool_usage == {"bash": 1}


def test_a_tool_that_was_never_started_counts_when_it_ends() -> None:
    ended = running().tell(e.ToolError(message=M, part=P, call=C, error="refused"), run=run())
    assert (ended.tool.tool, ended.tool.state.status) == ("unknown", "error")
    cut = running().tell(e.ToolDelta(message=M, part=P, call=C, delta="x"), e.RunAborted(), run=run())
    never = running().tell(e.ToolInputDelta(message=M, part=P, call=C, delta="{"), e.RunAborted(), run=run())
    counts = [story.fold.record.metrics.tool_usage for story in (ended, cut, never)]
    assert counts == [{"unknown": 1}, {"unknown": 1}, {}]


def test_a_result_finds_its_tool_by_the_call_too() -> None:
    story = calling().tell(e.ToolComplete(message=M, part=part(7), call=C, output="found"), run=run())
    assert [p.id for p in story.parts] == [P]
    assert story.tool.state.output == "found"


# --- what does not belong to it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        Unknown(type="thought-experiment", raw=b'{"type":"thought-experiment","message":"msg_2"}'),
        e.Native(raw={"message": "msg_2"}),
        e.TodosUpdated(todos=()),
        e.PermissionAsked(request=request(), permission="bash"),
    ],
    ids=lambda other: type(other).__name__,
)
def test_what_is_no_conversation_leaves_it_as_it_is(other: e.Body) -> None:
    story = running().tell(*text("Hel"), run=run())
    before = story.messages
    assert story.tell(other, run=run()).messages == before
    assert story.stored.keys() == {message()}


def test_a_client_that_stores_nothing_keeps_nothing_to_be_stored() -> None:
    story = running().tell(*text("Hello"), run=run())
    client = type(story.fold).from_snapshot(again(story.snapshot), storing=False)
    story.tell(DONE, run=run())
    client.apply(story.events[-1])
    assert client.snapshot() == story.snapshot
    assert client.take_finished() == []
