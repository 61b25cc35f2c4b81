"""`roost messages`: the conversation, as far as it has come."""

from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.model.messages import Message, Part


def messages(
    session: OneSession,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="The last so many.")] = 50,
    before: Annotated[int | None, typer.Option("--before", min=0, help="Those that began before this event.")] = None,
    message: Annotated[str | None, typer.Option("--message", metavar="ID", help="Only this one.")] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Oldest first. Older ones: `--before` the `first` of the oldest that is shown. `roost attach` shows them live."""
    import anyio

    return anyio.run(_messages, session, limit, before, message, as_json, url, data)


async def _messages(
    name: str, limit: int, before: int | None, message: str | None, as_json: bool, url: Url, data: Data
) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import STDOUT, print_struct

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        if message is None:
            found = await session.messages(before=before, limit=limit)
        else:
            found = (await session.message(message),)
    for each in found:
        if as_json:
            print_struct(each)
        else:
            print(STDOUT.style(_head(each), "dim"))
            for part in each.parts:
                print(_words(part))
            print()
    return codes.OK


def _head(message: "Message") -> str:
    from roost.cli.words import clock, inline

    info = message.info
    return f"{info.role} {inline(info.id)}, {clock(info.created)}, event {info.first}"


def _words(part: "Part") -> str:
    from roost.cli.words import brief, one_line, plain
    from roost.model.messages import PatchPart, ReasoningPart, TextPart, ToolPart

    if isinstance(part, TextPart | ReasoningPart):
        return plain(part.text)
    if isinstance(part, ToolPart):
        return one_line(f"● {part.tool or 'tool'} {brief(part.state.input)}: {part.state.status}", 200)
    if isinstance(part, PatchPart):
        return one_line(f"changed: {', '.join(plain(change.path) for change in part.files)}", 200)
    return f"({type(part).__struct_config__.tag})"
