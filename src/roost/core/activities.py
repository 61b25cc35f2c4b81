"""Which live sessions are at what, now: the one filter of lists that the store cannot know."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from roost.core.ground import Ground
from roost.core.session import Session
from roost.model.activity import Activity
from roost.model.doing import LIVE, doing
from roost.model.stored import SessionQuery

Wanted = frozenset[Activity] | None
"""One of these; None: whatever it is."""
_LIVE: Final = frozenset(phase.value for phase in LIVE)


def narrowed(query: SessionQuery, wanted: Wanted, held: Iterable[Session], ground: Ground) -> SessionQuery:
    """The query for those that are at one of `wanted` now. `held`: all live sessions, so that this costs as much as
    there are hosts, however many sessions sleep. All that are not live have exited, which the store does know."""
    if wanted is None:
        return query
    now, ready_ms = ground.clock.now_ms(), ground.ready_ms

    def fits(session: Session) -> bool:
        return doing(session.record_now, linked=session.linked, now=now, ready_ms=ready_ms).state in wanted

    of_live = frozenset(session.id for session in held if fits(session))
    if Activity.EXITED in wanted:
        return replace(query, of_live=of_live)
    return replace(query, of_live=of_live, phases=_LIVE if query.phases is None else query.phases & _LIVE)
