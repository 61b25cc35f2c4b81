"""`roost loop`: work towards a goal, in one run after the other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.options import Attended, Data, Goal, Iterations, Json, OneSession, Step, Url

if TYPE_CHECKING:
    from roost.model.commands import ChangeLoop, LoopRequest

ACTIONS = ("start", "pause", "resume", "cancel")


def loop(
    session: OneSession,
    start: Annotated[
        bool, typer.Option("--start", help="Start one; without --goal, towards the session's task.")
    ] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Let the iteration end, and begin no other one.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on; wakes a session that sleeps.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it, and the run of its iteration.")] = False,
    goal: Goal = None,
    iterations: Iterations = None,
    step: Step = None,
    attended: Attended = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """How the loop stands, after what was asked of it. --goal, --iterations, --step and --attended belong to --start;
    without it they adjust the loop that goes on. With --json: its state."""
    import anyio

    from roost.cli.given import loop_of

    asked = [name for name, wanted in zip(ACTIONS, (start, pause, resume, cancel), strict=True) if wanted]
    command = _command(asked, loop_of(goal, iterations, step=step, attended=attended))
    return anyio.run(_loop, session, command, as_json, url, data)


def _command(asked: list[str], about: "LoopRequest | None") -> "ChangeLoop | None":
    """Raises: UsageWrong: two things at once."""
    import msgspec

    from roost.cli.problems import UsageWrong
    from roost.model.commands import ChangeLoop

    if len(asked) > 1 or (about is not None and asked not in ([], ["start"])):
        raise UsageWrong("one thing at a time: --start, --pause, --resume, --cancel, or what is to be adjusted")
    if not asked and about is None:
        return None
    given = {"command": "change-loop", "action": asked[0] if asked else "adjust"}
    return msgspec.convert(given | ({} if about is None else {"loop": msgspec.to_builtins(about)}), ChangeLoop)


async def _loop(name: str, command: "ChangeLoop | None", as_json: bool, url: str | None, data: Path | None) -> int:
    from roost.cli.given import loop_words
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct
    from roost.cli.words import plain

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        if command is not None:
            await session.change_loop(command)
        state = await session.loop()
    if as_json:
        print_struct(state)
    else:
        print(plain(loop_words(state)))
    return codes.OK
