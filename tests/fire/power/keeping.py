"""Each file that Roost promises to keep, made as it is made, each in a folder of its own: `python -m
tests.fire.power.keeping FOLDER JOURNAL [careless]` says after each how long the journal is. `careless`: without making
any folder's names last."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import anyio
import msgspec
from msgspec import Raw

from roost import durable
from roost.cli.restore import unpack
from roost.cli.whole import write_whole
from roost.core.arriving import Arriving
from roost.core.bell import LocalBell
from roost.core.blobs import Blobs
from roost.core.bundle import Packer
from roost.core.clock import SystemClock
from roost.core.ground import Ground
from roost.core.keys import Keyring
from roost.core.log import Log
from roost.host import given, workspace
from roost.host.files import OpenFiles
from roost.host.inside import Inside
from roost.link.frames import Produced
from roost.link.spool import Spool, spool_path
from roost.model.bundle import BACKUP, BACKUP_HEAD, END, STORE, VERSION, BackupEnd, BackupHead
from roost.model.ids import Epoch, SessionId
from roost.storage import lock_folder, open_store
from tests.fire.power.forgetful import forget_names

SESSION: Final = SessionId("codesess_0123456789ab")
CONTENT: Final = b"kept" * 1000


async def _pieces() -> AsyncIterator[bytes]:
    yield CONTENT


def blob(at: Path) -> None:
    anyio.run(Blobs(at / "blobs").put, _pieces(), SESSION, "text/plain")


def held_blob(at: Path) -> None:
    """Somebody else needs it, too, and then it alone."""

    async def hold() -> None:
        blobs = Blobs(at / "blobs")
        kept = await blobs.put(_pieces(), "by-somebody", "text/plain")
        await blobs.hold(kept.hash, SESSION)
        await blobs.let_go(kept.hash, "by-somebody")

    anyio.run(hold)


def spool(at: Path) -> None:
    held = Spool(at / "spooled", memory_bytes=10_000, disk_bytes=10_000, reserve_bytes=1000)
    for number in range(3):
        held.put(Produced(body=Raw(b'{"type":"text-delta","delta":"%d"}' % number)))
    held.save(spool_path(at, SESSION, Epoch(1)), SESSION, Epoch(1))


def key(at: Path) -> None:
    """In a data folder that was not there before."""

    async def make() -> None:
        lock_folder(at / "new" / "data").release()
        store = await open_store("memory", at)
        await Keyring(store, SystemClock(), lambda _key: None).open(at / "new" / "data" / "api_key")

    anyio.run(make)


def exported(at: Path) -> None:
    anyio.run(write_whole, at / "session.tar.gz", _pieces())


def restored(at: Path) -> None:
    packer = Packer(0)
    head = BackupHead(format=BACKUP, version=VERSION, at=0, roost="1", data="/data")
    members = [(BACKUP_HEAD, msgspec.json.encode(head)), (STORE, CONTENT), ("blobs/aa/bb", CONTENT)]
    members.append((END, msgspec.json.encode(BackupEnd(files=2))))
    backup = at.parent.with_name("backup.tar.gz")
    backup.write_bytes(b"".join(packer.member(*member) for member in members) + packer.end())
    unpack(backup, at / "new" / "data")


def put_file(at: Path) -> None:
    async def put() -> None:
        files = OpenFiles()
        created = await files.create(Inside(at), "some/where/else.txt")
        await files.write_on(created.handle, CONTENT)
        await files.keep(created.handle)

    anyio.run(put)


def imported(at: Path) -> None:
    """It is all there: no hub forgets it any more."""

    async def come() -> None:
        store, bell = await open_store("memory", at), LocalBell()
        ground = Ground(store, Log(store, bell), bell, SystemClock())
        async with Arriving(ground, Blobs(at / "blobs"), at / "imports").coming(SESSION):
            pass

    anyio.run(come)


def given_note(at: Path) -> None:
    given._leave_note(given.given_note(at, SESSION))


def begun_workspace(at: Path) -> None:
    """From the note on, what is there is not whole."""
    workspace._begin(at / "worktrees" / "w", workspace._note(at / "worktrees" / "w"))


def whole_workspace(at: Path) -> None:
    """Without the note it is, and nobody will erase it."""
    begun_workspace(at)
    durable.remove(workspace._note(at / "worktrees" / "w"))


KEPT: Final[dict[Callable[[Path], None], dict[str, bytes | None]]] = {
    blob: {f"blobs/held/{SESSION}/*": b"", "blobs/??/*": CONTENT},
    held_blob: {f"blobs/held/{SESSION}/*": b"", "blobs/??/*": CONTENT},
    spool: {f"spool/{SESSION}.1": None},
    key: {"new/data/api_key": None},
    exported: {"session.tar.gz": CONTENT},
    restored: {"new/data/roost.db": CONTENT, "new/data/blobs/aa/bb": CONTENT},
    put_file: {"some/where/else.txt": CONTENT},
    imported: {},
    given_note: {f"given/{SESSION}": b""},
    begun_workspace: {"worktrees/w.making": b""},
    whole_workspace: {},
}
"""What must be found, whatever was lost: names, and content where it is known; None: as it was."""
GONE: Final[dict[Callable[[Path], None], list[str]]] = {
    imported: [f"imports/{SESSION}.part"],
    whole_workspace: ["worktrees/w.making"],
}


def main() -> None:
    folder, journal = Path(sys.argv[1]), Path(sys.argv[2])
    if sys.argv[3:]:
        forget_names()
    for make in KEPT:
        make(folder / make.__name__)
        sys.stdout.write(f"{make.__name__} {journal.stat().st_size}\n")


if __name__ == "__main__":
    main()
