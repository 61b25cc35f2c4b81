"""The data folder as one file, while the hub runs: the store as of one moment, and what lies beside it."""

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from anyio import to_thread

from roost import __version__
from roost.core.bundle import Packer
from roost.core.keys import Keyring
from roost.model.bundle import BACKUP, BACKUP_HEAD, END, FOLDERS, STORE, VERSION, BackupEnd, BackupHead
from roost.model.errors import RoostError, StorageFull
from roost.model.events import Principal
from roost.ports import Clock, Store

BESIDE: Final = ("blobs", "spool", "orphans")
"""Folders that are copied. What sessions work in is only listed, what is of processes is left out."""
ROOMS: Final = ("worktrees", "clones", "folders")
PIECE_BYTES: Final = 512 * 1024


class Backups:
    """`DATA/backups` holds the copy of the store while it is sent."""

    def __init__(self, store: Store, clock: Clock, keys: Keyring, data: Path) -> None:
        self._store, self._clock, self._keys, self._data = store, clock, keys, data

    def tidy(self) -> None:
        """Remove what a hub that was killed has left."""
        for left in (self._data / "backups").glob("*"):
            left.unlink(missing_ok=True)

    async def begin(self, by: Principal) -> AsyncIterator[bytes]:
        """The store as it is now; the pieces of the whole. Raises: Forbidden: not an admin of the whole hub;
        StorageUnavailable: this store keeps nothing; StorageFull."""
        self._keys.check_hub(by)
        place = self._data / "backups"
        copy = place / f"{secrets.token_hex(8)}.db"
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            await self._store.copy(copy)
            await self._keys.note(by, "hub-backed-up")
        except BaseException as error:
            copy.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageFull(f"the store cannot be copied: {error.strerror}") from None
            raise
        return self._pieces(copy)

    async def _pieces(self, copy: Path) -> AsyncIterator[bytes]:
        try:
            at = self._clock.now_ms()
            packer = Packer(at)
            head = BackupHead(format=BACKUP, version=VERSION, at=at, roost=__version__, data=str(self._data))
            yield packer.member(BACKUP_HEAD, msgspec.json.encode(head))
            files = 0
            for name, path in [(STORE, copy), *await to_thread.run_sync(self._beside)]:
                async for piece in _packed(packer, name, path):
                    yield piece
                files += 1
            folders = [str(each) for room in ROOMS for each in sorted((self._data / room).glob("*"))]
            yield packer.member(FOLDERS, msgspec.json.encode(folders))
            yield packer.member(END, msgspec.json.encode(BackupEnd(files=files))) + packer.end()
        finally:
            _remove(copy)

    def _beside(self) -> list[tuple[str, Path]]:
        found = [path for room in BESIDE for path in sorted((self._data / room).rglob("*")) if path.is_file()]
        kept = [path for path in (self._data / "api_key", *found) if path.is_file() and path.suffix != ".new"]
        return [(str(path.relative_to(self._data)), path) for path in kept]


def _remove(copy: Path) -> None:
    copy.unlink(missing_ok=True)


async def _packed(packer: Packer, name: str, path: Path) -> AsyncIterator[bytes]:
    """One file, as long as it was at first. Raises: RoostError: it has become shorter, which ends the backup."""
    with path.open("rb") as file:
        size = left = os.fstat(file.fileno()).st_size
        yield packer.begin(name, size)
        while left:
            data = await to_thread.run_sync(file.read, min(PIECE_BYTES, left))
            if not data:
                raise RoostError(f"{name} became shorter while it was copied")
            left -= len(data)
            yield await to_thread.run_sync(packer.add, data)
        yield packer.pad(size)
