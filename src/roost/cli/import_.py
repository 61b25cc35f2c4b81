"""`roost import`: a session from the file that `roost export` has made."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Final

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, Url

PIECE_BYTES: Final = 512 * 1024


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file; - is standard input.", show_default=False)],
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
