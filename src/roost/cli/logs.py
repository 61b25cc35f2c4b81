"""`roost logs`: what host and agent of a session wrote beside the log, and how the host does."""

from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.model.knowing import LOG_TAIL_BYTES, MAX_LOG_TAIL_BYTES

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.knowing import Diagnostics


LOOK_SECONDS: Final = 0.5
OVER: Final = ("failed", "archived", "ended")


def logs(
    session: OneSession,
    size: Annotated[
        int, typer.Option("--bytes", min=0, max=MAX_LOG_TAIL_BYTES, help="At most so much of the end.")
    ] = LOG_TAIL_BYTES,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is logged from now on.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """The log of the session's last host, with the values of its `env` masked; on stderr the host and the last error.
    With --json all of it in one object; with --follow another one whenever something was logged."""
    import anyio

    return anyio.run(_logs, session, size, follow, as_json, url, data)


async def _logs(name: str, size: int, follow: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        found = await session.diagnostics(log_bytes=size)
        if not follow:
            _print(found.log, found, as_json=as_json)
            _print_host(found, as_json=as_json)
            return codes.OK
        _print(found.log[: found.log.rfind("\n") + 1], found, as_json=as_json)
        await _follow(session, found, as_json=as_json)
    return codes.OK


async def _follow(session: "AsyncSession", found: "Diagnostics", *, as_json: bool) -> None:
    """Whole lines as they come, also of hosts that come later, until there can be no more. Of a host that begins and
    ends between two looks, what stands where an older log was read already is not shown."""
    import anyio

    host = found.host.epoch
    while True:
        over, end = found.phase in OVER, found.log_end
        await anyio.sleep(LOOK_SECONDS)
        found = await session.diagnostics(log_bytes=MAX_LOG_TAIL_BYTES, log_after=end)
        if found.host.epoch not in (host, UNSET):  # another host, and another log
            host = found.host.epoch
            found = await session.diagnostics(log_bytes=MAX_LOG_TAIL_BYTES, log_after=0)
        if found.log:
            _print(found.log, found, as_json=as_json)
        elif over:
            return


def _print(log: str, found: "Diagnostics", *, as_json: bool) -> None:
    from roost.cli.terminal import print_struct
    from roost.cli.words import plain

    if as_json:
        print_struct(found)
    else:
        print(plain(log), end="", flush=True)


def _print_host(found: "Diagnostics", *, as_json: bool) -> None:
    import sys

    from roost.cli.terminal import STDERR
    from roost.cli.words import plain

    if as_json:
        return
    host = found.host
    words = f"host {host.pid}, epoch {host.epoch}" if host.pid is not UNSET else "no host"
    words += ", runs" if host.alive else ""
    words += ", linked" if host.linked else ""
    print(STDERR.style(words, "dim"), file=sys.stderr)
    if found.errors:
        error = found.errors[0].error
        print(STDERR.style(plain(f"last error: {error.message} ({error.code})"), "dim"), file=sys.stderr)
