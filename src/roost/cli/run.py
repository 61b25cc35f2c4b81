"""`roost run`: a task, a new session, and what happens."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.given import files_of, kit_of, loop_of
from roost.cli.mcp import servers_of
from roost.cli.options import (
    Attach,
    Attended,
    Begin,
    Data,
    Env,
    Files,
    Goal,
    Iterations,
    Json,
    Mcp,
    Persona,
    Skills,
    Step,
    Template,
    Url,
    variables_of,
)  # fmt: skip
from roost.cli.terminal import print_struct
from roost.cli.walls import Cpus, Memory, Network, Processes, Sandbox, sandbox_of

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.commands import CreateSession, WorkspaceRequest
    from roost.model.envelope import Event

ENDS = ("run-complete", "run-aborted", "run-error", "session-failed")
MAX_STDIN_CHARS = 4 * 1024 * 1024


Task = Annotated[
    str | None, typer.Argument(metavar="TASK", help="What to do. `-`, or nothing with a pipe: read it from there.")
]
Repo = Annotated[
    Path | None,
    typer.Option("--repo", metavar="FOLDER", help="Where, if not here: a git repository gives a worktree of its own."),
]
Clone = Annotated[str | None, typer.Option("--clone", metavar="URL", help="Where: in a clone of this repository.")]
Base = Annotated[
    str | None, typer.Option("--base", metavar="NAME", help="The branch, tag or commit that the work begins at.")
]


def run(
    task: Task = None,
    repo: Repo = None,
    clone: Clone = None,
    base: Base = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Who. Else ROOST_AGENT, else the hub's default.")] = None,
    driver: Annotated[str | None, typer.Option("--driver", help="How: `terminal` gives it its own screen.")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Work in the folder itself, not in a worktree.")] = False,
    model: Annotated[str | None, typer.Option("--model", help="The agent's model.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="What the session is called; else its task.")] = None,
    attach: Attach = None,
    env: Env = None,
    file: Files = None,
    skill: Skills = None,
    template: Template = None,
    persona: Persona = None,
    begin: Begin = None,
    goal: Goal = None,
    iterations: Iterations = None,
    step: Step = None,
    attended: Attended = None,
    sandbox: Sandbox = None,
    network: Network = None,
    memory: Memory = None,
    cpus: Cpus = None,
    processes: Processes = None,
    mcp: Mcp = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the session and leave it running.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Starts a hub in the background if none runs on this machine. Ctrl-C leaves, and the session goes on; a second
    Ctrl-C right after stops the run. With --goal, --iterations, --step or --attended it is a loop of runs, and the task
    its first iteration. With --json: the events as the wire carries them; with --detach, the session."""
    import anyio

    from roost.client.absent import or_absent
    from roost.model.commands import CreateSession

    wanted = CreateSession(
        task=or_absent(None if task is None and goal else read_task(task)), env=variables_of(env or []),
        agent=or_absent(agent), driver=or_absent(driver), model=or_absent(model), label=or_absent(label),
        workspace=place(repo, clone, base, in_place=in_place, template=template),
        kit=kit_of(skill or (), template, persona, begin), files=files_of(file or ()),
        loop=or_absent(loop_of(goal, iterations, step=step, attended=attended)), mcp=servers_of(mcp or ()),
        sandbox=sandbox_of(sandbox, network, memory, cpus, processes),
    )  # fmt: skip
    return anyio.run(_run, _prepare(wanted, url, data), attach or [], detach, as_json, url, data)


def place(
    repo: Path | None, clone: str | None, base: str | None, *, in_place: bool, template: str | None = None
) -> "WorkspaceRequest":
    """Where to work, as it was given; else where the template does. Raises: UsageWrong: two places."""
    from roost.cli.problems import UsageWrong
    from roost.client.absent import or_absent
    from roost.model.commands import WorkspaceRequest

    if template is not None and repo is None and clone is None and not in_place:
        return WorkspaceRequest()
    if clone is None:
        kind = "folder" if in_place else "auto"
        return WorkspaceRequest(kind=kind, path=str((repo or Path()).expanduser().absolute()), base=or_absent(base))
    if repo is not None or in_place:
        raise UsageWrong("--clone makes a folder of its own: it goes with neither --repo nor --in-place")
    here = Path(clone).expanduser()
    address = str(here.absolute()) if here.is_dir() else clone
    return WorkspaceRequest(kind="clone", url=address, base=or_absent(base))


def read_task(given: str | None) -> str:
    """From the command line or from standard input. Raises: UsageWrong: nothing in it, or too much."""
    from roost.cli.problems import UsageWrong

    if given is None and sys.stdin.isatty():
        raise UsageWrong('give a task: roost run "fix the failing test"')
    task = sys.stdin.read(MAX_STDIN_CHARS + 1) if given in (None, "-") else given
    if given in (None, "-") and len(task) > MAX_STDIN_CHARS:
        raise UsageWrong(f"the task has more than {MAX_STDIN_CHARS} characters: attach it as a file")
    if not task or not task.strip():
        raise UsageWrong("the task is empty")
    return task


async def _run(
    wanted: "CreateSession", attached: list[Path], detach: bool, as_json: bool, url: str | None, data: Path | None
) -> int:
    from msgspec.structs import replace

    from roost.cli.attaching import taken
    from roost.cli.following import follow, watch_of
    from roost.cli.hub import open_client

    async with open_client(url, data) as client:
        if attached:
            wanted = replace(wanted, input=await taken(client, attached))
        session = await client.create(wanted)
        if detach:
            await _print_session(session, as_json)
            return codes.OK
        events = session.events(until=_rests if wanted.loop else ENDS)
        return await follow(watch_of(session, as_json=as_json, stops=True), events)


def _rests(event: "Event") -> bool:
    """Whether this is the last of a loop for now: it has ended, or waits."""
    from roost.model.events import LoopUpdated

    body = event.body
    return event.type == "session-failed" or (
        isinstance(body, LoopUpdated) and body.status not in ("starting", "running")
    )


def _prepare(wanted: "CreateSession", url: str | None, data: Path | None) -> "CreateSession":
    """A hub that answers, started here if need be, and the agent that is configured where this command runs."""
    from msgspec import UNSET
    from msgspec.structs import replace

    from roost.cli.background import ensure_hub, hub_answers
    from roost.cli.config import read_settings
    from roost.cli.hub import is_remote
    from roost.model.errors import AgentNotConfigured

    settings = read_settings({"data": str(data) if data else None})
    if wanted.agent is UNSET and settings.agent:
        wanted = replace(wanted, agent=settings.agent)
    if is_remote(url, data) or hub_answers(settings):
        return wanted
    if wanted.agent is UNSET:
        raise AgentNotConfigured("No agent is configured, and none was named.")
    ensure_hub(settings)
    return wanted


async def _print_session(session: "AsyncSession", as_json: bool) -> None:
    from roost.model.ids import short_id

    if as_json:
        print_struct(await session.info())
        return
    name = short_id(session.id)
    print(name)
    print(f"watch it: roost attach {name}", file=sys.stderr)
