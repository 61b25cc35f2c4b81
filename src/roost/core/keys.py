"""API keys: made here, stored hashed, kept readable only in a file of the data folder."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from anyio import to_thread
from msgspec import UNSET
from msgspec.structs import replace

from roost.durable import make_file
from roost.model.access import RANK, Scope, org_of
from roost.model.errors import Forbidden, InvalidBody, KeyNotFound, TooManyKeys, Unauthorized
from roost.model.events import Principal
from roost.model.keys import MAX_KEY_LABEL_CHARS, MAX_KEYS, MAX_NAME_CHARS, AddKey, Colleague, KeyInfo, NewKey, User
from roost.model.stored import ApiKey, Deed
from roost.ports import Clock, Store

KEY_PREFIX: Final = "agc_"
OWNER: Final = "owner"
"""The user whose key the data folder holds: of no organisation, and so the one that may do everything."""
Action = Literal["key-added", "key-rotated", "key-revoked"]


def hash_of(secret: str) -> bytes:
    """Keys and tokens are long random strings: one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


class Keyring:
    """The keys of this hub. `ended`: called with the id of each key that is good no more, to end its streams."""

    def __init__(self, store: Store, clock: Clock, ended: Callable[[str], None]) -> None:
        self._store = store
        self._clock = clock
        self._ended = ended
        self._by_hash: dict[bytes, ApiKey] = {}
        self._by_id: dict[str, ApiKey] = {}
        self._file: Path | None = None

    async def open(self, file: Path) -> None:
        """Load the keys; make the first one if there is none or its file was lost. The file is 0600."""
        self._file = file
        for key in await self._store.keys():
            self._keep(key)
        known = self._by_hash.get(hash_of(_read(file)))
        if known is None or self._over(known):
            key, secret = self._fresh(Principal(user=OWNER, kind="api-key"), scope="admin")
            await self._store.put_key(key)
            self._keep(key)
            await to_thread.run_sync(make_file, file, f"{secret}\n".encode())

    # --- who asks, and what they may ----------------------------------------------------------------------------------

    def authenticate(self, secret: str | None) -> Principal:
        """Raises: Unauthorized."""
        key = self._by_hash.get(hash_of(secret)) if secret else None
        if key is None or self._over(key):
            raise Unauthorized
        return key.principal

    def scope_of(self, by: Principal) -> Scope:
        """The hub may do everything; whoever has no key lives in this process and may act."""
        if by.kind == "service":
            return "admin"
        if by.key is UNSET:
            return "controller"
        key = self._by_id.get(by.key)
        return "observer" if key is None else key.scope

    def seconds_left(self, by: Principal) -> float | None:
        """Until the key of this principal expires; None: never."""
        key = None if by.key is UNSET else self._by_id.get(by.key)
        if key is None or key.expires_at is None:
            return None
        return max(0.0, (key.expires_at - self._clock.now_ms()) / 1000)

    def check(self, by: Principal, scope: Scope) -> None:
        """Raises: Forbidden: this key's scope is less."""
        if RANK[self.scope_of(by)] < RANK[scope]:
            raise Forbidden(f"This key may not do that: it has the scope {self.scope_of(by)}, not {scope}.")

    def check_hub(self, by: Principal) -> None:
        """Whether this principal may decide for the whole hub. Raises: Forbidden."""
        self.check(by, "admin")
        if by.kind != "service" and org_of(by):
            raise Forbidden("Only an admin without an organisation may do that: it concerns the whole hub.")

    # --- handling keys ------------------------------------------------------------------------------------------------

    def all(self, by: Principal) -> list[KeyInfo]:
        """All keys this admin handles, revoked ones too, oldest first. Raises: Forbidden."""
        self.check(by, "admin")
        return [self._info(key, by) for key in self._by_id.values() if _handles(by, org_of(key.principal))]

    def users(self, by: Principal) -> list[User]:
        """Everybody with a key that works. Raises: Forbidden."""
        self.check(by, "admin")
        found: dict[tuple[str, str], User] = {}
        for key in self._by_id.values():
            who = key.principal
            if self._over(key) or not _handles(by, org_of(who)):
                continue
            known = found.get((org_of(who), who.user))
            keys, scope = (0, key.scope) if known is None else (known.keys, known.scope)
            most = key.scope if RANK[key.scope] > RANK[scope] else scope
            found[org_of(who), who.user] = User(user=who.user, org=who.org, keys=keys + 1, scope=most)
        return [found[name] for name in sorted(found)]

    def colleagues(self, by: Principal) -> list[Colleague]:
        """Everybody of the same organisation with a key that works, and whoever asks, by name."""
        found: dict[str, Colleague] = {}
        for key in self._by_id.values():
            who = key.principal
            if not self._over(key) and org_of(who) == org_of(by):
                known = found.get(who.user, Colleague(user=who.user, since=key.created_at, key_at=key.created_at))
                first, last = min(known.since, key.created_at), max(known.key_at, key.created_at)
                found[who.user] = Colleague(user=who.user, since=first, key_at=last)
        now = self._clock.now_ms()
        found.setdefault(by.user, Colleague(user=by.user, since=now, key_at=now))
        return [found[name] for name in sorted(found)]

    async def add(self, wanted: AddKey, by: Principal) -> NewKey:
        """A new key; the only time its text is known.

        Raises: Forbidden: not an admin of that organisation; InvalidBody; TooManyKeys.
        """
        self.check(by, "admin")
        org = org_of(by) if wanted.org is UNSET else wanted.org
        if not _handles(by, org):
            raise Forbidden("Only an admin of that organisation, or one without any, may add keys to it.")
        self._check_wanted(wanted)
        if sum(not self._over(key) for key in self._by_id.values()) >= MAX_KEYS:
            raise TooManyKeys(limit=MAX_KEYS)
        expires = None if wanted.expires_at is UNSET else wanted.expires_at
        who = Principal(user=wanted.user, org=org or UNSET, kind="api-key")
        key, secret = self._fresh(who, scope=wanted.scope, label=wanted.label, expires_at=expires)
        await self._put(key, "key-added", by)
        return NewKey(key=self._info(key, by), secret=secret)

    async def rotate(self, key_id: str, by: Principal) -> NewKey:
        """The same key with a new text; the old one is good no more. Raises: Forbidden, KeyNotFound."""
        old = self._find(key_id, by)
        key, secret = self._fresh(old.principal, scope=old.scope, label=old.label, expires_at=old.expires_at)
        key = replace(key, id=old.id, principal=old.principal, created_at=old.created_at)
        await self._put(key, "key-rotated", by)
        del self._by_hash[old.hash]
        self._ended(old.id)
        if self._file is not None and hash_of(_read(self._file)) == old.hash:
            await to_thread.run_sync(make_file, self._file, f"{secret}\n".encode())
        return NewKey(key=self._info(key, by), secret=secret)

    async def revoke(self, key_id: str, by: Principal) -> KeyInfo:
        """Good no more, and its streams end. Raises: Forbidden, KeyNotFound."""
        old = self._find(key_id, by)
        key = replace(old, revoked_at=self._clock.now_ms())
        await self._put(key, "key-revoked", by)
        self._ended(old.id)
        return self._info(key, by)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _find(self, key_id: str, by: Principal) -> ApiKey:
        """A key that is not revoked. Raises: Forbidden, KeyNotFound: also for those this admin does not handle."""
        self.check(by, "admin")
        key = self._by_id.get(key_id)
        if key is None or key.revoked_at is not None or not _handles(by, org_of(key.principal)):
            raise KeyNotFound
        return key

    def _check_wanted(self, wanted: AddKey) -> None:
        for name, value in (("user", wanted.user), ("org", wanted.org)):
            if value is not UNSET and not _is_name(value, empty=name == "org"):
                raise InvalidBody(f"{name}: 1 to {MAX_NAME_CHARS} printable characters, without spaces around them")
        if len(wanted.label) > MAX_KEY_LABEL_CHARS:
            raise InvalidBody(f"label: at most {MAX_KEY_LABEL_CHARS} characters")
        if wanted.expires_at is not UNSET and wanted.expires_at <= self._clock.now_ms():
            raise InvalidBody("expires_at: in the past")

    async def note(self, by: Principal, action: str, **details: str) -> None:
        """Keep in the audit what was done to the hub as a whole. Raises: StorageUnavailable, StorageFull."""
        await self._store.note(Deed(action=action, by=by, at=self._clock.now_ms(), details=details))

    def _fresh(self, who: Principal, *, scope: Scope, **more: Any) -> tuple[ApiKey, str]:
        secret, public = KEY_PREFIX + secrets.token_hex(20), secrets.token_hex(4)
        now = self._clock.now_ms()
        who = replace(who, key=public)
        return ApiKey(id=public, hash=hash_of(secret), principal=who, created_at=now, scope=scope, **more), secret

    async def _put(self, key: ApiKey, action: Action, by: Principal) -> None:
        who = key.principal
        details: Mapping[str, Any] = {"key": key.id, "user": who.user, "scope": key.scope, "label": key.label}
        org = {"org": who.org} if who.org is not UNSET else {}
        deed = Deed(action=action, by=by, at=self._clock.now_ms(), details={**details, **org})
        await self._store.put_key(key, deed)
        self._keep(key)

    def _keep(self, key: ApiKey) -> None:
        self._by_id[key.id] = key
        if key.revoked_at is None:
            self._by_hash[key.hash] = key
        else:
            self._by_hash.pop(key.hash, None)

    def _over(self, key: ApiKey) -> bool:
        expired = key.expires_at is not None and key.expires_at <= self._clock.now_ms()
        return expired or key.revoked_at is not None

    def _info(self, key: ApiKey, by: Principal) -> KeyInfo:
        return KeyInfo(
            id=key.id,
            user=key.principal.user,
            org=key.principal.org,
            scope=key.scope,
            label=key.label,
            created_at=key.created_at,
            expires_at=UNSET if key.expires_at is None else key.expires_at,
            revoked_at=UNSET if key.revoked_at is None else key.revoked_at,
            own=by.key == key.id,
        )


def _handles(by: Principal, org: str) -> bool:
    """An admin handles the keys of its organisation; one without an organisation those of the whole hub."""
    return by.kind == "service" or org_of(by) in ("", org)


def _is_name(text: str, *, empty: bool) -> bool:
    if not text:
        return empty
    return len(text) <= MAX_NAME_CHARS and text.isprintable() and text == text.strip()


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""
