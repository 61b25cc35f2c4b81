"""The page of the scripted agent: the page beside its driver."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

SOURCE: Final = "src/roost/drivers/scripted/README.md"
ROOT: Final = Path(__file__).resolve().parents[2]


def page() -> str:
    title, _, text = (ROOT / SOURCE).read_text(encoding="utf-8").partition("\n\n")
    return f"{title}\n\nMade by `make docs` from `{SOURCE}`.\n\n{text}"


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/scripted.md": page}
