"""What `roost doctor` looks at. Each check says what it found and, if something is to do, what."""

import fcntl
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from roost import __version__
from roost.cli.config import read_settings, unknown_variables
from roost.cli.hub import open_client
from roost.cli.problems import ConfigInvalid
from roost.cli.words import folder, size
from roost.client import Agent, AsyncClient
from roost.client.address import Finder
from roost.model.errors import HubUnreachable, RoostError
from roost.settings import Settings

LOW_DISK_BYTES: Final = 1_000_000_000


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: `ok`, `warn` or `fail`, what was `found`, and what there is `todo`."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    todo: str = ""


def ok(name: str, found: str) -> Check:
    return Check(name=name, status="ok", found=found)


def warn(name: str, found: str, todo: str) -> Check:
    return Check(name=name, status="warn", found=found, todo=todo)


def fail(name: str, found: str, todo: str) -> Check:
    return Check(name=name, status="fail", found=found, todo=todo)


async def check_all(url: str | None, data: Path | None) -> list[Check]:
    """Everything, in the order in which one thing needs the other."""
    try:
        settings = read_settings({"data": str(data) if data else None})
    except ConfigInvalid as error:
        todo = "correct it; `roost up --help` lists the settings"
        return [python(), git(), fail("settings", error.message, todo)]
    return [*check_machine(Path(settings.data)), *[check async for check in hub(url, data, settings)]]


def check_machine(root: Path) -> Iterator[Check]:
    """What can be seen without the hub."""
    yield from (python(), git(), sandbox(), screens(), *variables(), *data_folder(root))
    if root.is_dir():
        yield from (lock(root), store(root), orphans(root), spools(root))


def python() -> Check:
    words = f"{platform.python_version()} at {sys.executable}"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return ok("python", words)
    return warn("python", words, "Roost is tested with 3.11, 3.12 and 3.13")


def git() -> Check:
    path = shutil.which("git")
    if path is None:
        return fail("git", "not found", "install git: without it no session gets a worktree")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return ok("git", said or path)


def sandbox() -> Check:
    """Whether agents can be enclosed here, found out by trying."""
    from roost.sandboxes import load_probe

    found = load_probe("bubblewrap")()
    if found.reason:
        return warn("sandbox", f"none: {found.reason}; an agent can do what its user can", found.todo)
    if not found.limits:
        todo = "let the hub make control groups: docs/explanation/sandbox.md says how"
        return warn("sandbox", "bubblewrap, but no limits for all inside together", todo)
    return ok("sandbox", f"bubblewrap, with limits for {', '.join(found.limits)}")


def screens() -> Check:
    """Whether agents can have a screen of their own here."""
    path = shutil.which("tmux")
    if path is None:
        todo = "apt-get install tmux, for `roost run --driver terminal`"
        return warn("screens", "no tmux: no agent has a screen of its own", todo)
    said = subprocess.run([path, "-V"], capture_output=True, text=True, check=False).stdout.strip()
    return ok("screens", said or path)


def variables() -> Iterator[Check]:
    unknown = unknown_variables()
    if unknown:
        yield warn("environment", f"no such setting: {', '.join(unknown)}", "misspelt? `roost up --help` lists them")


def data_folder(root: Path) -> Iterator[Check]:
    if not root.exists():
        yield ok("data", f"{folder(str(root))} does not exist yet; the first hub makes it")
        return
    if not root.is_dir() or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        yield fail("data", f"{folder(str(root))} is no folder that you can write", "choose another: --data FOLDER")
        return
    mode = stat.S_IMODE(root.stat().st_mode)
    if mode & 0o077:
        yield warn("data", f"{folder(str(root))} is open to others (mode {mode:o})", f"chmod 700 {root}")
    free = shutil.disk_usage(root).free
    words = f"{folder(str(root))}, {size(free)} free"
    yield ok("data", words) if free > LOW_DISK_BYTES else warn("data", words, "make room: a full disk stops every run")


def lock(root: Path) -> Check:
    path = root / "lock"
    if not path.exists():
        return ok("lock", "free")
    with path.open("rb") as file:
        pid = file.read(32).decode(errors="replace").strip()
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return ok("lock", f"held by the hub with pid {pid}")
    return ok("lock", "free")


def store(root: Path) -> Check:
    files = [path for path in root.glob("*.db*") if path.is_file()]
    if not files:
        return ok("store", "nothing kept yet")
    return ok("store", f"{size(sum(path.stat().st_size for path in files))} in {len(files)} files")


def orphans(root: Path) -> Check:
    """Events of hosts that were refused: they are in no log."""
    files = sorted(path.name for path in (root / "orphans").glob("*"))
    if not files:
        return ok("orphans", "none")
    where = folder(str(root / "orphans"))
    return warn(
        "orphans", f"{len(files)} in {where}: {', '.join(files[:3])}",
        "events of a host that came back too late, in no log; read them, then delete the files",
    )  # fmt: skip


def spools(root: Path) -> Check:
    """What hosts wrote down when they left without a hub; the next hub takes it in."""
    files = sorted(path.name for path in (root / "spool").glob("codesess_*.*"))
    if not files:
        return ok("spools", "none")
    return warn("spools", f"{len(files)} wait: {', '.join(files[:3])}", "roost up takes them into the log")


async def hub(url: str | None, data: Path | None, settings: Settings) -> AsyncGenerator[Check]:
    async with open_client(url, data) as client:
        try:
            health = await client.health()
        except HubUnreachable as error:
            yield _no_hub(url, settings, error)
            return
        where = client.address.url
        if health.version != __version__:
            todo = "roost down, then roost up, so that both are the same"
            yield warn("hub", f"{where} is version {health.version}, this is {__version__}", todo)
        elif not await client.ready():
            yield warn("hub", f"{where} answers, and is still taking up its sessions", "wait a moment")
        else:
            yield ok("hub", f"{where}, version {health.version}")
        try:
            yield agents(await client.agents())
            yield await _sessions(client)
        except RoostError as error:
            yield fail("api key", error.message, "--data FOLDER of the hub, or its key in ROOST_API_KEY")


def _no_hub(url: str | None, settings: Settings, error: HubUnreachable) -> Check:
    if url:
        return fail("hub", error.message, "is it up, and is this its address?")
    try:
        stale = Finder.of(data=settings.data).hub_file()
    except HubUnreachable:
        return ok("hub", 'none runs; `roost run "task"` starts one')
    return warn("hub", f"{stale.url} (pid {stale.pid}) does not answer; it was killed", "roost up takes everything up")


def agents(found: Sequence[Agent]) -> Check:
    here, missing = [each for each in found if each.installed], [each.name for each in found if not each.installed]
    words = ", ".join(f"{agent.name} (default)" if agent.default else agent.name for agent in here)
    words += f"; not installed: {', '.join(missing)}" if missing else ""
    default = next((agent for agent in found if agent.default), None)
    if default is None:
        todo = "name one: roost run --agent NAME, or roost up --agent NAME"
        return warn("agents", f"{words}; none is the default", todo)
    if not default.installed:
        return warn("agents", f"{words}; {default.name} is the default", default.install or "correct its command")
    if default.logged_in is False:
        return warn("agents", f"{words}; {default.name} is not logged in", default.sign_in or "log in")
    return ok("agents", words)


async def _sessions(client: AsyncClient) -> Check:
    found = await client.list_sessions(hidden=True, limit=1)
    asking = [info for info in (await client.list_sessions(phase="active", hidden=True)).sessions if info.pending]
    if asking:
        names = ", ".join(info.session for info in asking[:3])
        return warn("sessions", f"{found.total}, and {len(asking)} wait for an answer: {names}", "roost show SESSION")
    return ok("sessions", str(found.total))
