"""`roost queue`: what waits for its turn."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.options import Attach, Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.client import AsyncSession


def queue(
    session: OneSession,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="Add this. `-`: read it from a pipe. Without it: list.")
    ] = None,
    attach: Attach = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="INPUT", help="Give up this input: its number, or its id.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Inputs that wait for their own run, in their order; at most 100. After an abort or a pause they are held until
    `roost resume`, or until a run completes. With --json: one input a line, or what was recorded."""
    import anyio

    from roost.cli.problems import UsageWrong

    if text is not None and remove:
        raise UsageWrong("give TEXT to add, or --remove; not both")
    if text is None and attach:
        raise UsageWrong("a file is handed over with words: give TEXT too")
    return anyio.run(_queue, session, text, attach or [], remove or [], as_json, url, data)


async def _queue(
    name: str, text: str | None, files: list[Path], remove: list[str], as_json: bool, url: Url, data: Data
) -> int:
    from roost.cli.attaching import with_files
    from roost.cli.hub import find_session, open_client
    from roost.cli.run import read_task
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        if text is None and not remove:
            await _list(session, as_json)
            return codes.OK
        if remove:
            messages = [await _message(session, each) for each in remove]
            done = [await session.unqueue(message) for message in messages]
        else:
            done = [await session.queue(await with_files(client, read_task(text), files))]
    for accepted in done:
        if as_json:
            print_struct(accepted)
        else:
            print("removed" if remove else f"recorded as event {accepted.seq}")
    return codes.OK


async def _list(session: "AsyncSession", as_json: bool) -> None:
    from roost.cli.live import input_text
    from roost.cli.terminal import STDOUT, print_struct
    from roost.cli.words import age, one_line

    waiting = await session.queued()
    for number, entry in enumerate(waiting, 1):
        if as_json:
            print_struct(entry)
        else:
            start = f"{number:>3}  {age(entry.at):>6}  "
            print(start + one_line(input_text(entry.input), STDOUT.columns - len(start)))
    if not as_json and waiting and (await session.info()).queue_held:
        print(STDOUT.style("held: roost resume lets them go on", "dim"))


async def _message(session: "AsyncSession", given: str) -> str:
    """The id of an input that is named by its number in the list. Raises: MessageNotFound."""
    from roost.model.errors import MessageNotFound

    if not given.isdigit():
        return given
    waiting = await session.queued()
    if not 0 < int(given) <= len(waiting):
        raise MessageNotFound(f"{len(waiting)} inputs wait; there is no number {given}.")
    return waiting[int(given) - 1].message
