"""Keys, users, and who did what, for clients whose key is an admin's."""

from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from roost.client.absent import or_absent
from roost.client.answers import AuditPage
from roost.client.wire import Wire
from roost.model.access import Scope
from roost.model.ids import Pos
from roost.model.keys import AddKey, KeyInfo, KeyList, NewKey, User, UserList


class AsyncPeople:
    """Every method may raise Forbidden: the client's key is no admin's (AsyncClient)."""

    _wire: Wire

    async def list_keys(self) -> tuple[KeyInfo, ...]:
        """The keys you handle, oldest first, revoked ones too; never the keys themselves."""
        return msgspec.json.decode(await self._wire.request("GET", "/v1/keys"), type=KeyList).keys

    async def add_key(
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
        expires = UNSET if expires_at is None else expires_at
        body = AddKey(user=user, org=or_absent(org), scope=scope, label=label, expires_at=expires)
        return msgspec.json.decode(await self._wire.request("POST", "/v1/keys", body=body), type=NewKey)

    async def rotate_key(self, key: str) -> NewKey:
        """A new text for the key with this id; the old one is good no more. Raises: KeyNotFound."""
        answer = await self._wire.request("POST", f"/v1/keys/{quote(key, safe='')}/rotate")
        return msgspec.json.decode(answer, type=NewKey)

    async def revoke_key(self, key: str) -> KeyInfo:
        """End a key and its open streams. Raises: KeyNotFound."""
        return msgspec.json.decode(await self._wire.request("DELETE", f"/v1/keys/{quote(key, safe='')}"), type=KeyInfo)

    async def users(self) -> tuple[User, ...]:
        """Everybody with a key that works."""
        return msgspec.json.decode(await self._wire.request("GET", "/v1/users"), type=UserList).users

    async def audit(self, after: Pos | Literal["now"] = 0, *, limit: int = 500) -> AuditPage:
        """One page of who did what after a pos; go on with its `pos`."""
        answer = await self._wire.request("GET", "/v1/audit", params={"after": after, "limit": limit})
        return msgspec.json.decode(answer, type=AuditPage)
