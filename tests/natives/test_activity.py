"""What an agent is at, from all that can be seen of it; each threshold at its edge."""

from typing import Any

import pytest

from roost.model.activity import READY_MS, WEAK_MS, WINDOW_MS, Activity, Signal, Source, Trust
from roost.natives.activity import Sight, activity_of
from roost.natives.facts import Fact, Kind

NOW = 1_700_000_000_000
A = Activity
CLAUDE_ASKS = " Bash command\n   touch perm-x.txt\n Do you want to proceed?\n ❯ 1. Yes\n   2. No\n"


def sight(agent: str = "claude", alive: bool | None = True, **seen: Any) -> Sight:
    return Sight(agent=agent, now=NOW, alive=alive, **seen)


def fact(kind: Kind, age_ms: int | None = 0) -> Fact:
    return Fact(kind, None if age_ms is None else NOW - age_ms, kind)


def read(signal: Signal) -> tuple[Activity | None, Source | None, Trust]:
    seen = signal.seen
    return (seen.activity, seen.source, signal.trust) if seen else (None, None, signal.trust)


@pytest.mark.parametrize("kind", [Kind.WORKING, Kind.STIR])
@pytest.mark.parametrize(
    ("age_ms", "expected", "trust"),
    [
        (0, A.ACTIVE, Trust.VALID),
        (WINDOW_MS, A.ACTIVE, Trust.VALID),
        (WINDOW_MS + 1, A.READY, Trust.VALID),
        (READY_MS, A.READY, Trust.VALID),
        (READY_MS + 1, A.IDLE, Trust.VALID),
    ],
)
def test_an_agent_at_work_is_active_then_ready_then_idle(
    kind: Kind, age_ms: int, expected: Activity, trust: Trust
) -> None:
    assert read(activity_of(sight(facts=[fact(kind, age_ms)]))) == (expected, Source.NATIVE, trust)


@pytest.mark.parametrize("kind", [Kind.DONE, Kind.STOPPED, Kind.QUIET])
@pytest.mark.parametrize(("age_ms", "expected"), [(0, A.READY), (READY_MS, A.READY), (READY_MS + 1, A.IDLE)])
def test_an_agent_that_is_done_is_never_active(kind: Kind, age_ms: int, expected: Activity) -> None:
    assert read(activity_of(sight(facts=[fact(kind, age_ms)]))) == (expected, Source.NATIVE, Trust.VALID)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Kind.FAILED, A.BLOCKED), (Kind.TROUBLE, A.BLOCKED), (Kind.ASKING, A.WAITING_INPUT)],
)
def test_an_error_or_a_request_holds_at_any_age(kind: Kind, expected: Activity) -> None:
    assert read(activity_of(sight(facts=[fact(kind, 10 * READY_MS)]))) == (expected, Source.NATIVE, Trust.VALID)


def test_a_higher_threshold_keeps_it_ready_longer_and_then_nobody_vouches_for_it() -> None:
    seen = sight(facts=[fact(Kind.DONE, WEAK_MS + 1)])
    assert read(activity_of(seen, ready_ms=2 * WEAK_MS)) == (A.READY, Source.NATIVE, Trust.STALE)


def test_without_a_process_it_has_exited_whatever_else_is_seen() -> None:
    seen = sight(alive=False, facts=[fact(Kind.WORKING)], status={"status": "busy"}, screen=CLAUDE_ASKS)
    assert read(activity_of(seen)) == (A.EXITED, Source.RUNTIME, Trust.VALID)


def test_a_process_that_could_not_be_looked_for_is_not_gone() -> None:
    assert read(activity_of(sight(alive=None, facts=[fact(Kind.WORKING)])))[0] is A.ACTIVE
    assert read(activity_of(sight(alive=None))) == (None, None, Trust.NULL)


def test_a_record_without_a_time_is_as_old_as_its_file() -> None:
    young, old = (sight(facts=[fact(Kind.WORKING, None)], changed_at=NOW - age) for age in (0, READY_MS + 1))
    assert [read(activity_of(seen))[0] for seen in (young, old)] == [A.ACTIVE, A.IDLE]


def test_a_file_that_says_nothing_still_has_its_age() -> None:
    ages = (WINDOW_MS, READY_MS, READY_MS + 1)
    seen = [activity_of(sight("codex", facts=[], changed_at=NOW - age)) for age in ages]
    assert [read(signal)[0] for signal in seen] == [A.ACTIVE, A.READY, A.IDLE]


def test_a_claude_that_was_never_prompted_is_idle_since_it_began() -> None:
    signal = activity_of(sight(started_at=NOW - 5))
    assert (read(signal), signal.seen and signal.seen.at) == ((A.IDLE, Source.NATIVE, Trust.VALID), NOW - 5)
    assert read(activity_of(sight("codex", started_at=NOW - 5))) == (None, None, Trust.NULL)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"status": "busy"}, A.ACTIVE),
        ({"status": "waiting", "waitingFor": "permission prompt"}, A.WAITING_INPUT),
        ({"status": "idle"}, A.READY),
    ],
)
def test_what_claude_says_of_itself_goes_before_what_it_wrote(status: dict[str, Any], expected: Activity) -> None:
    seen = sight(status=status, status_at=NOW - READY_MS, facts=[fact(Kind.FAILED)])
    assert read(activity_of(seen)) == (expected, Source.NATIVE, Trust.VALID)


def test_a_status_of_tomorrow_is_left_to_the_records() -> None:
    seen = sight(status={"status": "dreaming"}, status_at=NOW, facts=[fact(Kind.DONE)])
    assert read(activity_of(seen))[0] is A.READY


def test_idle_by_its_own_word_it_is_ready_up_to_the_threshold() -> None:
    ages = (READY_MS, READY_MS + 1)
    seen = [activity_of(sight(status={"status": "idle"}, status_at=NOW - age)) for age in ages]
    assert [read(signal)[0] for signal in seen] == [A.READY, A.IDLE]


def test_a_question_on_the_screen_goes_before_records_that_cannot_tell_it() -> None:
    seen = sight(facts=[fact(Kind.WORKING)], screen=CLAUDE_ASKS)
    assert read(activity_of(seen)) == (A.WAITING_INPUT, Source.TERMINAL, Trust.VALID)


def test_without_records_the_screen_is_believed_as_long_as_it_moves() -> None:
    screens = [sight("pi", screen="thinking ...", screen_at=NOW - age) for age in (0, WINDOW_MS + 1, READY_MS + 1)]
    assert [read(activity_of(seen))[0] for seen in screens] == [A.ACTIVE, A.READY, A.IDLE]
    assert read(activity_of(sight("pi", screen="thinking ..."))) == (A.ACTIVE, Source.TERMINAL, Trust.VALID)
    assert read(activity_of(sight("pi", screen="\n\n"))) == (A.IDLE, Source.TERMINAL, Trust.STALE)
