"""`roost export` and `roost import`: a session as one file."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Final

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

PIECE_BYTES: Final = 512 * 1024
FILE: Final = typer.Argument(metavar="FILE", help="The file; - is standard input.", show_default=False)


def export(
    session: OneSession,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """A gzipped tar: the log byte for byte, blobs, and what its workspace has changed if that is awake. Without -o it
    is written beside you, named by the session. `roost import` takes it, on any hub. With --json:
    `{"session", "file", "bytes"}`."""
    import anyio

    return anyio.run(_export, session, output, as_json, url, data)


async def _export(name: str, output: Path | None, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct, progress
    from roost.model.ids import short_id

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        target = output or Path(f"{short_id(session.id)}.roost.tar.gz")
        with progress(f"exporting {session.id}"):
            async with session.export() as pieces:
                size = await write_whole(target, pieces)
    if target != Path("-"):
        told = {"session": session.id, "file": str(target), "bytes": size}
        print_struct(told) if as_json else print(f"{session.id} is in {target} ({size} bytes)")
    return codes.OK


async def write_whole(target: Path, pieces: AsyncIterator[bytes]) -> int:
    """Into the file, which is there when it is whole. The bytes written."""
    import os

    size = 0
    if target == Path("-"):
        async for piece in pieces:
            size += sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return size
    draft = target.with_name(f".{target.name}.new")
    try:
        with draft.open("wb") as file:
            draft.chmod(0o600)
            async for piece in pieces:
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return size


def import_(
    file: Annotated[Path, FILE],
    new_id: Annotated[bool, typer.Option("--new-id", help="Beside the session it was made from.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """It is archived and yours, with the log as it was. All of it is there, or nothing. With --json: the session."""
    import anyio

    return anyio.run(_import, file, new_id, as_json, url, data)


async def _import(file: Path, new_id: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct, progress

    from roost.cli.words import inline

    async with open_client(url, data) as client:
        with progress(f"importing {file}"):
            session = await client.import_session(_pieces(file), new_id=new_id)
        info = await session.info()
    print_struct(info) if as_json else print(f"{info.session} {inline(info.label)}")
    return codes.OK


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    from anyio import to_thread

    with sys.stdin.buffer if file == Path("-") else file.open("rb") as opened:
        while piece := await to_thread.run_sync(opened.read, PIECE_BYTES):
            yield piece
