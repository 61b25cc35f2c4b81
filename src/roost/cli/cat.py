"""`roost cat`: a file of the workspace."""

from typing import Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.cli.within import Wake


def cat(
    session: OneSession,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files of the workspace.")],
    wake: Wake = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """The bytes go to the output as they are, whatever they are and however many; on a terminal as text, with control
    characters shown. With --json: `{"path", "text"}`, or `{"path", "base64"}` where they are no text."""
    import anyio

    return anyio.run(_cat, session, paths, wake, as_json, url, data)


async def _cat(name: str, paths: list[str], wake: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import STDOUT, Bytes, print_struct

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        for path in paths:
            if as_json:
                print_struct(told(path, await session.get_file_buffer(path, wake=wake)))
                continue
            shown = Bytes(STDOUT)
            async with session.open_file(path, wake=wake) as pieces:
                async for piece in pieces:
                    shown.write(piece)
            shown.end()
    return codes.OK


def told(path: str, content: bytes) -> dict[str, str | bytes]:
    try:
        return {"path": path, "text": content.decode()}
    except UnicodeDecodeError:
        return {"path": path, "base64": content}
