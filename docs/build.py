"""`make docs`: writes every page and picture that is made from the code. `--check` only says what is out of date.

A page is made by a module of `docs/generate` that lists it in its `PAGES`, a picture by one that lists it in its
`PICTURES`. Pictures show real runs, so no two are alike: one is out of date when its source has changed since.
"""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # so that `docs.generate` is found, however this file is started

Maker = Callable[[], str]


def makers(kind: str) -> dict[str, Maker]:
    """Everything of this kind (`PAGES`, `PICTURES`) that can be made, by its path."""
    found: dict[str, Maker] = {}
    for module in iter_modules([str(ROOT / "docs" / "generate")]):
        found |= getattr(import_module(f"docs.generate.{module.name}"), kind, {})
    return dict(sorted(found.items()))


def stale_pages() -> Iterator[tuple[str, str]]:
    """Each page that is not what the code makes of it today, and what that is."""
    for path, make in makers("PAGES").items():
        made = make()
        if read(path) != made:
            yield path, made


def stale_pictures() -> Iterator[tuple[str, Maker]]:
    """Each picture whose source has changed since it was taken, and how to take it again."""
    from docs.generate.pictures import mark_of

    for path, take in makers("PICTURES").items():
        if mark_of(path) not in read(path):
            yield path, take


def read(path: str) -> str:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else ""


def write(path: str, text: str) -> None:
    file = ROOT / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"made {path}")


def check() -> int:
    stale = [path for path, _ in (*stale_pages(), *stale_pictures())]
    for path in stale:
        print(f"out of date: {path} (make docs)")
    return 1 if stale else 0


def build() -> int:
    for path, made in stale_pages():
        write(path, made)
    for path, take in stale_pictures():
        write(path, take())
    print("The docs are what the code says.")
    return 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            sys.exit(build())
        case ["--check"]:
            sys.exit(check())
        case _:
            sys.exit("usage: docs/build.py [--check]")
