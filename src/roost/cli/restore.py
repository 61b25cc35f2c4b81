"""`roost restore`: a data folder from its backup, made beside its place, and put there once it is whole."""

import os
import re
import secrets
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO, Annotated, Final

import msgspec
import typer

from roost.cli import codes
from roost.cli.options import Json
from roost.durable import make_folder, put, sync_folder
from roost.model.bundle import BACKUP, BACKUP_HEAD, END, FOLDERS, STORE, VERSION, BackupEnd, BackupHead
from roost.model.errors import Conflicting, InvalidRequest

BELONGS: Final = re.compile(r"roost\.db|api_key|(blobs|spool|orphans)(/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,3}")
MAX_HEAD_BYTES: Final = 64 * 1024 * 1024


class BackupInvalid(InvalidRequest):
    """This is no backup of a data folder, or not all of one; nothing was made of it."""

    code = "backup_invalid"


class FolderTaken(Conflicting):
    """The folder is not empty: name one that is not there yet. Details: `path`."""

    code = "folder_taken"


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.", show_default=False)],
    data: Annotated[
        Path, typer.Option("--data", metavar="FOLDER", help="The data folder to make.", show_default=False)
    ],
    as_json: Json = False,
) -> int:
    """FOLDER must not be there, or be empty. Start a hub on it with `roost up`: sessions that were at work are
    interrupted and can be woken where what they worked in is still there. With --json: `{"data", "files"}`."""
    from roost.cli.terminal import print_struct, progress

    with progress("restoring"):
        files = unpack(file, data)
    print_struct({"data": str(data), "files": files}) if as_json else print(f"{data} is ready: roost up --data {data}")
    return codes.OK


def unpack(file: Path, data: Path) -> int:
    """How many files it has now. Raises: BackupInvalid, FolderTaken; DataLocked: a hub uses the folder; OSError."""
    data = data.expanduser().absolute()
    _must_be_free(data)
    draft = data.with_name(f".{data.name}.{secrets.token_hex(4)}.new")
    make_folder(draft, 0o700)
    try:
        files = _extract(file, draft)
        if data.exists():
            data.rmdir()
        put(draft, data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return files


def _must_be_free(data: Path) -> None:
    if (data / "lock").exists():
        from roost.storage import lock_folder

        lock_folder(data).release()
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise FolderTaken(f"{data} is not empty: name a folder that is not there yet.", path=str(data))


def _extract(file: Path, draft: Path) -> int:
    """Names are those that a hub writes, and nothing else."""
    seen: list[str] = []
    end: BackupEnd | None = None
    with file.open("rb") as opened:
        try:
            with tarfile.open(fileobj=opened, mode="r|gz") as tar:
                for info in tar:
                    content = tar.extractfile(info) if info.isreg() else None
                    if content is None or end is not None:
                        raise BackupInvalid(f"{info.name[:80]!r} does not belong into a backup")
                    if info.name in (BACKUP_HEAD, END, FOLDERS):
                        if info.size > MAX_HEAD_BYTES:
                            raise BackupInvalid
                        end = _told(info.name, content.read())
                    elif not seen and info.name != STORE:
                        raise BackupInvalid
                    elif BELONGS.fullmatch(info.name):
                        _write(draft / info.name, content)
                        seen.append(info.name)
                    else:
                        raise BackupInvalid(f"{info.name[:80]!r} does not belong into a backup")
        except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError) as error:
            raise BackupInvalid(f"{file} is no backup, or not all of one: {error}") from None
    if end is None or end.files != len(seen) or STORE not in seen:
        raise BackupInvalid(f"{file} is not all of a backup.")
    for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
        sync_folder(folder)
    return len(seen)


def _told(name: str, raw: bytes) -> BackupEnd | None:
    """The end, if this is it."""
    if name == BACKUP_HEAD:
        head = msgspec.json.decode(raw, type=BackupHead)
        if (head.format, head.version) != (BACKUP, VERSION):
            raise BackupInvalid(f"It is {head.format!r} {head.version}; this Roost reads {BACKUP!r} {VERSION}.")
    return msgspec.json.decode(raw, type=BackupEnd) if name == END else None


def _write(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("xb") as file:
        path.chmod(0o600)
        shutil.copyfileobj(content, file, 1024 * 1024)
        file.flush()
        os.fsync(file.fileno())
