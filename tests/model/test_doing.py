"""What a session is at, from its record and its link: one sentence each."""

from collections.abc import Callable

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from roost.model import events as e
from roost.model.activity import MAX_EVIDENCE_CHARS, READY_MS, Activity, ActivityInfo, Source, Trust
from roost.model.doing import LIVE, doing
from roost.model.lifecycle import Phase
from tests.model.stories import FIRST_AT, Story, awake, created, message, request, run, running, said

FAILED = e.RunError(error=e.Failure(code="provider", message="no"))
ASKS = e.PermissionAsked(request=request(), permission="bash", patterns=("ls",))
QUESTION = e.QuestionAsked(request=request(2), questions=(e.Question(question="Which?"),))
SEEN = e.ActivitySeen(state="waiting_input", evidence="a question on the screen")
A = Activity


def at(story: Story, *, linked: bool = True, later_ms: int = 0, ready_ms: int = READY_MS) -> ActivityInfo:
    """What it is at, so long after the last event."""
    return doing(story.fold.record, linked=linked, now=story.events[-1].at + later_ms, ready_ms=ready_ms)


def told(story: Story, *, linked: bool = True) -> tuple[Activity, Source, str, Trust]:
    info = at(story, linked=linked)
    return info.state, info.source, info.evidence, info.trust


def done() -> Story:
    return running().tell(e.RunComplete(), run=run())


STORIES: dict[str, tuple[Callable[[], Story], Activity, Source, str]] = {
    "created": (lambda: Story().tell(created()), A.ACTIVE, Source.RUNTIME, "runtime-starting"),
    "awake": (awake, A.READY, Source.PROTOCOL, "runtime-ready"),
    "running": (running, A.ACTIVE, Source.PROTOCOL, "run-start"),
    "asking": (lambda: running().tell(ASKS, run=run()), A.WAITING_INPUT, Source.PROTOCOL, "permission-asked"),
    "questioning": (lambda: awake().tell(QUESTION), A.WAITING_INPUT, Source.PROTOCOL, "question-asked"),
    "done": (done, A.READY, Source.PROTOCOL, "run-complete"),
    "aborted": (lambda: running().tell(e.RunAborted(), run=run()), A.READY, Source.PROTOCOL, "run-aborted"),
    "failed": (lambda: running().tell(FAILED, run=run()), A.BLOCKED, Source.PROTOCOL, "run-error: provider"),
    "compacting": (lambda: awake().tell(e.Compacting()), A.ACTIVE, Source.PROTOCOL, "compacting"),
    "asleep": (lambda: done().tell(e.SessionPaused()), A.EXITED, Source.RUNTIME, "session-paused"),
    "waking": (
        lambda: done().tell(e.SessionPaused(), e.SessionResuming()), A.ACTIVE, Source.RUNTIME, "runtime-starting",
    ),
    "archived": (lambda: done().tell(e.SessionArchived()), A.EXITED, Source.RUNTIME, "session-archived"),
    "ended": (lambda: done().tell(e.SessionEnded()), A.EXITED, Source.RUNTIME, "session-ended"),
    "not started": (
        lambda: Story().tell(created(), e.SessionFailed(error=e.Failure(code="start_failed", message="no"))),
        A.EXITED, Source.RUNTIME, "session-failed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_a_session_is_at(name: str) -> None:
    story, state, source, evidence = STORIES[name]
    assert told(story()) == (state, source, evidence, Trust.VALID)


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_an_activity_and_those_without_a_host_have_exited(phase: Phase) -> None:
    info = doing(replace(done().fold.record, phase=phase), linked=True, now=FIRST_AT)
    assert (info.state is A.EXITED) is (phase not in LIVE)


@pytest.mark.parametrize(("later_ms", "state"), [(0, A.READY), (READY_MS, A.READY), (READY_MS + 1, A.IDLE)])
def test_a_run_that_is_done_leaves_it_ready_up_to_the_threshold(later_ms: int, state: Activity) -> None:
    story = done()
    info = at(story, later_ms=later_ms)
    assert (info.state, info.since) == (state, story.events[-1].at)


def test_the_threshold_is_the_hubs_to_choose() -> None:
    states = [at(done(), later_ms=later, ready_ms=10).state for later in (10, 11)]
    assert states == [A.READY, A.IDLE]


def test_a_run_is_active_however_long_it_takes() -> None:
    info = at(running(), later_ms=100 * READY_MS)
    assert (info.state, info.trust) == (A.ACTIVE, Trust.VALID)


def test_the_request_that_has_waited_longest_is_told() -> None:
    story = running().tell(QUESTION, ASKS, run=run())
    assert (at(story).evidence, at(story).since) == ("question-asked", story.events[-2].at)
    story.tell(e.QuestionReplied(request=request(2), reply="answer", answers=(("a",),)))
    assert at(story).evidence == "permission-asked"
    story.tell(e.PermissionReplied(request=request(), reply="once"))
    assert at(story).state is A.ACTIVE


def test_an_error_is_forgotten_by_the_next_run_and_not_by_waking() -> None:
    story = running().tell(FAILED, run=run())
    blocked_at = story.events[-1].at
    story.tell(e.SessionPaused(), e.SessionResuming(), e.RuntimeStarting(epoch=3), e.RuntimeReady(epoch=3))
    assert (at(story).state, at(story).since) == (A.BLOCKED, blocked_at)
    story.tell(e.RunStart(message=message(2), input=said("again")), run=run(2))
    assert at(story).state is A.ACTIVE


def test_without_its_link_what_the_log_says_may_be_so_no_more() -> None:
    assert told(running(), linked=False) == (A.ACTIVE, Source.PROTOCOL, "run-start", Trust.STALE)
    assert told(done().tell(e.SessionPaused()), linked=False)[3] is Trust.VALID


def test_an_agent_that_came_by_itself_has_gone_with_its_link() -> None:
    story = Story().tell(created("tui"), e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1))
    assert told(story)[0] is A.READY
    assert told(story, linked=False)[:3] == (A.EXITED, Source.RUNTIME, "runtime-lost")


# --- what only the driver has seen ------------------------------------------------------------------------------------


def test_a_question_on_the_agents_own_screen_waits_for_a_person_also_in_a_run() -> None:
    story = running().tell(SEEN, run=run())
    assert told(story) == (A.WAITING_INPUT, Source.TERMINAL, "a question on the screen", Trust.VALID)
    assert at(story).since == story.events[-1].at
    assert at(story.tell(e.ActivitySeen(state="active"), run=run())).evidence == "run-start"


def test_an_open_request_goes_before_what_was_seen() -> None:
    story = running().tell(SEEN, ASKS, run=run())
    assert told(story)[:2] == (A.WAITING_INPUT, Source.PROTOCOL)


@pytest.mark.parametrize("end", [e.RunComplete(), e.RunAborted(), FAILED], ids=["complete", "aborted", "error"])
def test_what_was_seen_in_a_run_is_void_with_its_end(end: e.Body) -> None:
    story = running().tell(SEEN, run=run()).tell(end, run=run())
    assert (at(story).source, story.fold.record.seen) == (Source.PROTOCOL, UNSET)


def test_between_runs_whoever_uses_the_screen_is_seen() -> None:
    story = done().tell(e.ActivitySeen(state="active", source="native", evidence="user"))
    assert told(story) == (A.ACTIVE, Source.NATIVE, "user", Trust.VALID)
    story.tell(e.ActivitySeen(state="ready", source="native", evidence="assistant"))
    states = [at(story, later_ms=later).state for later in (READY_MS, READY_MS + 1)]
    assert states == [A.READY, A.IDLE]
    story.tell(e.RunStart(message=message(2), input=said("go")), run=run(2))
    assert told(story)[:3] == (A.ACTIVE, Source.PROTOCOL, "run-start")


def test_a_new_host_has_seen_nothing_yet() -> None:
    story = done().tell(SEEN, e.SessionPaused(), e.SessionResuming(), e.RuntimeReady(epoch=3))
    assert (at(story).state, story.fold.record.seen) == (A.READY, UNSET)


def test_evidence_is_kept_up_to_its_limit() -> None:
    long = e.ActivitySeen(state="blocked", evidence="x" * (MAX_EVIDENCE_CHARS + 1))
    assert at(done().tell(long)).evidence == "x" * MAX_EVIDENCE_CHARS
