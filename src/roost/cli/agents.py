"""`roost agents`: which agents there are here, and getting more."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roost.cli.terminal import Progress
    from roost.model.agents import Agent

Action = Literal["list", "show", "install", "uninstall", "login"]
WHERE: Final = {"built-in": "Roost itself", "roost": "Roost's folder", "path": "PATH", "settings": "settings"}


def agents(
    action: Annotated[Action, typer.Argument(help="`list`, `show`, `install`, `uninstall` or `login`.")] = "list",
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Which agents; `install`: `all` of them, too.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="`install`: anew, also if it is there.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """`list` and `show` ask the hub, or look on this machine if none runs. `install` fetches agents into the data
    folder, in the versions that this Roost is tested with and with a Node of their own; nothing else on this machine is
    touched, and sessions use them before those in the PATH. It needs no hub; repeated, it goes on where it stopped.
    `login` hands the terminal to the agent's own way of signing in: it signs in the user that you are here.

    With --json: an object for each agent: `name`, `installed`, `where`, `path`, `version`, `logged_in`, `can`, ...;
    `install`, `uninstall`: `agent`, and `packages` or `removed`."""
    from roost.cli.problems import UsageWrong

    if (action == "list") == bool(names):
        raise UsageWrong(f"`{action}` {'takes no name' if action == 'list' else 'needs the name of an agent'}")
    if action in ("list", "show"):
        return _show(_found(url, data), names or [], as_json, whole=action == "show")
    if action == "login":
        return _login(names or [], url, data)
    return _change(action, names or [], force, as_json, _root(url, data, action))


def _found(url: Url, data: Data) -> "Sequence[Agent]":
    import anyio

    from roost.cli.config import read_settings
    from roost.cli.hub import is_remote, open_client
    from roost.drivers import survey_agents
    from roost.model.errors import HubUnreachable

    async def ask() -> "Sequence[Agent]":
        async with open_client(url, data) as client:
            return await client.agents()

    try:
        return anyio.run(ask)
    except HubUnreachable:
        if is_remote(url, data):
            raise
        return survey_agents(read_settings({"data": str(data) if data else None}))


def _show(found: "Sequence[Agent]", names: "Sequence[str]", as_json: bool, *, whole: bool) -> int:
    from roost.cli.terminal import print_struct
    from roost.model.errors import AgentUnknown

    known = {agent.name: agent for agent in found}
    for name in names:
        if name not in known:
            raise AgentUnknown(f"no agent is called {name!r}; there are: {', '.join(known)}", known=list(known))
    for agent in [known[name] for name in names] or found:
        if as_json:
            print_struct(agent)
        elif whole:
            print("\n".join(_lines(agent)))
        else:
            print(_line(agent))
    return codes.OK


def _line(agent: "Agent") -> str:
    from roost.cli.words import inline, one_line, padded

    name = f"{agent.name} (default)" if agent.default else agent.name
    version = "" if agent.version is UNSET else agent.version
    state = f"{WHERE.get(agent.where or '', '')} {version}".strip() if agent.installed else "not installed"
    login = "" if agent.logged_in is UNSET else "logged in" if agent.logged_in else "not logged in"
    return f"{padded(inline(name), 20)} {padded(inline(state), 26)} {login:<14} {one_line(_todo(agent), 80)}".rstrip()


def _todo(agent: "Agent") -> str:
    """What there is to do about it, if anything."""
    if not agent.installed or agent.outdated:
        return f"{agent.install}{' --force' if agent.outdated else ''}" if agent.install else ""
    return f"{agent.sign_in}" if agent.logged_in is False and agent.sign_in else ""


def _lines(agent: "Agent") -> list[str]:
    from msgspec import to_builtins

    from roost.cli.words import inline

    told: dict[str, Any] = to_builtins(agent)
    can = told.pop("can", {})
    lines = [f"{name:<10} {inline(_word(value))}" for name, value in told.items()]
    return lines + [f"{'can ' + name:<10} {inline(_word(value))}" for name, value in can.items()]


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]  # of words
    return str(value)


def _root(url: Url, data: Data, action: str) -> Path:
    """Where agents are installed. Raises: UsageWrong: on another machine."""
    from roost.cli.config import read_settings
    from roost.cli.problems import UsageWrong
    from roost.installs.places import FOLDER

    if url is not None:
        raise UsageWrong(f"`{action}` works on this machine: run it where the hub runs, with its --data")
    return Path(read_settings({"data": str(data) if data else None}).data) / FOLDER


def _login(names: list[str], url: Url, data: Data) -> int:
    """Becomes the agent's own command. Raises: UsageWrong, AgentUnknown, AgentNotInstalled."""
    import os
    from shutil import which

    from roost.cli.config import read_settings
    from roost.cli.problems import UsageWrong
    from roost.drivers.acp.agents import AGENTS, acp_agent
    from roost.drivers.acp.finding import find
    from roost.installs.places import Installs
    from roost.model.errors import AgentUnknown

    if len(names) != 1:
        raise UsageWrong("`login` is for one agent")
    settings = read_settings({"data": str(data) if data else None})
    row = acp_agent(names[0], settings.agents.get(names[0]))
    if row is None or not row.login:
        known = [each for each, agent in AGENTS.items() if agent.login]
        raise AgentUnknown(f"Roost knows no way to sign in {names[0]!r}; it does for: {', '.join(known)}", known=known)
    found = find(row, {}, Installs(_root(url, data, "login")))
    program = which(row.login[0], path=found.env.get("PATH"))
    if program is None:
        raise UsageWrong(f"there is no `{row.login[0]}` beside {found.command[0]}; {row.sign_in}")
    os.execve(program, row.login, {**os.environ, **found.env})


def _change(action: str, names: list[str], force: bool, as_json: bool, root: Path) -> int:
    import msgspec

    from roost.cli.terminal import print_json_line, progress
    from roost.installs.install import install, uninstall
    from roost.installs.pins import PINS

    wanted = list(PINS.rows) if names == ["all"] else names
    for name in wanted:
        PINS.of(name)  # all of them are known before any is touched
    for name in wanted:
        with progress(name) as shown:
            say = partial(_say, shown, name)
            if action == "install":
                done = install(root, name, force=force, say=say)
                told: dict[str, Any] = {"agent": name, "packages": done.packages, "path": str(done.bin)}
                words = f"{name} is installed: " + ", ".join(f"{each} {v}" for each, v in done.packages.items())
            else:
                removed = uninstall(root, name, say=say)
                told, words = {"agent": name, "removed": removed}, f"{name} {'is gone' if removed else 'was not here'}"
        print_json_line(msgspec.json.encode(told)) if as_json else print(words)
    return codes.OK


def _say(shown: "Progress", name: str, words: str) -> None:
    shown.say(f"{name}: {words}")
