"""The peers in `.cache/peers/`, by their locks. What cannot be installed leaves a line that says why, for its row."""

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Final

from bench.peers.peer import NotHere
from bench.peers.pins import LOCKS, NPM, PYTHON, Wanted
from roost.installs.install import install as install_npm
from roost.installs.places import Installed, Installs
from roost.model.errors import RoostError
from tests.agents import installed as agents

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache" / "peers"
INSTALL_SECONDS: Final = 900
PIP: Final = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
"""Everything is in the lock, and nothing is resolved."""
WHEELS: Final = ("--only-binary", ":all:")
BUILT: Final = ("--no-build-isolation", "--no-binary", ":all:")


def npm_packages(name: str) -> dict[str, str]:
    """Raises: NotHere."""
    return dict(_found(name).packages)


def npm_command(name: str, command: str) -> Path:
    """Raises: NotHere."""
    return _found(name).bin / command


def python_packages(name: str) -> dict[str, str]:
    """Those that were asked for, and the Python that they run on."""
    return {**PYTHON[name].packages, "python": ".".join(map(str, PYTHON[name].python))}


def python_of(name: str) -> Path:
    """The interpreter that has these packages. Raises: NotHere."""
    python = _place(name) / "bin" / "python"
    if not python.exists():
        raise NotHere(_why(name))
    return python


def install(name: str) -> str:
    """ "": it is there; else why not."""
    note = CACHE / f"{name}.failed"
    CACHE.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    try:
        if name in PYTHON:
            _install_python(name, PYTHON[name])
        elif name in NPM.rows:
            install_npm(CACHE, name, pins=NPM)
        else:
            install_npm(agents.CACHE, name)
    except (RoostError, NotHere, OSError, subprocess.SubprocessError) as error:
        note.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        return str(error)
    return ""


def _install_python(name: str, wanted: Wanted) -> None:
    """Raises: NotHere, subprocess.TimeoutExpired."""
    place = _place(name)
    if place.exists():
        return
    draft = CACHE / f"{name}.draft"
    rmtree(draft, ignore_errors=True)
    made = subprocess.run([_interpreter(wanted), "-m", "venv", draft], capture_output=True, text=True, check=False)
    if made.returncode:
        raise NotHere(f"python -m venv: {_last(made.stderr)}")
    for options, lock in _turns(name, wanted):
        command = [draft / "bin" / "python", *PIP, *options, "-r", "/dev/stdin"]
        done = subprocess.run(command, input=lock, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            raise NotHere(f"pip install {' '.join((*PIP[5:], *options))}: {_last(done.stderr)}")
    draft.rename(place)


def _turns(name: str, wanted: Wanted) -> list[tuple[tuple[str, ...], str]]:
    """Options and locks of pip's calls: wheels first, then what is built with what they brought."""
    stanzas = re.split(r"\n(?=\S)", _lock(name).read_text(encoding="utf-8"))
    built = [stanza for stanza in stanzas if stanza.partition("==")[0] in wanted.built]
    wheels = [stanza for stanza in stanzas if stanza not in built]
    turns: list[tuple[tuple[str, ...], str]] = [(WHEELS, "\n".join(wheels))]
    return [*turns, (BUILT, "\n".join(built))] if built else turns


def _interpreter(wanted: Wanted) -> str:
    """Raises: NotHere: there is none that is new enough."""
    least = ".".join(map(str, wanted.python))
    lines = subprocess.run(
        [sys.executable, ROOT / "scripts" / "pythons.py"], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for line in lines:
        version, _, path = line.partition(" ")
        if version == least and path != "-":
            return path
    raise NotHere(f"it needs Python {least}, and none is here")


def _lock(name: str) -> Path:
    return LOCKS / f"{name}.txt"


def _place(name: str) -> Path:
    return CACHE / f"{name}-{sha256(_lock(name).read_bytes()).hexdigest()[:12]}"


def _found(name: str) -> Installed:
    installs = Installs(CACHE, NPM) if name in NPM.rows else Installs(agents.CACHE)
    found = installs.find(name)
    if found is None:
        raise NotHere(_why(name))
    return found


def _why(name: str) -> str:
    note = CACHE / f"{name}.failed"
    return note.read_text(encoding="utf-8") if note.exists() else "it is not installed: `make bench-peers` does that"


def _last(said: str) -> str:
    return " ".join(said.split())[-400:]
