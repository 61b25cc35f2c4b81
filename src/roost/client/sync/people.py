"""Made from roost/client/people.py (make docs): do not edit.

Keys, users, and who did what, for clients whose key is an admin's.
"""

from typing import Literal, cast

from roost.client.answers import AuditPage
from roost.client.people import AsyncPeople
from roost.client.sync.portal import Twin
from roost.model.access import Scope
from roost.model.ids import Pos
from roost.model.keys import KeyInfo, NewKey, User


class People(Twin):
    """Every method may raise Forbidden: the client's key is no admin's (AsyncClient)."""

    @property
    def _async(self) -> AsyncPeople:
        return cast(AsyncPeople, self._twin)

    def list_keys(self) -> tuple[KeyInfo, ...]:
        """The keys you handle, oldest first, revoked ones too; never the keys themselves."""
        return self._portal.call(self._async.list_keys)

    def add_key(
        self,
        user: str,
        *,
        org: str | None = None,
        scope: Scope = "controller",
        label: str = "",
        expires_at: int | None = None,
    ) -> NewKey:
        """A new key; its `secret` is in this answer and nowhere else. `org`: by default your own. `expires_at`: ms.

        Raises: InvalidBody, TooManyKeys."""
        return self._portal.call(self._async.add_key, user, org=org, scope=scope, label=label, expires_at=expires_at)

    def rotate_key(self, key: str) -> NewKey:
        """A new text for the key with this id; the old one is good no more. Raises: KeyNotFound."""
        return self._portal.call(self._async.rotate_key, key)

    def revoke_key(self, key: str) -> KeyInfo:
        """End a key and its open streams. Raises: KeyNotFound."""
        return self._portal.call(self._async.revoke_key, key)

    def users(self) -> tuple[User, ...]:
        """Everybody with a key that works."""
        return self._portal.call(self._async.users)

    def audit(self, after: Pos | Literal["now"] = 0, *, limit: int = 500) -> AuditPage:
        """One page of who did what after a pos; go on with its `pos`."""
        return self._portal.call(self._async.audit, after, limit=limit)
