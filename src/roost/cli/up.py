"""`roost up`: a hub in this terminal. The hub is imported when it starts, never for another command."""

import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roost.cli import codes
from roost.cli.options import Json
from roost.cli.terminal import STDERR, Progress

if TYPE_CHECKING:
    from roost.settings import Settings

COLLECT_EVERY = 50_000
"""Objects that could be part of a cycle, made and not gone since the last look: some megabytes at most."""

_IDLE = typer.Option(help="Without a run for so long a session sleeps; 0: never.")
_PARKED = typer.Option(help="Waiting for a person for so long a host is stopped; 0: never.")
_READY = typer.Option(help="Quiet for so long a session is shown as idle, no longer as ready.")
_PAUSED = typer.Option(help="Asleep for so long a session counts as history; 0: never.")
_REQUEST = typer.Option(help="How long a client may take to send a request.")
_STREAMS = typer.Option(help="Event streams and sockets that one key may have open.")
_RATE = typer.Option(help="What one key may change in a second; 0: without limit.")


def up(
    host: Annotated[str | None, typer.Option("--host", help="Listen on this address. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Listen on this port; 0 takes a free one. [7878]")] = None,
    data: Annotated[str | None, typer.Option("--data", metavar="FOLDER", help="Where everything is kept.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="The agent of sessions that name none.")] = None,
    store: Annotated[str | None, typer.Option("--store", help="`sqlite`, or `memory`: kept by nobody.")] = None,
    allowed_hosts: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A Host header to accept beside loopback. Repeats.")
    ] = None,
    allowed_origins: Annotated[
        list[str] | None, typer.Option("--allow-origin", help="An Origin to accept beside the hub's own. Repeats.")
    ] = None,
    grace_seconds: Annotated[float | None, typer.Option(help="How long a session waits for its lost host.")] = None,
    warm_hosts: Annotated[int | None, typer.Option(help="Hosts that are started before they are needed.")] = None,
    start_timeout_seconds: Annotated[float | None, typer.Option(help="How long a host may take to start.")] = None,
    idle_seconds: Annotated[float | None, _IDLE] = None,
    parked_seconds: Annotated[float | None, _PARKED] = None,
    ready_seconds: Annotated[float | None, _READY] = None,
    paused_seconds: Annotated[float | None, _PAUSED] = None,
    sse_heartbeat_seconds: Annotated[float | None, typer.Option(help="A beat on quiet event streams.")] = None,
    stream_writer: Annotated[
        str | None, typer.Option(help="How event streams go out: direct or asgi. [direct]")
    ] = None,
    request_seconds: Annotated[float | None, _REQUEST] = None,
    max_streams: Annotated[int | None, _STREAMS] = None,
    rate_per_second: Annotated[float | None, _RATE] = None,
    max_body_bytes: Annotated[int | None, typer.Option(help="The largest request, but for files.")] = None,
    max_file_bytes: Annotated[int | None, typer.Option(help="The largest file put into a workspace.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="What encloses agents: auto, bubblewrap or none. [auto]")] = None,
    network: Annotated[str | None, typer.Option(help="Reached from inside: auto, none, model or full. [auto]")] = None,
    sandbox_memory_bytes: Annotated[int | None, typer.Option(help="Of everything in one sandbox; 0: any.")] = None,
    sandbox_processes: Annotated[int | None, typer.Option(help="In one sandbox at a time; 0: any.")] = None,
    sandbox_cpus: Annotated[float | None, typer.Option(help="Cores for one sandbox; 0: all.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error; the log is on stderr.")] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings, as TOML.")] = None,
    as_json: Json = False,
) -> int:
    """Every setting is also ROOST_<NAME> in the environment and a key of the TOML file: flags win over the environment,
    that over the file. Started again on the same data folder, a hub takes up every session where it was.

    Ctrl-C puts every session to sleep and stops; once more kills every agent instead, and the exit code is 130. SIGTERM
    stops the hub alone, and its sessions work on. With --json: one line when it is ready,
    `{"url", "api_key_file", "data", "pid"}`, and a log of JSON lines on stderr.
    """
    from roost.cli.config import read_settings

    flags: dict[str, Any] = {
        "host": host, "port": port, "data": data, "agent": agent, "store": store, "max_file_bytes": max_file_bytes,
        "allowed_hosts": allowed_hosts or None, "allowed_origins": allowed_origins or None, "log_level": log_level,
        "grace_seconds": grace_seconds, "warm_hosts": warm_hosts, "start_timeout_seconds": start_timeout_seconds,
        "idle_seconds": idle_seconds, "parked_seconds": parked_seconds, "ready_seconds": ready_seconds,
        "paused_seconds": paused_seconds, "sse_heartbeat_seconds": sse_heartbeat_seconds, "max_streams": max_streams,
        "request_seconds": request_seconds, "rate_per_second": rate_per_second, "max_body_bytes": max_body_bytes,
        "sandbox": sandbox, "network": network, "sandbox_memory_bytes": sandbox_memory_bytes,
        "sandbox_processes": sandbox_processes, "sandbox_cpus": sandbox_cpus, "stream_writer": stream_writer,
    }  # fmt: skip
    return serve(read_settings(flags, config=config), as_json=as_json)


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
