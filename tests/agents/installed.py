"""The real agents and their fake model, installed once on this machine: `python -m tests.agents.installed`.

Run it before the network is taken away (`make test-agents`). Install scripts are not run: nothing here needs them.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.interop.coder.packages import node

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "agents"
WANTED: Final = ("package.json", "package-lock.json")
INSTALL_SECONDS: Final = 300


def home() -> Path:
    """Where `node_modules` is, or will be: another lock, another folder."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in WANTED))
    return CACHE / digest.hexdigest()[:16]


def opencode() -> Path:
    """The program itself, without the script that looks for it: for Linux on x86-64."""
    return home() / "node_modules" / "opencode-linux-x64" / "bin" / "opencode"


def install() -> Path:
    """Fill the folder, if that has not been done. Exits with one line that says why it cannot."""
    folder = home()
    if not folder.exists():
        draft = CACHE / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in WANTED:
            shutil.copy(HERE / name, draft)
        npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            sys.exit(f"npm could not install the real agents: {' '.join(done.stderr.split())[:500]}")
        draft.rename(folder)
    return folder


if __name__ == "__main__":
    print(install())
    if not opencode().exists():
        sys.exit(f"{opencode()} is not there: npm left out what this machine needs")
