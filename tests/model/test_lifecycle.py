"""The lifecycle as tables: every phase, every event, every view."""

import pytest

from roost.model import events as e
from roost.model.envelope import BODIES, BY_TAG, DELTAS, tag_of
from roost.model.errors import IllegalTransition
from roost.model.lifecycle import (
    CLOSES_EPOCH,
    COMMANDS,
    FROM_HOST,
    MOVES_STATE,
    NEEDS_RUN,
    NEXT,
    RUN_STATUS,
    SAID,
    VIEWS,
    WORKED,
    Phase,
    RunStatus,
    Standing,
    standing,
    step,
    view,
)
from tests.model.stories import awake, created, event, message, part, run, running, said

FINAL = (Phase.ENDED,)


def test_every_phase_has_a_row_and_every_row_leads_to_a_phase() -> None:
    assert set(NEXT) == {None, *Phase}
    assert {after for row in NEXT.values() for after in row.values()} == set(Phase)


def test_every_event_is_legal_somewhere() -> None:
    assert {kind for row in NEXT.values() for kind in row} == set(BODIES)


def test_every_phase_can_be_reached_and_only_the_end_cannot_be_left() -> None:
    reached: set[Phase | None] = {None}
    for _ in Phase:
        reached |= {after for phase in reached for after in NEXT[phase].values()}
    assert reached == {None, *Phase}
    assert [phase for phase, row in NEXT.items() if not set(row.values()) - {phase}] == list(FINAL)


def test_what_is_not_listed_is_illegal() -> None:
    for phase, row in NEXT.items():
        for kind in BODIES:
            if kind in row:
                assert step(phase, kind) is row[kind]
            else:
                with pytest.raises(IllegalTransition):
                    step(phase, kind)


def test_a_log_begins_with_session_created_and_has_it_once() -> None:
    assert set(NEXT[None]) == {e.SessionCreated}
    assert all(e.SessionCreated not in row for phase, row in NEXT.items() if phase is not None)


def test_only_a_live_session_hears_from_its_host() -> None:
    ends = {e.RunAborted, e.RunError}  # the hub writes these too, for hosts that never came up
    for phase, row in NEXT.items():
        if phase is not Phase.ACTIVE:
            assert FROM_HOST & set(row) <= ends


def test_what_a_host_writes_and_reads_are_events_and_sessions_are_not_its_to_change() -> None:
    session = {kind for tag, kind in BY_TAG.items() if tag.startswith(("session-", "runtime-"))}
    assert set(BODIES) >= FROM_HOST
    assert set(BODIES) >= COMMANDS
    assert FROM_HOST.isdisjoint(session)
    assert FROM_HOST.isdisjoint({e.PermissionReplied, e.QuestionReplied, e.RunStart, e.LoopUpdated})
    assert COMMANDS.isdisjoint(DELTAS)


def test_conversation_and_work_never_move_the_state() -> None:
    assert MOVES_STATE.isdisjoint(SAID)
    assert MOVES_STATE.isdisjoint(WORKED)
    assert set(BODIES) - MOVES_STATE - set(SAID) - set(WORKED) == {e.Reverted, e.Unreverted}


# Each row: standing, status, bucket, runtimeAvailable, controlAvailable, wakeAvailable, historyOnly, liveExpected.
WIRE = [
    ("creating", "creating", "provisioning", False, False, False, False, True),
    ("live", "active", "running", True, True, False, False, True),
    ("watch-only", "active", "running", True, False, False, False, True),
    ("asleep", "paused", "paused", False, False, True, False, False),
    ("waking", "resuming", "paused", False, False, True, False, True),
    ("failed", "failed", "history", False, False, False, True, False),
    ("archived", "archived", "history", False, False, False, True, False),
    ("tui-live", "active", "running", True, True, False, False, True),
    ("tui-gone", "paused", "history", False, False, False, True, False),
]


@pytest.mark.parametrize("row", WIRE, ids=lambda row: row[0])
def test_each_standing_shows_what_clients_of_the_wire_expect(
    row: tuple[str, str, str, bool, bool, bool, bool, bool],
) -> None:
    shown = VIEWS[Standing(row[0])]
    flags = (
        shown.runtime_available,
        shown.control_available,
        shown.wake_available,
        shown.history_only,
        shown.live_expected,
    )
    assert (shown.status, shown.bucket, *flags) == row[1:]


def test_the_table_of_views_is_complete() -> None:
    assert set(VIEWS) == set(Standing) == {Standing(row[0]) for row in WIRE}


# Each row: phase, mode, linked, slept_out, standing. `None` stands for both values.
STANDINGS = [
    (Phase.CREATING, None, None, None, "creating"),
    (Phase.ACTIVE, "sandbox", True, None, "live"),
    (Phase.ACTIVE, "sandbox", False, None, "watch-only"),
    (Phase.PAUSED, "sandbox", None, False, "asleep"),
    (Phase.PAUSED, "sandbox", None, True, "archived"),
    (Phase.RESUMING, None, None, None, "waking"),
    (Phase.FAILED, None, None, None, "failed"),
    (Phase.ARCHIVED, None, None, None, "archived"),
    (Phase.ENDED, None, None, None, "archived"),
    (Phase.ACTIVE, "tui", True, None, "tui-live"),
    (Phase.ACTIVE, "tui", False, None, "tui-gone"),
    (Phase.PAUSED, "tui", None, None, "tui-gone"),
]


@pytest.mark.parametrize("mode", ["sandbox", "tui"])
@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("slept_out", [True, False])
@pytest.mark.parametrize("phase", list(Phase))
def test_every_session_stands_somewhere(phase: Phase, mode: str, linked: bool, slept_out: bool) -> None:
    actual = (phase, mode, linked, slept_out)
    rows = [row for row in STANDINGS if all(want in (None, have) for want, have in zip(row, actual, strict=False))]
    assert [row[4] for row in rows] == [standing(phase, mode=mode, linked=linked, slept_out=slept_out)]


def test_an_ended_session_and_one_that_slept_too_long_show_as_archived_history() -> None:
    for shown in (view(Phase.ENDED), view(Phase.PAUSED, slept_out=True)):
        assert (shown.status, shown.bucket, shown.history_only, shown.wake_available) == (
            "archived",
            "history",
            True,
            False,
        )


def test_a_terminal_run_status_is_not_active_and_each_end_has_its_own() -> None:
    active = [status for status in RunStatus if status.is_active]
    assert active == [RunStatus.CREATED, RunStatus.PLANNING, RunStatus.EXECUTING, RunStatus.VERIFYING]
    ends = [RUN_STATUS[kind] for kind in (e.RunComplete, e.RunError, e.RunAborted)]
    assert ends == [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED]


def test_a_run_starts_only_while_none_is_open() -> None:
    with pytest.raises(IllegalTransition):
        running().tell(e.RunStart(message=message(2), input=said("and this")), run=run(2))


@pytest.mark.parametrize("kind", sorted(NEEDS_RUN, key=str))
def test_what_belongs_to_a_run_is_illegal_without_it_or_for_another(kind: type[e.Body]) -> None:
    bodies: dict[type, e.Body] = {
        e.RunPhase: e.RunPhase(phase="planning"),
        e.Steered: e.Steered(message=message(2), input=said("left")),
        e.AbortRequested: e.AbortRequested(),
        e.RunComplete: e.RunComplete(),
        e.RunAborted: e.RunAborted(),
        e.RunError: e.RunError(error=e.Failure(code="provider", message="no")),
    }
    for story, named in ((awake(), run()), (running(), run(2))):
        with pytest.raises(IllegalTransition):
            story.tell(bodies[kind], run=named)
    with pytest.raises(IllegalTransition):
        running().tell(bodies[kind])
    running().tell(bodies[kind], run=run())


def test_words_for_an_ended_run_are_illegal() -> None:
    story = running().tell(e.RunComplete(), run=run())
    with pytest.raises(IllegalTransition):
        story.tell(e.TextDelta(message=message(2), part=part(), delta="late"), run=run())


@pytest.mark.parametrize("closing", [e.SessionPaused(), e.SessionArchived(), e.SessionEnded()], ids=tag_of)
def test_a_session_closes_only_after_its_run_has_ended(closing: e.Body) -> None:
    with pytest.raises(IllegalTransition):
        running().tell(closing)
    story = running().tell(e.RunAborted(), run=run()).tell(closing)
    assert story.fold.record.status == "idle"


def test_each_close_raises_the_epoch_and_a_start_must_be_above_it() -> None:
    story = awake().tell(e.SessionPaused())
    assert story.fold.record.epoch == 2
    story.tell(e.SessionResuming())
    with pytest.raises(IllegalTransition):
        story.tell(e.RuntimeStarting(epoch=2))
    assert story.tell(e.RuntimeStarting(epoch=3)).fold.record.epoch == 3
    assert {kind for row in NEXT.values() for kind in row if kind in CLOSES_EPOCH} == set(CLOSES_EPOCH)


def test_an_illegal_event_changes_nothing() -> None:
    story = running()
    before = story.snapshot
    with pytest.raises(IllegalTransition):
        story.fold.apply(event(story.fold.seq + 1, created()))
    assert story.snapshot == before
