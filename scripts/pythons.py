"""Finds the Pythons on this machine that Roost supports.

`python3 scripts/pythons.py` prints one line per version, `3.11 /path/to/python`, or `3.12 -` when there is none.
Runs on any Python 3, so that an old one can still say what is missing.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

SUPPORTED = ((3, 11), (3, 12), (3, 13))
PATTERNS = (
    ".pyenv/versions/{version}.*/bin/python",
    ".local/share/uv/python/cpython-{version}*/bin/python{version}",
    ".local/bin/python{version}",
)


def version_of(python):
    """(major, minor) of the interpreter at this path, or None when it does not run: a pyenv shim may not."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        said = subprocess.check_output([str(python), "-c", code], stderr=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"(\d+) (\d+)$", said.decode().strip())
    return (int(found.group(1)), int(found.group(2))) if found else None


def candidates(wanted):
    """Paths that may be this version, the likeliest first."""
    version = "{}.{}".format(*wanted)
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    for folder in [*folders, Path("/usr/local/bin"), Path("/usr/bin"), Path("/opt/homebrew/bin")]:
        yield folder / ("python" + version)
    yield from (folder / "python3" for folder in folders)
    for pattern in PATTERNS:
        yield from sorted(Path.home().glob(pattern.format(version=version)), reverse=True)


def find(wanted):
    """The first interpreter of this version that runs, or None."""
    for path in candidates(wanted):
        if path.is_file() and version_of(path) == wanted:
            return path
    return None


def main():
    for wanted in SUPPORTED:
        print("{}.{} {}".format(*wanted, find(wanted) or "-"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
