"""What an agent is at, from all that can be seen of it: its process, its records, its screen. Pure.

The process comes first: nothing is at work without one. Then what the agent itself says it is at (Claude Code does),
then a question on its screen, which no record tells of; then its records; and last the rest of the screen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from roost.model.activity import READY_MS, Activity, Seen, Signal, Source, at_rest, at_work, classify, decayed
from roost.natives.facts import Fact, Kind, moment
from roost.natives.records import Record
from roost.natives.screens import on_screen


class Sight(Struct, frozen=True, kw_only=True):
    """What was seen of an agent at one moment, `now`; all times in ms. `alive`: whether its process lives; None: it
    could not be told, which is not the same as no. `started_at`: when it was. `facts`: its records, read, the newest
    first; None: it has none yet. `changed_at`: when it last wrote them. `status`: what it keeps of itself while it
    runs, and `status_at` when it wrote that. `screen`: its last lines; `screen_at`: when they last changed."""

    agent: str
    now: int
    alive: bool | None = None
    started_at: int | None = None
    facts: Sequence[Fact] | None = None
    changed_at: int | None = None
    status: Record | None = None
    status_at: int | None = None
    screen: str | None = None
    screen_at: int | None = None


_AGED: Final[Mapping[Kind, Callable[[int, int], Activity]]] = {
    Kind.WORKING: at_work,
    Kind.STIR: at_work,
    Kind.DONE: at_rest,
    Kind.STOPPED: at_rest,
    Kind.QUIET: at_rest,
    Kind.FAILED: lambda _age, _ready: Activity.BLOCKED,
    Kind.TROUBLE: lambda _age, _ready: Activity.BLOCKED,
    Kind.ASKING: lambda _age, _ready: Activity.WAITING_INPUT,
}
"""What a record of this kind and age makes of its agent."""


def activity_of(sight: Sight, ready_ms: int = READY_MS) -> Signal:
    """The first witness that says anything, and how far it can be trusted. `ready_ms`: T."""
    seen = next((seen for look in _WITNESSES if (seen := look(sight, ready_ms)) is not None), None)
    return classify(seen, sight.now)


def _process(sight: Sight, _ready_ms: int) -> Seen | None:
    if sight.alive is not False:
        return None
    return Seen(activity=Activity.EXITED, source=Source.RUNTIME, at=sight.now, evidence="no process")


def _status(sight: Sight, ready_ms: int) -> Seen | None:
    """An interactive Claude Code says `idle`, `busy` or `waiting`, and for what."""
    said = (sight.status or {}).get("status")
    at = moment((sight.status or {}).get("statusUpdatedAt")) or sight.status_at
    if said == "busy":
        # it holds for as long as the process lives, whenever it was written
        return Seen(activity=Activity.ACTIVE, source=Source.NATIVE, evidence="status busy")
    if said == "waiting":
        what = str((sight.status or {}).get("waitingFor") or "a person")
        return Seen(activity=Activity.WAITING_INPUT, source=Source.NATIVE, at=at, evidence=f"waits for {what}")
    if said != "idle" or at is None:
        return None
    return Seen(activity=at_rest(sight.now - at, ready_ms), source=Source.NATIVE, at=at, evidence="status idle")


def _question(sight: Sight, _ready_ms: int) -> Seen | None:
    if sight.screen is None or on_screen(sight.agent, sight.screen) is not Activity.WAITING_INPUT:
        return None
    return Seen(
        activity=Activity.WAITING_INPUT, source=Source.TERMINAL, at=sight.screen_at, evidence="a question on the screen"
    )


def _records(sight: Sight, ready_ms: int) -> Seen | None:
    """The newest record, by its own time or that of the file. Without any, but with a file: when that changed."""
    if sight.facts:
        fact = sight.facts[0]
        at = fact.at if fact.at is not None else sight.changed_at
        if at is None:
            return None
        activity = _AGED[fact.kind](sight.now - at, ready_ms)
        return Seen(activity=activity, source=Source.NATIVE, at=at, evidence=fact.evidence)
    if sight.changed_at is not None:
        activity = at_work(sight.now - sight.changed_at, ready_ms)
        return Seen(activity=activity, source=Source.NATIVE, at=sight.changed_at, evidence="records changed")
    return None


def _unused(sight: Sight, _ready_ms: int) -> Seen | None:
    """Claude Code writes nothing before its first prompt."""
    if sight.agent != "claude" or sight.facts is not None or sight.started_at is None or sight.screen is not None:
        return None
    return Seen(activity=Activity.IDLE, source=Source.NATIVE, at=sight.started_at, evidence="no records yet")


def _screen(sight: Sight, ready_ms: int) -> Seen | None:
    """What moves on a screen is work, and what has stood still for long is not, whatever it shows."""
    if sight.screen is None:
        return None
    activity = on_screen(sight.agent, sight.screen)
    if sight.screen_at is not None:
        activity = decayed(activity, sight.now - sight.screen_at, ready_ms)
    return Seen(activity=activity, source=Source.TERMINAL, at=sight.screen_at, evidence="its screen")


_WITNESSES: Final = (_process, _status, _question, _records, _unused, _screen)
