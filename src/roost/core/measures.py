"""What a hub can say about itself in numbers: none of them is about one session, user or key."""

import resource
from collections import Counter
from pathlib import Path
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from roost.core.appends import Appends
from roost.core.feed import Feed
from roost.core.hosts import Hosts
from roost.core.presence import Presence
from roost.model.access import org_of
from roost.model.errors import Forbidden
from roost.model.events import Principal
from roost.model.ids import Pos
from roost.model.lifecycle import Phase
from roost.model.stored import SessionQuery
from roost.ports import Store

_STATM: Final = Path("/proc/self/statm")


class Taken(Struct, frozen=True, kw_only=True):
    """At one moment. `rss_bytes`: None where the system does not say."""

    phases: dict[str, int]
    runs: int
    links: int
    open: dict[str, int]
    appends: Appends
    pos: Pos
    rss_bytes: int | None
    cpu_seconds: float


class Measures:
    def __init__(self, store: Store, feed: Feed, hosts: Hosts, presence: Presence, appends: Appends) -> None:
        self._store = store
        self._feed = feed
        self._hosts = hosts
        self._presence = presence
        self._appends = appends

    async def take(self, by: Principal) -> Taken:
        """Raises: Forbidden: they count the sessions of every organisation."""
        if by.kind != "service" and org_of(by):
            raise Forbidden("Only a key without an organisation may read these: they are about the whole hub.")
        counted = await self._store.counts(SessionQuery(include_hidden=True))
        held = list(self._hosts.held.values())
        return Taken(
            phases={phase.value: counted.get(phase.value, 0) for phase in Phase},
            runs=sum(session.record_now.run is not UNSET for session in held),
            links=sum(session.linked for session in held),
            open={"sse": 0, "socket": 0} | Counter(self._presence.ways()),
            appends=replace(self._appends, slots=list(self._appends.slots)),
            pos=await self._feed.head(),
            rss_bytes=_rss_bytes(),
            cpu_seconds=sum(resource.getrusage(resource.RUSAGE_SELF)[:2]),
        )


def _rss_bytes() -> int | None:
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return None
