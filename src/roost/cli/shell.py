"""`roost shell`: a command in the workspace of a session."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli.options import Data, Env, Json, OneSession, Url, variables_of

if TYPE_CHECKING:
    from roost.model.workspace import Output


def shell(
    session: OneSession,
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND...", help="Several words are one command; one word is a line for the shell."),
    ],
    cwd: Annotated[str, typer.Option("--cwd", metavar="FOLDER", help="A folder of the workspace.")] = "",
    timeout: Annotated[str, typer.Option("--timeout", help="When it is killed, like 90s or 10m; at most 1h.")] = "2m",
    env: Env = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Its output, when it has ended, and its exit code are those of this command (128 + N for signal N). A session that
    sleeps wakes. Nothing is recorded. Ctrl-C kills it. Write `--` before the command if it has options."""
    import anyio

    return anyio.run(_shell, session, command, cwd, timeout, env or [], as_json, url, data)


async def _shell(
    name: str, words: list[str], cwd: str, timeout: str, given: list[str], as_json: bool, url: Url, data: Data
) -> int:
    from roost.cli.terminal import print_struct
    from roost.cli.within import within
    from roost.model.durations import seconds
    from roost.model.errors import ShellTimeout

    line = words[0] if len(words) == 1 else shlex.join(words)
    limit, variables = int(seconds(timeout) * 1000), variables_of(given)
    try:
        result = await within(
            name, lambda session: session.shell(line, cwd=cwd, timeout=limit, env=variables),
            going_on="running", url=url, data=data,
        )  # fmt: skip
    except ShellTimeout as error:
        if not as_json:
            _print(_printed(error.details))
        raise
    if as_json:
        print_struct(result)
    else:
        _print(result)
    return result.exit_code if result.exit_code >= 0 else 128 - result.exit_code


def _printed(details: dict[str, object]) -> "Output":
    import msgspec

    from roost.model.workspace import Output

    known = {name: value for name, value in details.items() if name in Output.__struct_fields__}
    return msgspec.convert(known, Output)


def _print(output: "Output") -> None:
    """As bytes, so that they go on as they came; but not to a terminal."""
    from roost.cli.terminal import STDERR, STDOUT, Bytes

    for stream, content, cut in (
        (STDOUT, output.stdout_bytes, output.stdout_truncated),
        (STDERR, output.stderr_bytes, output.stderr_truncated),
    ):
        shown = Bytes(stream)
        shown.write(content)
        shown.end()
        if cut:
            print("roost: only the first MiB of this output was kept", file=sys.stderr)
