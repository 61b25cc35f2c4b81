"""The real agents and their fake model, each installed once on this machine: `python -m tests.agents.installed`.

Run it before the network is taken away (`make test-agents`). The agents are installed as `roost agents install` does
it, into a folder that each hub under test finds them in; install scripts are not run: nothing here needs them.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from roost.drivers.acp.agents import AGENTS
from roost.installs.install import install
from roost.model.errors import RoostError
from tests.interop.coder.packages import node

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "agents"
WANTED: Final = ("package.json", "package-lock.json")
INSTALL_SECONDS: Final = 300


def model_modules() -> Path:
    """The packages of the fake model: another lock, another folder."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in WANTED))
    return CACHE / f"model-{digest.hexdigest()[:16]}" / "node_modules"


def install_model() -> None:
    """Exits with one line that says why it cannot."""
    folder = model_modules().parent
    if folder.exists():
        return
    draft = CACHE / "model.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name in WANTED:
        shutil.copy(HERE / name, draft)
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        sys.exit(f"npm could not install the fake model: {' '.join(done.stderr.split())[:500]}")
    draft.rename(folder)


def install_agents() -> int:
    """0: each of them is there."""
    failed = 0
    for name in AGENTS:
        try:
            print(name, *(f"{package} {version}" for package, version in install(CACHE, name).packages.items()))
        except RoostError as error:
            print(f"{name} could not be installed: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    install_model()
    sys.exit(install_agents())
