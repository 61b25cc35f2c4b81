"""Resolves the peers of `make bench-peers` (`bench/peers/pins.py`) into `bench/peers/locks/`: exact versions with their
hashes, and without addresses.

    make lock-peers [ARGS=PEER ...]
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from agent_locks import resolved

from bench.peers.pins import LOCKS, NPM, PYTHON

OPTIONS = (
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--no-header",
    "--python-platform=linux",
)


def main(names: list[str]) -> int:
    for name in names or (*NPM.rows, *PYTHON):
        lock = resolved(name, NPM) if name in NPM.rows else compiled(name)
        if "://" in lock:
            sys.exit(f"{name}: the lock holds an address; it must not")
        (LOCKS / (f"{name}.json" if name in NPM.rows else f"{name}.txt")).write_text(lock, encoding="utf-8")
        print(name, lock.count("integrity") or lock.count("=="), "packages")
    return 0


def compiled(name: str) -> str:
    wanted = PYTHON[name]
    with tempfile.TemporaryDirectory(prefix="roost-lock-") as folder:
        venv.create(folder, with_pip=True)
        tools, source = Path(folder) / "bin", Path(folder) / "wanted.in"
        subprocess.run([tools / "python", "-m", "pip", "install", "--quiet", "uv>=0.9,<1"], check=True)
        source.write_text("\n".join(f"{package}=={version}" for package, version in wanted.packages.items()))
        version = f"--python-version={'.'.join(map(str, wanted.python))}"
        command = [tools / "uv", "pip", "compile", "--quiet", *OPTIONS, version, source]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
