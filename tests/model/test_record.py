"""The record: run, queue, decisions, todos, metrics; one sentence each."""

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from roost.model import events as e
from roost.model.envelope import Unknown
from roost.model.errors import IllegalTransition, PermissionNotFound
from roost.model.lifecycle import Phase, RunStatus
from roost.model.made import MAX_CHANGED
from roost.model.pending import MAX_GRANTED
from roost.model.record import Queued, Record, decode_record, encode_record, fold_records
from tests.model.stories import (
    ANN,
    FIRST_AT,
    Story,
    awake,
    created,
    event,
    message,
    part,
    request,
    run,
    running,
    said,
)

ASKED = e.PermissionAsked(request=request(), permission="bash", patterns=("ls",))
QUESTION = e.QuestionAsked(request=request(), questions=(e.Question(question="Which?"),))
FAILED = e.Failure(code="provider", message="no")
INTERRUPTED = e.Failure(code="interrupted", message="the host was lost")


def record(story: Story) -> Record:
    return story.fold.record


def waiting(story: Story) -> list[str]:
    return [entry.message for entry in record(story).queue]


def steered(number: int) -> e.Steered:
    return e.Steered(message=message(number), input=said(f"steer {number}"))


def queued(number: int) -> e.Queued:
    return e.Queued(message=message(number), input=said(f"queue {number}"))


# --- the session ------------------------------------------------------------------------------------------------------


def test_a_log_begins_with_its_session() -> None:
    with pytest.raises(IllegalTransition):
        Story().tell(e.RuntimeStarting(epoch=1))
    with pytest.raises(IllegalTransition):
        Story().tell(Unknown(type="thought-experiment", raw=b'{"type":"thought-experiment"}'))
    with pytest.raises(IllegalTransition):
        fold_records(None, [])
    with pytest.raises(IllegalTransition):
        _ = Story().snapshot
    assert record(Story().tell(created())).phase is Phase.CREATING


def test_a_session_never_shows_its_environment() -> None:
    secret = replace(created(), env={"TOKEN": "hunter2"})
    story = Story().tell(secret)
    assert b"hunter2" not in encode_record(record(story))
    assert b"TOKEN" not in encode_record(record(story))


def test_updates_change_what_they_name_and_metadata_key_by_key() -> None:
    story = awake().tell(
        e.SessionUpdated(label="new", metadata={"a": 1}), e.SessionUpdated(metadata={"b": 2}, hidden=True)
    )
    now = record(story)
    assert (now.label, now.metadata, now.hidden, now.visibility) == ("new", {"a": 1, "b": 2}, True, "private")
    story.tell(e.ConfigChanged(model="large", options={"x": 1}), e.ConfigChanged(mode="plan"))
    assert (record(story).model, record(story).options) == ("large", {"x": 1, "mode": "plan"})


def test_conversation_does_not_move_the_state_and_all_else_does() -> None:
    story = running()
    assert record(story).state_seq == 4
    story.tell(e.TextDelta(message=message(2), part=part(), delta="x"), e.TodosUpdated(todos=()), run=run())
    assert record(story).state_seq == 4
    story.tell(ASKED, run=run())
    assert record(story).state_seq == story.fold.seq == 7


def test_what_this_version_cannot_read_changes_nothing_in_any_phase_where_something_may_follow() -> None:
    strange = Unknown(type="thought-experiment", raw=b'{"type":"thought-experiment"}')
    for story in (
        Story().tell(created()),
        running(),
        awake().tell(e.SessionPaused()),
        awake().tell(e.SessionArchived()),
    ):
        before = record(story)
        story.tell(strange)
        assert (record(story).phase, record(story).state_seq) == (before.phase, before.state_seq)
    with pytest.raises(IllegalTransition):
        awake().tell(e.SessionEnded(), strange)


def test_a_record_survives_its_bytes() -> None:
    story = running().tell(ASKED, steered(3), run=run()).tell(queued(4), by=ANN)
    assert decode_record(encode_record(record(story))) == record(story)


# --- status -----------------------------------------------------------------------------------------------------------


def test_the_status_is_busy_while_a_run_is_open_and_error_after_one_that_failed() -> None:
    assert record(awake()).status == "idle"
    story = running()
    assert record(story).status == "busy"
    assert record(story.tell(e.RunError(error=FAILED), run=run())).status == "error"
    story.tell(e.RunStart(message=message(2), input=said("again")), run=run(2))
    assert record(story).status == "busy"
    assert record(story.tell(e.RunComplete(), run=run(2))).status == "idle"


def test_an_aborted_run_leaves_the_session_idle() -> None:
    assert record(running().tell(e.RunAborted(), run=run())).status == "idle"


@pytest.mark.parametrize("after", [e.Compacted(), e.SessionPaused()], ids=["compacted", "paused"])
def test_the_status_is_compacting_until_it_is_done_or_nobody_does_it_any_more(after: e.Body) -> None:
    story = awake().tell(e.Compacting())
    assert record(story).status == "compacting"
    assert record(story.tell(after)).status == "idle"


def test_compacting_within_a_run_ends_with_it() -> None:
    story = running().tell(e.Compacting(), run=run())
    assert record(story).status == "compacting"
    assert record(story.tell(e.RunAborted(), run=run())).status == "idle"


def test_a_session_that_never_started_says_why() -> None:
    story = Story().tell(created(), e.RuntimeStarting(epoch=1), e.SessionFailed(error=FAILED))
    assert (record(story).status, record(story).error) == ("error", FAILED)


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_run_has_a_status_from_start_to_end_and_the_last_one_is_kept() -> None:
    story = running()
    seen = [record(story).run.status]  # type: ignore[union-attr]
    for phase in ("planning", "executing", "verifying"):
        story.tell(e.RunPhase(phase=phase), run=run())
        seen.append(record(story).run.status)  # type: ignore[union-attr]
    story.tell(e.RunComplete(result=e.RunResult(text="done"), read=5), run=run())
    last = record(story).last_run
    assert last is not UNSET
    assert [*seen, last.status] == [
        RunStatus.CREATED,
        RunStatus.PLANNING,
        RunStatus.EXECUTING,
        RunStatus.VERIFYING,
        RunStatus.COMPLETED,
    ]
    assert (last.start, last.end, last.started_at, last.ended_at) == (4, 8, FIRST_AT + 4, FIRST_AT + 8)
    assert last.result == e.RunResult(text="done")
    assert record(story).run is UNSET


def test_an_aborted_run_is_cancelled_and_a_failed_one_says_why() -> None:
    aborted = record(running().tell(e.AbortRequested(), run=run()))
    assert aborted.run.abort_requested  # type: ignore[union-attr]
    cancelled = record(running().tell(e.RunAborted(), run=run())).last_run
    failed = record(running().tell(e.RunError(error=FAILED), run=run())).last_run
    assert cancelled is not UNSET
    assert failed is not UNSET
    assert (cancelled.status, failed.status, failed.error) == (RunStatus.CANCELLED, RunStatus.FAILED, FAILED)


# --- steers and the queue ---------------------------------------------------------------------------------------------


def test_steers_that_the_run_did_not_read_go_to_the_head_of_the_queue_in_their_order() -> None:
    story = running().tell(steered(2), run=run()).tell(queued(3)).tell(steered(4), steered(5), run=run())
    story.tell(e.RunComplete(read=5), run=run())
    assert record(story).queue == (
        Queued(message=message(4), input=said("steer 4"), seq=7, at=FIRST_AT + 7, said=True),
        Queued(message=message(5), input=said("steer 5"), seq=8, at=FIRST_AT + 8, said=True),
        Queued(message=message(3), input=said("queue 3"), seq=6, at=FIRST_AT + 6),
    )
    assert record(story).last_run.steers == ()  # type: ignore[union-attr]


def test_steers_that_the_run_read_are_done_with() -> None:
    story = running().tell(steered(2), steered(3), e.RunComplete(read=6), run=run())
    assert waiting(story) == []


def test_an_input_leaves_the_queue_with_its_run_or_when_it_is_dropped() -> None:
    story = running().tell(queued(2), queued(3)).tell(e.RunComplete(), run=run())
    story.tell(e.Dequeued(message=message(3), dropped=True))
    assert waiting(story) == [message(2)]
    story.tell(e.Dequeued(message=message(2)))
    story.tell(e.RunStart(message=message(2), input=said("queue 2"), delivery="queue"), run=run(2))
    assert waiting(story) == []


HOLDS = [
    ("complete", e.RunComplete(), False),
    ("an agent's error", e.RunError(error=FAILED), False),
    ("abort", e.RunAborted(), True),
    ("interrupted", e.RunError(error=INTERRUPTED), True),
]


@pytest.mark.parametrize(("end", "held"), [row[1:] for row in HOLDS], ids=[row[0] for row in HOLDS])
def test_the_queue_goes_on_or_holds_after_a_run_ends(end: e.Body, held: bool) -> None:
    assert record(running().tell(queued(2)).tell(end, run=run())).queue_held is held


def test_a_held_queue_goes_on_when_the_next_run_completes_and_not_before() -> None:
    story = running().tell(queued(2)).tell(e.RunAborted(), run=run())
    story.tell(e.RunStart(message=message(3), input=said("by hand")), e.RunError(error=FAILED), run=run(2))
    assert record(story).queue_held
    story.tell(e.RunStart(message=message(4), input=said("by hand")), e.RunComplete(), run=run(3))
    assert not record(story).queue_held
    assert waiting(story) == [message(2)]


def test_a_pause_holds_the_queue_until_the_session_is_resumed() -> None:
    story = awake().tell(e.PauseRequested(), e.SessionPaused()).tell(queued(2))
    assert record(story).queue_held
    assert not record(story).pause_requested
    story.tell(e.SessionResuming())
    assert not record(story).queue_held
    assert waiting(story) == [message(2)]


@pytest.mark.parametrize("end", [e.SessionArchived(), e.SessionEnded()], ids=["archive", "end"])
def test_the_queue_is_emptied_when_nothing_can_run_any_more(end: e.Body) -> None:
    assert waiting(awake().tell(queued(2), queued(3), end)) == []


# --- decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["once", "always", "reject", "interrupted"])
def test_a_permission_is_pending_until_it_is_answered_and_only_once(reply: str) -> None:
    answer = e.PermissionReplied(request=request(), reply=reply)  # type: ignore[arg-type]
    story = running().tell(ASKED, run=run())
    [entry] = record(story).pending
    assert (entry.request, entry.asked, entry.run, entry.seq) == (request(), ASKED, run(), 5)
    story.tell(answer, run=run())
    assert record(story).pending == ()
    with pytest.raises(PermissionNotFound):
        story.tell(answer, run=run())
    assert story.fold.seq == 6


def test_what_always_has_granted_is_kept_up_to_its_limit_the_newest() -> None:
    story = running()
    for number in range(MAX_GRANTED + 1):
        asked = e.PermissionAsked(request=request(), permission="bash", patterns=("x",), always=(f"x{number}",))
        story.tell(asked, e.PermissionReplied(request=request(), reply="always"), run=run())
        assert len(record(story).granted) == min(number + 1, MAX_GRANTED)
    assert [rule.pattern for rule in record(story).granted] == [f"x{number}" for number in range(1, MAX_GRANTED + 1)]


def test_files_that_an_agent_has_changed_are_kept_up_to_their_limit_the_last() -> None:
    files = tuple(e.FileChange(path=str(number), change="added") for number in range(MAX_CHANGED))
    story = running().tell(e.FilesChanged(files=files), run=run())
    assert record(story).made.changed == files
    more = e.FileChange(path="more", change="added")
    assert record(story.tell(e.FilesChanged(files=(more,)), run=run())).made.changed == (*files[1:], more)


def test_a_question_is_answered_as_a_question_and_a_permission_as_a_permission() -> None:
    to_question = e.QuestionReplied(request=request(), reply="answer", answers=(("a",),))
    to_permission = e.PermissionReplied(request=request(), reply="once")
    with pytest.raises(PermissionNotFound):
        running().tell(ASKED, to_question, run=run())
    with pytest.raises(PermissionNotFound):
        running().tell(QUESTION, to_permission, run=run())
    assert record(running().tell(QUESTION, to_question, run=run())).pending == ()


def test_a_request_is_asked_once_at_a_time_and_answers_take_away_only_their_own() -> None:
    other = e.PermissionAsked(request=request(2), permission="edit")
    with pytest.raises(IllegalTransition):
        running().tell(ASKED, ASKED, run=run())
    story = running().tell(ASKED, other, e.PermissionReplied(request=request(), reply="once"), run=run())
    assert [entry.request for entry in record(story).pending] == [request(2)]


def test_an_answer_counts_also_after_its_run_and_nobody_waits_once_the_epoch_is_over() -> None:
    late = running().tell(ASKED, e.RunAborted(), run=run())
    assert record(late).pending != ()
    assert record(late.tell(e.PermissionReplied(request=request(), reply="interrupted"), run=run())).pending == ()
    assert record(running().tell(ASKED, e.RunAborted(), run=run()).tell(e.SessionPaused())).pending == ()


# --- todos and metrics ------------------------------------------------------------------------------------------------


def test_the_list_of_todos_is_replaced_as_a_whole() -> None:
    one, two = e.Todo(id="1", content="read"), e.Todo(id="2", content="mend", status="completed")
    story = awake().tell(e.TodosUpdated(todos=(one, two)), e.TodosUpdated(todos=(two,)))
    assert record(story).todos == (two,)


def test_metrics_count_messages_steps_and_calls_and_sum_tokens_and_cost() -> None:
    def call(number: int, tool: str) -> e.ToolStart:
        return e.ToolStart(message=message(2), part=part(number), call=f"call_{number}", tool=tool)

    tokens = e.Tokens(input=10, output=4, reasoning=3, cache_read=2, cache_write=1)
    story = running().tell(
        e.MessageStart(message=message(2)),
        call(1, "bash"),
        e.ToolComplete(message=message(2), part=part(1), call="call_1"),
        call(2, "bash"),
        e.ToolError(message=message(2), part=part(2), call="call_2", error="exit 1"),
        call(3, "edit"),
        steered(3),
        e.StepFinish(message=message(2), part=part(4), tokens=tokens, cost=0.5),
        e.StepFinish(message=message(2), part=part(5), tokens=tokens, cost=0.25),
        e.RunComplete(read=99),
        run=run(),
    )
    metrics = record(story).metrics
    assert (metrics.messages, metrics.steps, metrics.cost) == (3, 2, 0.75)
    assert (metrics.tool_calls, metrics.tool_usage) == (3, {"bash": 2, "edit": 1})
    assert metrics.tokens == e.Tokens(input=20, output=8, reasoning=6, cache_read=4, cache_write=2)


def test_a_fold_takes_events_one_by_one_without_a_hole() -> None:
    story = running()
    for seq in (0, 4, 6):
        with pytest.raises(ValueError, match="cannot follow event 4"):
            story.fold.apply(event(seq, e.TodosUpdated(todos=())))
    story.fold.apply(event(5, e.TodosUpdated(todos=())))
    assert story.fold.seq == 5
