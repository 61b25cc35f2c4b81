"""`roost replay`: the log itself, a line for each event."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.model.envelope import Event


def replay(
    session: OneSession,
    after: Annotated[int, typer.Option("--after", metavar="SEQ", min=0, help="Begin after this event.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens from now on.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Ends at the present end of the log. With --json each line is the event as the hub keeps it."""
    import anyio

    return anyio.run(_replay, session, after, follow, as_json, url, data)


async def _replay(name: str, after: int, go_on: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.following import Watch, follow, print_json
    from roost.cli.hub import find_session, open_client

    show = print_json if as_json else print_event
    async with open_client(url, data) as client:
        session = await find_session(client, name)
        if go_on:
            return await follow(Watch(session=session, show=show, as_json=as_json), session.events(after=after))
        while True:
            page = await session.read(after=after, limit=1000)
            for event in page.events:
                show(event)
            if not page.events or page.events[-1].seq >= page.head:
                return codes.OK
            after = page.events[-1].seq


def print_event(event: "Event") -> None:
    """Seq, time of day, type, and the fields of the body."""
    import msgspec

    from roost.cli.terminal import STDOUT
    from roost.cli.words import cells, clock, one_line, padded

    body = msgspec.json.decode(event.raw)
    kind = body.pop("type")
    head = f"{event.seq:>6}  {clock(event.at)}  {padded(one_line(kind, 40), 18)} "
    fields = " ".join(f"{name}={msgspec.json.encode(value).decode()}" for name, value in body.items())
    sys.stdout.write(head + STDOUT.style(one_line(fields, STDOUT.columns - cells(head)), "dim") + "\n")
