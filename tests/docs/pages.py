"""The pages that people read, and the snippets in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FENCE: Final = re.compile(r"^```(\S*)\s*$")
MARK: Final = re.compile(r"^<!-- ([a-z-]+): (.+?) -->$")

PICTURES: Final = {"mermaid": "a picture, drawn by whoever shows the page"}
"""Languages that nothing is said in that could be false, and why."""


@dataclass
class Snippet:
    """A fenced block. `marks` are the comments right above it: `no-run`, `setup`, `type`."""

    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def why_not(self) -> str | None:
        """Why it is not run; None if it is."""
        return self.marks.get("no-run") or PICTURES.get(self.language)


def page_names() -> list[str]:
    named = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "PROTOCOL.md", "CONTRIBUTING.md", "AGENTS.md")]
    return [str(path.relative_to(ROOT)) for path in (*named, *sorted((ROOT / "docs").rglob("*.md")))]


def snippets(page: str) -> Iterator[Snippet]:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        opened = FENCE.match(lines[at])
        if opened:
            end = next(n for n in range(at + 1, len(lines)) if lines[n] == "```")
            text = "\n".join(lines[at + 1 : end]) + "\n"
            yield Snippet(page, at + 1, opened[1], text, marks_above(lines, at))
            at = end
        at += 1


def marks_above(lines: list[str], at: int) -> dict[str, str]:
    found: dict[str, str] = {}
    while at and (mark := MARK.match(lines[at - 1])):
        found[mark[1]] = mark[2]
        at -= 1
    return found
