"""`roost rm-file`: files out of the workspace."""

from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.workspace import FileEntry


def rm_file(
    session: OneSession,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, links or empty folders.")],
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """In order, stopping at the first that fails. A session that sleeps wakes."""
    import anyio

    return anyio.run(_rm_file, session, paths, as_json, url, data)


async def _rm_file(name: str, paths: list[str], as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.terminal import print_struct
    from roost.cli.within import within
    from roost.cli.words import plain

    async def remove(session: "AsyncSession") -> "list[FileEntry]":
        return [await session.remove_file(path) for path in paths]

    for entry in await within(name, remove, going_on="removing", url=url, data=data):
        if as_json:
            print_struct(entry)
        else:
            print(f"{plain(entry.path)} is removed")
    return codes.OK
