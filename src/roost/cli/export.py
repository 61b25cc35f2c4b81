"""`roost export`: a session as one file."""

from pathlib import Path
from typing import Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


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
    from roost.cli.whole import write_whole
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
