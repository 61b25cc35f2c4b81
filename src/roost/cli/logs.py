"""`roost logs`: what host and agent of a session wrote beside the log, and how the host does."""

from typing import Annotated

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.model.knowing import LOG_TAIL_BYTES, MAX_LOG_TAIL_BYTES


def logs(
    session: OneSession,
    size: Annotated[
        int, typer.Option("--bytes", min=0, max=MAX_LOG_TAIL_BYTES, help="At most so much of the end.")
    ] = LOG_TAIL_BYTES,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """The log of the session's last host, with the values of its `env` masked; on stderr the host and the last error.
    With --json all of it in one object."""
    import anyio

    return anyio.run(_logs, session, size, as_json, url, data)


async def _logs(name: str, size: int, as_json: bool, url: Url, data: Data) -> int:
    import sys

    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import STDERR, print_struct
    from roost.cli.words import plain

    async with open_client(url, data) as client:
        found = await (await find_session(client, name)).diagnostics(log_bytes=size)
    if as_json:
        print_struct(found)
        return codes.OK
    print(plain(found.log), end="")
    host = found.host
    words = f"host {host.pid}, epoch {host.epoch}" if host.pid is not UNSET else "no host"
    words += ", runs" if host.alive else ""
    words += ", linked" if host.linked else ""
    print(STDERR.style(words, "dim"), file=sys.stderr)
    if found.errors:
        error = found.errors[0].error
        print(STDERR.style(plain(f"last error: {error.message} ({error.code})"), "dim"), file=sys.stderr)
    return codes.OK
