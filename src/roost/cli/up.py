"""`roost up`: a hub in this terminal. The hub is imported when it starts, never for another command."""

import gc
import json
import os
import sys
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from roost.cli import codes
from roost.cli.options import Json
from roost.cli.terminal import STDERR, Progress

if TYPE_CHECKING:
    from roost.settings import Settings

COLLECT_EVERY = 50_000
"""Objects that could be part of a cycle, made and not gone since the last look: some megabytes at most."""


def _flag(kind: Any, words: str, *names: str, metavar: str | None = None) -> Any:
    """`names`: if it is not called as its setting."""
    return Annotated[kind | None, typer.Option(*names, help=words, metavar=metavar)]


FLAGS: Final[dict[str, Any]] = {
    "host": _flag(str, "Listen on this address. [127.0.0.1]"),
    "port": _flag(int, "Listen on this port; 0 takes a free one. [7878]"),
    "data": _flag(str, "Where everything is kept.", metavar="FOLDER"),
    "agent": _flag(str, "The agent of sessions that name none."),
    "store": _flag(str, "`sqlite`, or `memory`: kept by nobody."),
    "allowed_hosts": _flag(list[str], "A Host header to accept beside loopback. Repeats.", "--allow-host"),
    "allowed_origins": _flag(list[str], "An Origin to accept beside the hub's own. Repeats.", "--allow-origin"),
    "grace_seconds": _flag(float, "How long a session waits for its lost host."),
    "warm_hosts": _flag(int, "Hosts that are started before they are needed."),
    "start_timeout_seconds": _flag(float, "How long a host may take to start."),
    "idle_seconds": _flag(float, "Without a run for so long a session sleeps; 0: never."),
    "parked_seconds": _flag(float, "Waiting for a person for so long a host is stopped; 0: never."),
    "ready_seconds": _flag(float, "Quiet for so long a session is shown as idle, no longer as ready."),
    "paused_seconds": _flag(float, "Asleep for so long a session counts as history; 0: never."),
    "sse_heartbeat_seconds": _flag(float, "A beat on quiet event streams."),
    "stream_writer": _flag(str, "How event streams go out: direct or asgi. [direct]"),
    "request_seconds": _flag(float, "How long a client may take to send a request."),
    "max_streams": _flag(int, "Event streams and sockets that one key may have open."),
    "rate_per_second": _flag(float, "What one key may change in a second; 0: without limit."),
    "max_body_bytes": _flag(int, "The largest request, but for files."),
    "max_file_bytes": _flag(int, "The largest file put into a workspace."),
    "sandbox": _flag(str, "What encloses agents: auto, bubblewrap or none. [auto]"),
    "network": _flag(str, "Reached from inside: auto, none, model or full. [auto]"),
    "sandbox_memory_bytes": _flag(int, "Of everything in one sandbox; 0: any."),
    "sandbox_processes": _flag(int, "In one sandbox at a time; 0: any."),
    "sandbox_cpus": _flag(float, "Cores for one sandbox; 0: all."),
    "log_level": _flag(str, "debug, info, warning or error; the log is on stderr."),
}
"""Settings that people give on the command line."""

Command = Callable[..., int]


def with_flags(command: Command) -> Command:
    """The command with a parameter for each flag before its own: Typer makes options of parameters."""
    own = [each for each in signature(command).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    own = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own]
    flags = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in FLAGS.items()]
    command.__annotations__ |= FLAGS
    cast(Any, command).__signature__ = Signature([*flags, *own])
    return command


@with_flags
def up(
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings, as TOML.")] = None,
    as_json: Json = False,
    **flags: Any,
) -> int:
    """Every setting is also ROOST_<NAME> in the environment and a key of the TOML file: flags win over the environment,
    that over the file. Started again on the same data folder, a hub takes up every session where it was.

    Ctrl-C puts every session to sleep and stops; once more kills every agent instead, and the exit code is 130. SIGTERM
    stops the hub alone, and its sessions work on. With --json: one line when it is ready,
    `{"url", "api_key_file", "data", "pid"}`, and a log of JSON lines on stderr.
    """
    from roost.cli.config import read_settings

    given = {name: value for name, value in flags.items() if value != []}  # a flag that repeats, and is not there
    return serve(read_settings(given, config=config), as_json=as_json)


def serve(settings: "Settings", *, as_json: bool) -> int:
    """Run the hub until it is told to stop. Raises: DataLocked, DataUnwritable, SchemaTooNew, StartFailed."""
    import anyio

    from roost.cli.log_lines import log_to_stderr
    from roost.wiring import run_hub

    log_to_stderr(settings.log_level, as_json=as_json)

    def ready(url: str) -> None:
        _say_ready(url, settings, as_json)
        collect_seldom()

    async def main() -> bool:
        with _Bedtime(shown=STDERR.is_terminal and not as_json) as bedtime:
            return await run_hub(settings, on_ready=ready, on_sleep=bedtime.awake)

    in_order = anyio.run(main, backend_options={"use_uvloop": sys.platform != "win32"})
    return codes.OK if in_order else codes.DETACHED


def collect_seldom() -> None:
    """The collector of cycles leaves alone what this process is made of, and looks at what is new only now and then.

    Events are on their way by the thousand. Every 700 objects, as is Python's habit, it would go through them and find
    no cycle: a quarter of what an append costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)


class _Bedtime:
    """What a terminal shows while sessions are put to sleep. Elsewhere the log's line has to do."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._progress: Progress | None = None

    def awake(self, number: int) -> None:
        """So many still are."""
        if not self._shown or (self._progress is None and not number):
            return
        if self._progress is None:
            words = f"Putting {number} session{'s' * (number > 1)} to sleep."
            print(words, "Ctrl-C once more kills their agents and stops at once.", file=sys.stderr, flush=True)
            self._progress = Progress("")
        self._progress.say(f"{number} still awake" if number else "all asleep")

    def __enter__(self) -> "_Bedtime":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.done()


def _say_ready(url: str, settings: "Settings", as_json: bool) -> None:
    from roost.cli.terminal import STDOUT
    from roost.cli.words import folder

    data, key_file = settings.data, str(Path(settings.data) / "api_key")
    if as_json:
        _print(json.dumps({"url": url, "api_key_file": key_file, "data": data, "pid": os.getpid()}) + "\n")
        return
    default = settings.data == str(Path("~/.local/share/roost").expanduser())
    flag = "" if default else f" --data {folder(data)}"
    _print(
        f"{STDOUT.style('Roost is up', 'bold')} at {url}, data in {folder(data)}, agent {settings.agent or 'none'}\n\n"
        f'  run something   roost run{flag} "task"\n'
        f"  watch it        roost attach{flag} SESSION      which there are: roost ls{flag}\n"
        f"  from elsewhere  ROOST_URL={url} ROOST_API_KEY=$(cat {folder(key_file)})\n"
        f"  stop            Ctrl-C here, or roost down{flag}\n\n"
    )


def _print(text: str) -> None:
    """In one piece. A reader that has gone is no reason for a hub to stop."""
    from roost.cli.terminal import mute_stdout

    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        mute_stdout()
