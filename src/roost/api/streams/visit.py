"""A stream or socket as presence knows it: who opened it, and how long its key allows it to stay."""

from contextlib import AbstractContextManager

from anyio import CancelScope, current_time

from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.events import Principal
from roost.model.info import Participant


class Visit:
    """Of a session, or (the feed) of none."""

    def __init__(
        self, hub: Hub, by: Principal, *, via: str, session: Session | None = None, role: str | None = None
    ) -> None:
        """`role`: what it has asked to be; else what its principal may."""
        self._hub = hub
        self._by = by
        self._via = via
        self._session = session
        self._role = role

    def begin(self, scope: CancelScope) -> AbstractContextManager[Participant]:
        """Be here while the block runs. The scope is cancelled when the key expires or is revoked, and when the session
        may not be seen any more."""
        hub, session = self._hub, self._session
        seconds = hub.keys.seconds_left(self._by)
        if seconds is not None:
            scope.deadline = current_time() + seconds
        role = self._role or ("observer" if session is None else hub.role_of(session, self._by))
        name = None if session is None else session.id
        return hub.presence.here(self._by, via=self._via, role=role, leave=scope.cancel, session=name)
