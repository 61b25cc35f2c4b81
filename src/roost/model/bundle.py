"""A session as one file: what is in it, and its head. A gzipped tar (PROTOCOL.md, "Bundles")."""

from typing import Final

from msgspec import Struct

from roost.model.ids import Seq, SessionId

FORMAT: Final = "roost-session"
VERSION: Final = 1
HEAD: Final = "roost.json"
EVENTS: Final = "events/"
BLOBS: Final = "blobs/"
PATCH: Final = "workspace.patch"
END: Final = "end.json"
"""The last member: without it the bundle is torn."""
MAX_PAGE_BYTES: Final = 64 * 1024 * 1024
"""The largest member that is read as a whole."""
MAX_UNPACKED: Final = 16
"""A bundle may unpack to so many times the largest file, `max_file_bytes`."""


BACKUP: Final = "roost-backup"
BACKUP_HEAD: Final = "roost-backup.json"
STORE: Final = "roost.db"
FOLDERS: Final = "folders.json"
"""What sessions work in: listed, not copied."""


class BundleHead(Struct, frozen=True, kw_only=True):
    """The first member. `head`: the last seq in it; `at`: when it was made (ms)."""

    format: str
    version: int
    session: SessionId
    head: Seq
    at: int
    roost: str = ""


class BundleEnd(Struct, frozen=True, kw_only=True):
    events: int
    blobs: int


class BackupHead(Struct, frozen=True, kw_only=True):
    """The first member of a backup. `data`: the folder it was made of."""

    format: str
    version: int
    at: int
    roost: str
    data: str


class BackupEnd(Struct, frozen=True, kw_only=True):
    files: int
