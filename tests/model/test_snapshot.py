"""Old snapshot + tail = new snapshot, after any legal log, cut anywhere; and what must hold of every log."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from roost.model import events as e
from roost.model.envelope import BODIES, DELTAS, AnyBody, Event, Unknown, decode_event
from roost.model.errors import IllegalTransition, PermissionNotFound
from roost.model.ids import MessageId, PartId, RunId
from roost.model.lifecycle import ANSWERS, ASKED, CLOSES_EPOCH, INPUTS, NEXT, RUN_ENDS, SAID, SETTINGS, WORKED, Phase
from roost.model.messages import Message, StepFinishPart, ToolPart
from roost.model.record import Record
from roost.model.snapshot import Fold
from roost.model.stored import StoredMessage
from roost.model.unfinished import is_finished
from tests.model import stories
from tests.model.bodies import bodies
from tests.model.stories import Story, again, awake, created, run, running

STRANGE = Unknown(type="thought-experiment", raw=b'{"type":"thought-experiment","message":"msg_1"}')
GOLDEN = Path(__file__).parents[1] / "golden/events.jsonl"
ORDER = {"pending": 0, "running": 1, "completed": 2, "error": 2}


@st.composite
def logs(draw: st.DrawFn, events: int = 40) -> Story:
    """A log that the tables allow. What they refuse is drawn as well, and must change nothing."""
    story = draw(st.sampled_from([running, awake, lambda: Story().tell(created())]))()
    for _ in range(draw(st.integers(events // 3, events))):
        record = story.fold.record
        if not NEXT[record.phase]:
            break
        kind = draw(st.sampled_from(draw(st.sampled_from(_likely(record)))))
        body = STRANGE if kind is Unknown else _fitting(draw(bodies(kind)), record)
        opened = record.run.run if record.run is not UNSET else UNSET
        named = run(story.fold.seq) if kind is e.RunStart else draw(st.sampled_from([opened, opened, opened, UNSET]))
        _try(story, body, named)
    return story


def _likely(record: Record) -> list[Sequence[type]]:
    """Groups of what may come next; a group that stands here twice comes twice as often."""
    if record.phase is not Phase.ACTIVE:
        return [[kind for kind, after in NEXT[record.phase].items() if after != record.phase], list(NEXT[record.phase])]
    rest = [*WORKED, *SETTINGS, e.LoopUpdated, Unknown]
    if record.run is UNSET:
        return [[e.RunStart], [e.RunStart], [e.RunStart], SAID, rest, INPUTS, ANSWERS, CLOSES_EPOCH]
    return [SAID, SAID, SAID, SAID, SAID, SAID, [e.Steered, e.Queued], ASKED, ANSWERS, RUN_ENDS, INPUTS, rest]


def _fitting(body: e.Body, record: Record) -> e.Body:
    """The next epoch; an answer to what was asked."""
    if isinstance(body, e.RuntimeStarting):
        return replace(body, epoch=record.epoch + 1)
    if isinstance(body, ANSWERS) and record.pending:
        return replace(body, request=record.pending[0].request)
    return body


def _try(story: Story, body: AnyBody, named: RunId | UnsetType) -> None:
    before = story.snapshot
    try:
        story.tell(body, run=named)
    except (IllegalTransition, PermissionNotFound):
        assert story.snapshot == before


def _fold(events: list[Event], start: Fold) -> Fold:
    for event in events:
        start.apply(event)
    return start


def _all_messages(story: Story) -> dict[MessageId, Message]:
    return story.stored | {message.info.id: message for message in story.messages}


def a_long_life() -> Story:
    """Every event there is, but the one that fails a start: the bodies of the golden lines, in a legal order."""
    golden = {type(event.body): event.body for event in map(decode_event, GOLDEN.read_bytes().splitlines())}
    story = Story().tell(created())

    def tell(*kinds: type, run: RunId | UnsetType = UNSET) -> None:
        story.tell(*(golden[kind] for kind in kinds), run=run)

    tell(e.RuntimeStarting)
    tell(e.RunStart, run=run(1))
    tell(e.RuntimeReady, e.SessionUpdated, e.ConfigChanged, e.LoopUpdated)
    tell(e.RunPhase, *SAID, e.Steered, *WORKED, e.QuestionAsked, e.QuestionReplied, run=run(1))
    tell(e.PermissionAsked, e.PermissionReplied, e.PermissionAsked, e.RequestWithdrawn, run=run(1))
    tell(e.TextDelta, e.RunComplete, run=run(1))
    tell(e.Reverted, e.Unreverted, e.Dequeued)
    tell(e.RunStart, e.AbortRequested, e.TextDelta, e.RunAborted, run=run(2))
    tell(e.RunStart, e.Queued, e.TextDelta, e.ToolDelta, e.RunError, run=run(3))
    story.tell(STRANGE)
    tell(e.TextDelta, e.RuntimeLost, e.PauseRequested, e.SessionPaused, e.SessionResuming)
    story.tell(e.RuntimeStarting(epoch=3), e.RuntimeReady(epoch=3))
    tell(e.SessionArchived, e.SessionEnded)
    return story


def a_short_life() -> Story:
    return Story().tell(created(), e.SessionFailed(error=e.Failure(code="start_failed", message="no such folder")))


def an_earlier_life() -> Story:
    return Story().tell(created(), e.SessionImported(origin=e.Origin(agent="claude", id="one", changed_at=1)))


@settings(max_examples=25)
@given(logs())
def test_pieces_of_a_text_taken_the_short_way_leave_what_each_would_leave(story: Story) -> None:
    """A whole log, with every delta of it said three times over."""
    short, long = Fold.empty(), Fold.empty()
    for told in story.events:
        for _ in range(3 if type(told.body) in DELTAS else 1):
            event = Event(seq=long.seq + 1, at=told.at, raw=told.raw, run=told.run, by=told.by)
            long.apply(event)
            if not short.more(event.body, event.run):
                short.apply(event)
    assert short.snapshot() == long.snapshot()
    assert short.take_finished() == long.take_finished()


def test_another_piece_of_the_same_text_and_nothing_else_is_taken_the_short_way() -> None:
    story = running()
    piece = e.TextDelta(message=stories.message(9), part=stories.part(9), delta="a")
    others = [
        (replace(piece, part=stories.part(8)), run(1)),
        (replace(piece, message=stories.message(8)), run(1)),
        (piece, run(2)),
        (piece, UNSET),
        (e.ReasoningDelta(message=stories.message(9), part=stories.part(9), delta="a"), run(1)),
        (e.MessageDone(message=stories.message(9)), run(1)),
    ]
    assert not story.fold.more(piece, run(1))  # nothing allows it yet
    story.tell(piece, run=run(1))
    assert not any(story.fold.more(body, named) for body, named in others)
    assert story.fold.more(piece, run(1))
    story.fold.apply(stories.event(story.fold.seq + 1, e.MessageStart(message=stories.message(7)), run(1)))
    assert not story.fold.more(piece, run(1))  # what came between might have ended it


@given(logs())
def test_an_old_snapshot_and_the_events_after_it_make_the_new_snapshot(story: Story) -> None:
    fold = Fold.empty()
    for cut, event in enumerate(story.events, 1):
        fold.apply(event)
        old = fold.snapshot()
        assert again(old) == old
        resumed = _fold(story.events[cut:], Fold.from_snapshot(again(old), storing=False))
        assert resumed.snapshot() == story.snapshot


@given(logs())
def test_a_fold_taken_up_from_the_store_goes_on_as_if_nothing_had_happened(story: Story) -> None:
    fold, stored = Fold.empty(), dict[MessageId, StoredMessage]()
    for cut, event in enumerate(story.events, 1):
        fold.apply(event)
        stored |= {message.id: message for message in fold.take_finished()}
        record, head = fold.record, fold.seq
        start = head + 1 if record.open_from is UNSET else record.open_from
        tail = story.events[start - 1 : cut]
        if any(isinstance(told.body, RUN_ENDS) for told in tail):
            continue  # somebody outside of all runs has been talking since before the last one ended
        rows = sorted(stored.values(), key=lambda row: row.first)[-50:]
        taken = Fold.from_store(record, head, rows, tail)
        assert taken.snapshot() == fold.snapshot()
        assert _fold(story.events[cut:], taken).snapshot() == story.snapshot


@given(logs(60))
def test_metrics_agree_with_the_messages(story: Story) -> None:
    metrics, messages = story.fold.record.metrics, _all_messages(story)
    parts = [part for message in messages.values() for part in message.parts]
    named = Counter(part.tool for part in parts if isinstance(part, ToolPart) and part.tool is not UNSET)
    steps = [part for part in parts if isinstance(part, StepFinishPart)]
    assert metrics.messages == len(messages)
    assert metrics.tool_usage == named
    assert metrics.tool_calls == sum(metrics.tool_usage.values())
    assert metrics.steps == len(steps)
    assert math.isclose(metrics.cost, sum(step.cost for step in steps), abs_tol=1e-9)
    for name in e.Tokens.__struct_fields__:
        assert getattr(metrics.tokens, name) == sum(getattr(step.tokens, name) for step in steps)
    for message in messages.values():
        mine = [part for part in message.parts if isinstance(part, StepFinishPart)]
        assert (message.info.tokens is UNSET) == (not mine)
        assert math.isclose(message.info.cost or 0, sum(step.cost for step in mine), abs_tol=1e-9)


@given(logs(60))
def test_tools_never_go_back_and_messages_stand_in_order(story: Story) -> None:
    fold, reached = Fold.empty(), dict[tuple[str, str], int]()
    for event in story.events:
        fold.apply(event)
        shown = fold.snapshot().messages
        assert [message.info.first for message in shown] == sorted({message.info.first for message in shown})
        assert len({message.info.id for message in shown}) == len(shown)
        for message in shown:
            assert len({part.id for part in message.parts}) == len(message.parts)
            for part in message.parts:
                if isinstance(part, ToolPart):
                    key = message.info.id, part.id
                    assert ORDER[part.state.status] >= reached.get(key, 0)
                    reached[key] = ORDER[part.state.status]


@given(logs(60))
def test_nothing_stays_open_without_a_run_and_what_is_stored_is_what_is_shown(story: Story) -> None:
    fold = Fold.empty()
    for event in story.events:
        fold.apply(event)
        record = fold.record
        opened = [m for m in fold.snapshot().messages if m.info.completed is UNSET]
        if record.run is UNSET:
            assert all(message.info.run is UNSET for message in opened)
        if record.open_from is UNSET:
            assert record.run is UNSET
            assert opened == []
        if isinstance(event.body, CLOSES_EPOCH):
            assert (opened, record.pending, record.run, record.status == "compacting") == ([], (), UNSET, False)
    for message in story.messages:
        kept = story.stored.get(message.info.id)
        if is_finished(message):
            assert kept == message


@given(logs(60))
def test_epochs_and_state_only_rise_and_decisions_are_settled_once(story: Story) -> None:
    fold, epoch, state, asked = Fold.empty(), 0, 0, 0
    for event in story.events:
        fold.apply(event)
        record = fold.record
        assert record.epoch >= epoch
        assert state <= record.state_seq <= event.seq
        epoch, state = record.epoch, record.state_seq
        if isinstance(event.body, e.PermissionAsked | e.QuestionAsked):
            asked += 1
        elif isinstance(event.body, e.PermissionReplied | e.QuestionReplied | e.RequestWithdrawn):
            asked -= 1
        elif isinstance(event.body, CLOSES_EPOCH):
            asked = 0
        assert len({entry.request for entry in record.pending}) == len(record.pending) == asked


def test_every_kind_of_event_can_be_cut_after_it() -> None:
    for story in (lives := (a_long_life(), a_short_life(), an_earlier_life())):
        fold = Fold.empty()
        for cut, event in enumerate(story.events, 1):
            fold.apply(event)
            resumed = _fold(story.events[cut:], Fold.from_snapshot(again(fold.snapshot())))
            assert resumed.snapshot() == story.snapshot
    lived = [event.body for story in lives for event in story.events]
    assert {type(body) for body in lived} == {*BODIES, Unknown}


def test_a_snapshot_does_not_change_when_its_fold_goes_on() -> None:
    story = Story().tell(created(), e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1))
    delta = e.TextDelta(message=MessageId("msg_1"), part=PartId("part_1"), delta="x")
    story.tell(delta)
    before = story.snapshot
    kept = again(before)
    story.tell(delta, delta)
    assert before == kept != story.snapshot


def test_a_delta_leaves_the_record_the_very_same_object_unless_it_opens_a_message() -> None:
    story = running()
    delta = e.TextDelta(message=MessageId("msg_2"), part=PartId("part_1"), delta="x")
    before = story.fold.record
    opened = story.tell(delta, run=run()).fold.record
    assert opened.metrics.messages == before.metrics.messages + 1
    assert story.tell(delta, delta, run=run()).fold.record is opened


def test_an_empty_fold_has_no_snapshot() -> None:
    with pytest.raises(IllegalTransition):
        Fold.empty().snapshot()
