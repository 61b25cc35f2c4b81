"""What a session is at, as people ask it: does it work, is it done, does it wait for me?

An activity is never stored. Of a session it follows from the record and the link (model/info.py); of an agent that
nobody reports of, from what its own records or its screen show (natives/), which are weaker witnesses. Each reading
names its source, its evidence, and how far it can be trusted (`classify`).
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from roost.model import events as e

READY_MS: Final = 300_000
"""T: quiet for longer than this, a session that has nothing to do is idle."""
WINDOW_MS: Final = 30_000
"""W: an agent that wrote something no longer ago than this, and less than T, is still at it."""
STRONG_MS: Final = 60_000
"""Evidence up to this old is strong,"""
WEAK_MS: Final = 300_000
"""and up to this old weak; what is older is stale."""
MAX_EVIDENCE_CHARS: Final = 200


class Activity(StrEnum):
    """What an agent is at."""

    ACTIVE = "active"
    """It thinks, or its tools run."""
    READY = "ready"
    """Its turn is over, not long ago."""
    IDLE = "idle"
    """Quiet for longer."""
    WAITING_INPUT = "waiting_input"
    """It has asked something, and waits for a person."""
    BLOCKED = "blocked"
    """It met an error, and waits for a person to see to it."""
    EXITED = "exited"
    """There is no process."""


NEEDS_PERSON: Final = frozenset((Activity.WAITING_INPUT, Activity.BLOCKED))


class Source(StrEnum):
    """Who says so, the best witness first."""

    PROTOCOL = "protocol"
    """The session's own log."""
    RUNTIME = "runtime"
    """Whether there is a process, and a link to it."""
    NATIVE = "native"
    """What the agent has written for itself."""
    TERMINAL = "terminal"
    """What its screen shows."""
    NONE = "none"


class Trust(StrEnum):
    """How far a reading can be relied upon. Anything but `valid` is weak evidence."""

    VALID = "valid"
    STALE = "stale"
    """It was so, a while ago."""
    UNAVAILABLE = "unavailable"
    """Nobody looked."""
    NULL = "null"
    """Somebody looked, and saw nothing that tells."""
    PROBE_FAILURE = "probe_failure"
    """Looking failed."""


class Freshness(StrEnum):
    """How old evidence is."""

    STRONG = "strong"
    WEAK = "weak"
    STALE = "stale"
    NONE = "none"
    """Nobody knows."""


class Seen(Struct, frozen=True, kw_only=True):
    """What was seen of an agent. `at`: when that came to be, in ms; None: not known. `evidence`: what showed it."""

    activity: Activity
    source: Source
    at: int | None = None
    evidence: str = ""


class Signal(Struct, frozen=True, kw_only=True):
    """What was seen, if anything, and how far it can be trusted; `detail`: why no further."""

    trust: Trust
    seen: Seen | None = None
    detail: str = ""


class ActivityInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a session is at. `since`: when that began (ms), of `ready` and `idle` both when it fell silent; absent: not
    known. `source`: who says so. `evidence`: the event, or what else showed it. `trust`: `valid`, or `stale` if nobody
    can see at present whether it is still so."""

    state: Activity
    source: Source
    evidence: str
    since: int | UnsetType = UNSET
    trust: Trust = Trust.VALID


def seen_by(body: e.ActivitySeen, at: int) -> ActivityInfo:
    """What a driver has seen, as the record keeps it."""
    evidence = body.evidence[:MAX_EVIDENCE_CHARS]
    return ActivityInfo(state=Activity(body.state), source=Source(body.source), evidence=evidence, since=at)


def freshness(at: int | None, now: int) -> Freshness:
    """Of evidence from then; both in ms. What comes from the future is strong: clocks differ."""
    if at is None:
        return Freshness.NONE
    age = now - at
    return Freshness.STRONG if age <= STRONG_MS else Freshness.WEAK if age <= WEAK_MS else Freshness.STALE


def classify(seen: Seen | None, now: int) -> Signal:
    """How far this can be trusted at `now`. None: somebody looked, and saw nothing that tells."""
    if seen is None:
        return Signal(trust=Trust.NULL)
    if seen.activity in (Activity.IDLE, Activity.BLOCKED) and seen.at is None:
        return Signal(trust=Trust.STALE, seen=seen, detail="missing_timestamp")
    at_it = seen.activity in (Activity.ACTIVE, Activity.READY)
    if at_it and freshness(seen.at, now) is Freshness.STALE:
        return Signal(trust=Trust.STALE, seen=seen, detail="stale_timestamp")
    return Signal(trust=Trust.VALID, seen=seen)


def idle_for_sure(signal: Signal) -> bool:
    """Positive evidence that it rests: only this may count as time in which nothing happened."""
    seen = signal.seen
    rests = seen is not None and seen.activity in (Activity.IDLE, Activity.BLOCKED) and seen.at is not None
    return rests and signal.trust is Trust.VALID


def recently_alive(signal: Signal, now: int) -> bool:
    """Evidence that it lived just now: it speaks against a process that is said to be gone."""
    seen = signal.seen
    at_it = seen is not None and seen.activity in (Activity.ACTIVE, Activity.READY)
    fresh = seen is not None and freshness(seen.at, now) is not Freshness.STALE
    return at_it and fresh and signal.trust is Trust.VALID


def is_weak(signal: Signal) -> bool:
    """Evidence on which nothing that is known may be given up."""
    return signal.trust is not Trust.VALID


def told(signal: Signal) -> str:
    """One line for a log: what was seen, by whom, when."""
    words, seen = [f"activity_signal={signal.trust}"], signal.seen
    if seen is not None:
        words += [] if seen.source is Source.NONE else [f"via_{seen.source}"]
        words.append(f"activity={seen.activity}")
        words += [] if seen.at is None else [f"at={_iso(seen.at)}"]
    return " ".join(words + ([f"detail={signal.detail}"] if signal.detail else []))


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def at_work(age_ms: int, ready_ms: int = READY_MS) -> Activity:
    """Of an agent whose last sign was work: up to W `active`, up to T (`ready_ms`) `ready`, then `idle`."""
    if age_ms <= min(WINDOW_MS, ready_ms):
        return Activity.ACTIVE
    return at_rest(age_ms, ready_ms)


def at_rest(age_ms: int, ready_ms: int = READY_MS) -> Activity:
    """Of an agent whose last sign was that it is done: `ready` up to T, then `idle`; never `active`."""
    return _READY if age_ms <= ready_ms else _IDLE


_READY, _IDLE = Activity.READY, Activity.IDLE
_RANK: Final = (Activity.ACTIVE, _READY, _IDLE)
_ACTIONABLE: Final = (Activity.WAITING_INPUT, Activity.BLOCKED)


def decayed(activity: Activity, age_ms: int, ready_ms: int = READY_MS) -> Activity:
    """What an older observation is worth now, if nothing newer is known. A request or an error holds for 5 minutes, and
    is `idle` then; the rest becomes quieter with age and never livelier. `exited` stays."""
    if activity in _ACTIONABLE:
        return activity if age_ms <= WEAK_MS else Activity.IDLE
    if activity is Activity.EXITED:
        return activity
    return max(activity, at_work(age_ms, ready_ms), key=_RANK.index)
