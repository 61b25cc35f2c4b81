"""Installing agents into Roost's own folder, and taking them out again. Blocks.

What is installed appears at once or not at all: it is made in `drafts`, moved to `versions`, and then a link to it
takes its name. A killed installation leaves a draft that nobody looks at; the next one removes it, and goes on with
what npm has fetched.
"""

import shlex
import shutil
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, cast

import msgspec
import psutil

from roost.installs.locked import Say, alone
from roost.installs.node import provide_node
from roost.installs.npm import npm_ci
from roost.installs.pins import PINS, Pinned, Pins
from roost.installs.places import MANIFEST, Installed, Installs, Manifest, node_name
from roost.model.errors import AgentInstallFailed

SPARE_MEGABYTES: Final = 200
"""What must be left of the disk."""
_MEGABYTE: Final = 1_000_000
_COMMAND: Final = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec {program} "$@"
"""


def install(root: Path, agent: str, *, force: bool = False, say: Say = lambda _: None, pins: Pins = PINS) -> Installed:
    """The agent, in this folder (`Installs`), with a Node of its own. If it is there already, nothing is done; `force`
    makes it anew. Raises: AgentUnknown, AgentInstallFailed, TimedOut: whatever was there before still is."""
    wanted, here = pins.of(agent), Installs(root, pins)
    with alone(root, say) as lock:
        found = here.find(agent)
        if found and found.current and not force:
            return found
        try:
            _tidy(root, agent)
            _need_room(root, wanted)
            node = provide_node(root, say, lock)
            draft = _draft(root, agent, pins.lock(agent))
            npm_ci(root / node_name(node), draft, cache=root / "cache", lock=lock, say=say)
            _finish(
                draft,
                wanted,
                Manifest(
                    agent=agent,
                    packages=dict(wanted.packages),
                    node=node,
                    lock=pins.lock_name(agent),
                    at=int(time.time() * 1000),
                ),
            )
            _appear(root, agent, draft)
            shutil.rmtree(root / "cache", ignore_errors=True)
        except OSError as error:
            raise AgentInstallFailed(f"{agent} could not be installed: {error}", why="disk") from None
        finally:
            _tidy(root, agent)
    done = here.find(agent)
    if done is None:
        raise AgentInstallFailed(f"{agent} was installed, and is gone again", why="gone")
    return done


def uninstall(root: Path, agent: str, *, say: Say = lambda _: None, pins: Pins = PINS) -> bool:
    """Whether it was there. What runs of it goes on as long as it can. Raises: AgentUnknown, TimedOut."""
    pins.of(agent)
    if not root.is_dir():
        return False
    with alone(root, say):
        link = root / agent
        was_there = link.is_symlink()
        link.unlink(missing_ok=True)
        _tidy(root, agent, also_used=True)
        if not any(Installs(root, pins).find(name) for name in pins.rows):
            for node in root.glob(node_name("*")):
                shutil.rmtree(node, ignore_errors=True)
    return was_there


def _need_room(root: Path, wanted: Pinned) -> None:
    free = shutil.disk_usage(root).free // _MEGABYTE
    if free < wanted.megabytes + SPARE_MEGABYTES:
        raise AgentInstallFailed(
            f"{root} has {free} MB free, and this takes {wanted.megabytes} MB beside {SPARE_MEGABYTES} MB that must be "
            "left: make room",
            why="disk_full",
        )


def _draft(root: Path, agent: str, lock: bytes) -> Path:
    """A folder with what npm needs."""
    draft = root / "drafts" / f"{agent}-{token_hex(6)}"
    draft.mkdir(parents=True)
    given: dict[str, Any] = msgspec.json.decode(lock)["packages"][""]
    (draft / "package.json").write_bytes(msgspec.json.encode({**given, "private": True}))
    (draft / "package-lock.json").write_bytes(lock)
    return draft


def _finish(draft: Path, wanted: Pinned, manifest: Manifest) -> None:
    """Its commands, and the word that it is whole. Raises: AgentInstallFailed."""
    commands = draft / "bin"
    commands.mkdir()
    modules = draft / "node_modules"
    for package in wanted.packages:
        for name, program in _programs(modules / package).items():
            if name in wanted.natives:
                program = min(modules.glob(wanted.natives[name]), key=lambda path: len(str(path)), default=None)
            if program is None:
                raise AgentInstallFailed(f"{manifest.agent} has no `{name}` for this kind of machine", why="machine")
            path = commands / name
            path.write_text(_COMMAND.format(program=_started(draft, program, manifest.node)), encoding="utf-8")
            path.chmod(0o755)
    (draft / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def _programs(package: Path) -> dict[str, Path]:
    """The commands of a package and what they start."""
    told: Any = msgspec.json.decode((package / "package.json").read_bytes())
    given = told.get("bin")
    if isinstance(given, str):
        given = {str(told.get("name")).rpartition("/")[2]: given}
    programs = cast("dict[str, str]", given) if isinstance(given, dict) else {}
    return {Path(name).name: package / program for name, program in programs.items()}


def _started(draft: Path, program: Path, node: str) -> str:
    """In the words of a shell, where `$here` is the folder of the commands. What is no script needs no Node."""
    with program.open("rb") as file:
        is_script = file.read(2) == b"#!" or program.suffix in (".js", ".mjs", ".cjs")
    inside = '"$here"/../' + shlex.quote(str(program.relative_to(draft)))
    if is_script:
        return f'"$here"/../../../{node_name(node)}/bin/node {inside}'
    program.chmod(0o755)
    return inside


def _appear(root: Path, agent: str, draft: Path) -> None:
    """From now on this is the agent."""
    version = root / "versions" / draft.name
    version.parent.mkdir(exist_ok=True)
    draft.replace(version)
    link = root / "drafts" / f"{draft.name}.link"
    link.symlink_to(Path("versions") / draft.name)
    link.replace(root / agent)


def _tidy(root: Path, agent: str, *, also_used: bool = False) -> None:
    """Remove drafts, and versions of this agent that are not it any more; of these, what somebody still runs stays for
    the next time."""
    shutil.rmtree(root / "drafts", ignore_errors=True)
    (root / "drafts").mkdir()
    current: Path | None = None
    with suppress(OSError):
        current = (root / agent).resolve(strict=True)
    for version in (root / "versions").glob(f"{agent}-*"):
        if version.resolve() != current and (also_used or not _in_use(version)):
            shutil.rmtree(version, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    """Whether a process runs that was started out of it."""
    place = f"{folder.resolve()}/"
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if any(place in word for word in process.cmdline()):
                return True
    return False
