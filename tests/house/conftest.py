"""The house tests read the checkout itself. They need git, and nothing from the package but its source."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Checkout:
    """The files of this repository, as git sees them: tracked, or new and not ignored."""

    root = ROOT

    def files(self, *suffixes: str, under: str = "") -> list[Path]:
        command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        command += ["--", under or "."]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = (ROOT / name for name in sorted(set(listed.split("\0"))) if name)
        return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]

    def name(self, path: Path) -> str:
        return path.relative_to(ROOT).as_posix()

    def modules(self, under: str = "src") -> Iterator[tuple[str, str, ast.Module]]:
        """Name, text and tree of each Python file."""
        for path in self.files(".py", under=under):
            text = path.read_text(encoding="utf-8")
            yield self.name(path), text, ast.parse(text, filename=str(path))


@pytest.fixture(scope="session")
def checkout() -> Checkout:
    return Checkout()
