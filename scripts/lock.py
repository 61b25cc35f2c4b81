"""Resolves pyproject.toml into locks/, for every supported Python and platform: `make lock [ARGS=--upgrade]`.

The locks carry exact versions and hashes, and no address: where packages come from is the reader's own choice.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"runtime": [], "dev": ["--extra", "dev", "--constraint", "locks/runtime.txt"]}
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--no-sources",
    "--custom-compile-command=make lock",
)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="roost-lock-") as folder:
        venv.create(folder, with_pip=True)
        tools = Path(folder) / "bin"
        subprocess.run([tools / "python", "-m", "pip", "install", "--quiet", "uv>=0.9,<1"], check=True)
        for name, extra in LOCKS.items():
            target = f"locks/{name}.txt"
            command = [tools / "uv", "pip", "compile", "--quiet", *OPTIONS, *extra, *sys.argv[1:]]
            subprocess.run([*command, "pyproject.toml", "--output-file", target], cwd=ROOT, check=True)
            text = (ROOT / target).read_text(encoding="utf-8")
            if "://" in text:
                sys.exit(f"{target} holds an address; a lock must not")
            print(f"{target}: {text.count('==')} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
