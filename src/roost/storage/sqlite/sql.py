"""The statements of `queries.sql` by name."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\S+)\n", re.MULTILINE)
_ROW: Final = re.compile(r"^(\(\?.*\))$", re.MULTILINE)


def script(name: str) -> str:
    """The text of a .sql file of this package."""
    return files("roost.storage.sqlite").joinpath(name).read_text(encoding="utf-8")


def _load(name: str) -> dict[str, str]:
    parts = _NAME.split(script(name))[1:]
    return dict(zip(parts[::2], (text.strip().rstrip(";") for text in parts[1::2]), strict=True))


SQL: Final[dict[str, str]] = _load("queries.sql")


@cache
def repeated(name: str, rows: int) -> str:
    """The statement with its row repeated, to write so many rows in one step."""
    return _ROW.sub(lambda row: ",\n".join([row[1]] * rows), SQL[name])
