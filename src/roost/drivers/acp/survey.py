"""What there is of each agent on this machine. Reads files' names, not what they hold; starts nothing. Blocks.

Imported by the hub too, so nothing heavy here.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from roost.drivers.acp.agents import AGENTS, AcpAgent, acp_agent
from roost.drivers.acp.finding import Found, find
from roost.installs.pins import PINS
from roost.installs.places import Installs
from roost.model.agents import Agent
from roost.model.errors import AgentNotInstalled
from roost.settings import AgentSettings

MOVED: Final[Mapping[str, str]] = {
    ".claude": "CLAUDE_CONFIG_DIR",
    ".codex": "CODEX_HOME",
    ".pi/agent": "PI_CODING_AGENT_DIR",
    ".config": "XDG_CONFIG_HOME",
    ".local/share": "XDG_DATA_HOME",
}
"""Folders of HOME, and the variable that puts each elsewhere."""
MAX_PACKAGE_BYTES: Final = 1024 * 1024
KEYCHAIN: Final = ("claude",)
"""Where there is one (macOS), they keep their credentials in it: nothing can be seen."""


def survey(own: Mapping[str, AgentSettings], installs: Installs, *, default: str | None) -> tuple[Agent, ...]:
    """Every agent that a hub with these settings can run, Roost's own first."""
    rows = [row for name in dict.fromkeys([*AGENTS, *own]) if (row := acp_agent(name, own.get(name)))]
    scripted = Agent(name="scripted", default=default == "scripted", where="built-in")
    return (scripted, *(_look(row, installs, default) for row in rows))


def _look(row: AcpAgent, installs: Installs, default: str | None) -> Agent:
    login = signed_in(row, {**os.environ, **row.env})
    agent = Agent(
        name=row.name,
        default=row.name == default,
        installed=False,
        logged_in=_logged_in(row, login),
        login=login or UNSET,
        install=row.install or UNSET,
        sign_in=row.sign_in or UNSET,
        can=row.can or UNSET,
    )
    try:
        found = find(row, {}, installs)
    except AgentNotInstalled:
        return agent
    return msgspec.structs.replace(
        agent,
        installed=True,
        where=found.where,
        path=found.command[0],
        version=_version(row, found),
        outdated=found.installed is not None and not found.installed.current,
    )


def _logged_in(row: AcpAgent, login: str | None) -> bool | UnsetType:
    if not row.credentials and not row.keys:
        return UNSET
    if login is None and sys.platform == "darwin" and row.name in KEYCHAIN:
        return UNSET
    return login is not None


def signed_in(row: AcpAgent, env: Mapping[str, str]) -> str | None:
    """The variable or the file that this agent signs in with; None: there is none."""
    for key in row.keys:
        if env.get(key):
            return key
    for name in row.credentials[:1]:
        path = place_of(name, env)
        if path.is_file() and path.stat().st_size > 0:
            return str(path)
    return None


def place_of(name: str, env: Mapping[str, str]) -> Path:
    """Where a file of HOME really is, with these variables."""
    for folder, variable in MOVED.items():
        if env.get(variable) and name.startswith(f"{folder}/"):
            return Path(env[variable]) / name.removeprefix(f"{folder}/")
    return Path(env.get("HOME") or Path.home()) / name


def _version(row: AcpAgent, found: Found) -> str | UnsetType:
    """Of Roost's own: as it was installed. Else as the package says that the command lies in, if it does."""
    if found.installed is not None:
        return _first(found.installed.packages, PINS.of(row.name).packages)
    for folder in list(Path(found.command[0]).resolve().parents)[:4]:
        told = _package(folder / "package.json")
        if "version" in told and "name" in told:
            return str(told["version"])
    return UNSET


def _first(packages: Mapping[str, str], order: Iterable[str]) -> str | UnsetType:
    return next((packages[name] for name in order if name in packages), UNSET)


def _package(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_PACKAGE_BYTES), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return {}
