"""`roost audit`: who did what."""

from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.model.stored import AuditEntry


def audit(
    after: Annotated[int, typer.Option("--after", min=0, help="After this position of the feed.")] = 0,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """What people and programs did, oldest first: input, answers, changes, deletions, operations on keys."""
    import anyio

    return anyio.run(_audit, after, as_json, url, data)


async def _audit(after: int, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_list

    async with open_client(url, data) as client:
        while True:
            page = await client.audit(after)
            print_list(page.entries, _line, as_json=as_json)
            if page.pos == after:
                return codes.OK
            after = page.pos


def _line(entry: "AuditEntry") -> str:
    import time

    from roost.cli.words import inline, padded
    from roost.model.ids import short_id

    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at / 1000))
    who = entry.by.user if entry.by.org is UNSET else f"{entry.by.user}@{entry.by.org}"
    what = short_id(entry.session) if entry.session is not UNSET else ""
    if entry.details is not UNSET:
        what = " ".join(f"{name}={value}" for name, value in entry.details.items() if value != "")
    return f"{when}  {padded(inline(who), 20)} {entry.action:<18} {inline(what)}".rstrip()
