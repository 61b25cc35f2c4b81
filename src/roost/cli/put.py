"""`roost put`: a file into the workspace."""

import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

PIECE_BYTES = 512 * 1024


def put(
    session: OneSession,
    source: Annotated[str, typer.Argument(metavar="FILE", help="A file here. `-`: what is piped in.")],
    path: Annotated[
        str | None, typer.Argument(metavar="PATH", help="Where in the workspace. Else: its top, under the same name.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """It takes its place when all of it is there; folders above it are made. A session that sleeps wakes."""
    import anyio

    from roost.cli.problems import UsageWrong

    if path is None and source == "-":
        raise UsageWrong("say where in the workspace it goes: roost put SESSION - PATH")
    with nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb") as file:
        return anyio.run(_put, session, file, path or Path(source).name, as_json, url, data)


async def _put(name: str, file: BinaryIO, path: str, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.terminal import print_struct
    from roost.cli.within import within
    from roost.cli.words import inline, size

    entry = await within(
        name, lambda session: session.put_file(path, _pieces(file)), going_on="sending", url=url, data=data
    )
    if as_json:
        print_struct(entry)
    else:
        print(f"{inline(entry.path)}: {size(entry.size)}")
    return codes.OK


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    from anyio import to_thread

    while piece := await to_thread.run_sync(file.read, PIECE_BYTES):
        yield piece
