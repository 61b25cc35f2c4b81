"""API keys: made here, stored hashed, kept readable only in a file of the data folder."""

import hashlib
import os
import secrets
from pathlib import Path

from roost.model.errors import Unauthorized
from roost.model.events import Principal
from roost.model.stored import ApiKey
from roost.ports import Clock, Store

KEY_PREFIX = "agc_"


def hash_of(secret: str) -> bytes:
    """Keys and tokens are long random strings: one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


class Keyring:
    """The keys of this hub by hash."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._by_hash: dict[bytes, ApiKey] = {}

    async def open(self, file: Path) -> None:
        """Load the keys; make the first one if there is none or its file was lost. The file is 0600."""
        self._by_hash = {key.hash: key for key in await self._store.keys() if key.revoked_at is None}
        known = _read(file)
        if hash_of(known) not in self._by_hash:
            _write_private(file, await self.add("owner"))

    async def add(self, user: str) -> str:
        """A new key for this user; the only time its text is known."""
        secret = KEY_PREFIX + secrets.token_hex(20)
        public = secrets.token_hex(4)
        key = ApiKey(
            id=public,
            hash=hash_of(secret),
            principal=Principal(user=user, kind="api-key", key=public),
            created_at=self._clock.now_ms(),
        )
        await self._store.put_key(key)
        self._by_hash[key.hash] = key
        return secret

    def authenticate(self, secret: str | None) -> Principal:
        """Raises: Unauthorized."""
        key = self._by_hash.get(hash_of(secret)) if secret else None
        if key is None:
            raise Unauthorized
        return key.principal


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _write_private(file: Path, text: str) -> None:
    """Write a file that nobody else may read, all or nothing."""
    draft = file.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text + "\n")
    draft.replace(file)
