"""`roost artifacts`: what a session has published."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.cli.terminal import STDOUT, Bytes

if TYPE_CHECKING:
    from roost.model.made import Artifact


def artifacts(
    session: OneSession,
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="Print this one. Else: list them.")] = None,
    version: Annotated[int | None, typer.Option("--version", help="Which version; else the newest.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Into this file.")] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """They stay as long as the session, whatever becomes of its workspace; nobody wakes for them."""
    import anyio

    if key is None:
        return anyio.run(_list, session, as_json, url, data)
    content = anyio.run(_get, session, key, version, url, data)
    if output is None:
        shown = Bytes(STDOUT)
        shown.write(content)
        shown.end()
    else:
        output.write_bytes(content)
    return codes.OK


async def _list(name: str, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.terminal import print_list
    from roost.cli.within import within

    found = await within(name, lambda session: session.list_artifacts(), going_on="looking", url=url, data=data)
    print_list(found, _line, as_json=as_json, none="nothing was published")
    return codes.OK


def _line(each: "Artifact") -> str:
    from roost.cli.words import age, inline, size

    return f"{size(each.size):>8}  v{each.version:<3}  {age(each.at):>6}  {inline(each.key)}  {inline(each.mime)}"


async def _get(name: str, key: str, version: int | None, url: Url, data: Data) -> bytes:
    from roost.cli.within import within

    return await within(
        name, lambda session: session.get_artifact_buffer(key, version=version), going_on="fetching", url=url, data=data
    )
