"""`roost ls-files`: what is in the workspace."""

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.cli.within import Wake

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.workspace import FileEntry, FileList

LIMIT: Final = 1000
_ENDS: Final = {"folder": "/", "link": "@", "other": "|"}


def ls_files(
    session: OneSession,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="A folder of the workspace.", show_default=False)] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders below too, but not `.git`.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", help="So many names at most (10000).")] = LIMIT,
    wake: Wake = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Size, time of the last change, name: `/` marks a folder, `@` a link, `*` what can be run."""
    import anyio

    return anyio.run(_ls_files, session, path, recursive, limit, wake, as_json, url, data)


async def _ls_files(
    name: str, path: str, recursive: bool, limit: int, wake: bool, as_json: bool, url: Url, data: Data
) -> int:
    from roost.cli.terminal import print_list
    from roost.cli.within import within
    from roost.model.errors import NotAFolder
    from roost.model.workspace import FileList

    async def found(session: "AsyncSession") -> "FileList":
        try:
            return await session.list_files(path, recursive=recursive, limit=limit, wake=wake)
        except NotAFolder:
            return FileList(files=[await session.stat(path, wake=wake)])

    listed = await within(name, found, going_on="looking", url=url, data=data)
    print_list(listed.files, _line, as_json=as_json)
    if listed.truncated and not as_json:
        print(f"... and more: --limit is {limit}")
    return codes.OK


def _line(entry: "FileEntry") -> str:
    from roost.cli.words import inline, size

    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.modified_at / 1000))
    shown = "" if entry.kind == "folder" else size(entry.size)
    mark = "*" if entry.executable else _ENDS.get(entry.kind, "")
    return f"{shown:>8}  {at}  {inline(entry.path)}{mark}"
