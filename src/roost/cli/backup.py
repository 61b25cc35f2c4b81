"""`roost backup`: a data folder as one file."""

from pathlib import Path
from typing import Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, Url


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; - is standard output.", show_default=False)],
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """While the hub runs: its log and keys as of one moment, blobs, spools. What sessions work in (worktrees, clones)
    is listed, not copied. FILE is there once it is whole; keep it like a password. With --json: `{"file", "bytes"}`."""
    import anyio

    return anyio.run(_backup, file, as_json, url, data)


async def _backup(file: Path, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct, progress
    from roost.cli.whole import write_whole

    async with open_client(url, data) as client:
        with progress("backing up"):
            async with client.backup() as pieces:
                size = await write_whole(file, pieces)
    if file != Path("-"):
        print_struct({"file": str(file), "bytes": size}) if as_json else print(
            f"The backup is in {file} ({size} bytes)."
        )
    return codes.OK
