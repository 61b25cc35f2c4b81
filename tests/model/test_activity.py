"""Activities at the edges of their thresholds, and how far a reading can be trusted."""

import pytest

from roost.model.activity import (
    READY_MS,
    STRONG_MS,
    WEAK_MS,
    WINDOW_MS,
    Activity,
    Freshness,
    Seen,
    Signal,
    Source,
    Trust,
    at_rest,
    at_work,
    classify,
    decayed,
    freshness,
    idle_for_sure,
    is_weak,
    recently_alive,
    told,
)

NOW = 1_700_000_000_000
A = Activity


def seen(activity: Activity, age_ms: int | None = None) -> Seen:
    at = None if age_ms is None else NOW - age_ms
    return Seen(activity=activity, source=Source.NATIVE, at=at)


@pytest.mark.parametrize(
    ("age_ms", "work", "rest"),
    [
        (-5, A.ACTIVE, A.READY),
        (0, A.ACTIVE, A.READY),
        (WINDOW_MS, A.ACTIVE, A.READY),
        (WINDOW_MS + 1, A.READY, A.READY),
        (READY_MS, A.READY, A.READY),
        (READY_MS + 1, A.IDLE, A.IDLE),
    ],
)
def test_work_is_active_then_ready_then_idle_and_rest_is_never_active(
    age_ms: int, work: Activity, rest: Activity
) -> None:
    assert (at_work(age_ms), at_rest(age_ms)) == (work, rest)


def test_a_threshold_below_the_window_narrows_it() -> None:
    assert [at_work(age, ready_ms=10_000) for age in (10_000, 10_001)] == [A.ACTIVE, A.IDLE]


@pytest.mark.parametrize(
    ("age_ms", "expected"),
    [
        (None, Freshness.NONE),
        (-1, Freshness.STRONG),
        (STRONG_MS, Freshness.STRONG),
        (STRONG_MS + 1, Freshness.WEAK),
        (WEAK_MS, Freshness.WEAK),
        (WEAK_MS + 1, Freshness.STALE),
    ],
)
def test_evidence_is_strong_for_a_minute_weak_for_five_and_then_stale(age_ms: int | None, expected: Freshness) -> None:
    assert freshness(None if age_ms is None else NOW - age_ms, NOW) is expected


@pytest.mark.parametrize(
    ("activity", "age_ms", "trust", "detail"),
    [
        (A.WAITING_INPUT, None, Trust.VALID, ""),
        (A.WAITING_INPUT, WEAK_MS + 1, Trust.VALID, ""),
        (A.EXITED, None, Trust.VALID, ""),
        (A.IDLE, None, Trust.STALE, "missing_timestamp"),
        (A.BLOCKED, None, Trust.STALE, "missing_timestamp"),
        (A.IDLE, 10 * WEAK_MS, Trust.VALID, ""),
        (A.BLOCKED, 10 * WEAK_MS, Trust.VALID, ""),
        (A.ACTIVE, None, Trust.VALID, ""),
        (A.READY, None, Trust.VALID, ""),
        (A.ACTIVE, WEAK_MS, Trust.VALID, ""),
        (A.ACTIVE, WEAK_MS + 1, Trust.STALE, "stale_timestamp"),
        (A.READY, WEAK_MS + 1, Trust.STALE, "stale_timestamp"),
    ],
)
def test_a_reading_is_trusted_by_what_it_says_and_how_old_it_is(
    activity: Activity, age_ms: int | None, trust: Trust, detail: str
) -> None:
    signal = classify(seen(activity, age_ms), NOW)
    assert (signal.trust, signal.detail, is_weak(signal)) == (trust, detail, trust is not Trust.VALID)


def test_nothing_seen_is_weak_evidence() -> None:
    assert classify(None, NOW) == Signal(trust=Trust.NULL)
    assert [is_weak(Signal(trust=trust)) for trust in Trust] == [trust is not Trust.VALID for trust in Trust]


@pytest.mark.parametrize(
    ("activity", "age_ms", "sure"),
    [
        (A.IDLE, 0, True),
        (A.BLOCKED, 10 * WEAK_MS, True),
        (A.IDLE, None, False),
        (A.READY, 0, False),
        (A.EXITED, 0, False),
    ],
)
def test_only_rest_with_a_time_counts_as_idle_for_sure(activity: Activity, age_ms: int | None, sure: bool) -> None:
    assert idle_for_sure(classify(seen(activity, age_ms), NOW)) is sure


@pytest.mark.parametrize(
    ("activity", "age_ms", "alive"),
    [
        (A.ACTIVE, WEAK_MS, True),
        (A.READY, None, True),
        (A.READY, WEAK_MS + 1, False),
        (A.WAITING_INPUT, 0, False),
        (A.IDLE, 0, False),
    ],
)
def test_only_work_or_a_finished_turn_of_late_says_that_it_lives(
    activity: Activity, age_ms: int | None, alive: bool
) -> None:
    assert recently_alive(classify(seen(activity, age_ms), NOW), NOW) is alive


def test_a_signal_that_was_good_is_no_sign_of_life_once_its_time_is_stale() -> None:
    signal = classify(seen(A.ACTIVE, 0), NOW)
    assert (recently_alive(signal, NOW + WEAK_MS), recently_alive(signal, NOW + WEAK_MS + 1)) == (True, False)


@pytest.mark.parametrize(
    ("activity", "age_ms", "expected"),
    [
        (A.WAITING_INPUT, WEAK_MS, A.WAITING_INPUT),
        (A.WAITING_INPUT, WEAK_MS + 1, A.IDLE),
        (A.BLOCKED, WEAK_MS, A.BLOCKED),
        (A.BLOCKED, WEAK_MS + 1, A.IDLE),
        (A.ACTIVE, WINDOW_MS, A.ACTIVE),
        (A.ACTIVE, WINDOW_MS + 1, A.READY),
        (A.ACTIVE, READY_MS + 1, A.IDLE),
        (A.READY, 0, A.READY),
        (A.IDLE, 0, A.IDLE),
        (A.EXITED, 10 * READY_MS, A.EXITED),
    ],
)
def test_what_was_seen_grows_quieter_with_age_and_never_livelier(
    activity: Activity, age_ms: int, expected: Activity
) -> None:
    assert decayed(activity, age_ms) is expected


def test_a_signal_is_told_in_one_line() -> None:
    waiting = Seen(activity=A.WAITING_INPUT, source=Source.TERMINAL, at=1_700_000_000_123)
    assert told(classify(waiting, NOW)) == (
        "activity_signal=valid via_terminal activity=waiting_input at=2023-11-14T22:13:20.123Z"
    )
    unsure = Seen(activity=A.IDLE, source=Source.NONE)
    assert told(classify(unsure, NOW)) == "activity_signal=stale activity=idle detail=missing_timestamp"
    assert told(Signal(trust=Trust.PROBE_FAILURE, detail="no such file")) == (
        "activity_signal=probe_failure detail=no such file"
    )
