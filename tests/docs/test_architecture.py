"""The pages name what is there: functions, files, folders."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, page_names

FUNCTION = re.compile(r"`((?:src|tests|docs|demo|bench)/[\w/.-]+\.py):([\w.]+)`")
PATH = re.compile(r"`((?:src|tests|docs|demo|bench|scripts|locks)/[\w/.-]*)`")
OTHERS = re.compile(r"docs/(adr/|status\.md)")
"""Pages of the past and of the future: they may name what is no more, or not yet."""
PAGES = [page for page in page_names() if not OTHERS.match(page)]


@cache
def defined(path: str) -> frozenset[str]:
    """Functions, classes, and methods as `Class.method`, of one file."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (sub for sub in node.body if isinstance(sub, ast.FunctionDef | ast.AsyncFunctionDef))
            names.update(f"{node.name}.{sub.name}" for sub in inner)
    return frozenset(names)


@pytest.mark.parametrize("page", PAGES)
def test_every_function_that_a_page_names_exists(page: str) -> None:
    named = FUNCTION.findall((ROOT / page).read_text(encoding="utf-8"))
    assert [f"{path}:{name}" for path, name in named if name not in defined(path)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = PATH.findall((ROOT / page).read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_walks_name_functions_all_along() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    walks = re.findall(r"^### (?:An event|A request|A reconnect).*?(?=^###)", page, re.MULTILINE | re.DOTALL)
    assert [len(FUNCTION.findall(walk)) >= 8 for walk in walks] == [True, True, True]
    rooms = {path.split("/")[2] for path, _ in FUNCTION.findall(page)}
    assert rooms >= {"api", "client", "core", "host", "link", "model", "runtimes", "storage", "wiring.py"}


def test_every_room_has_its_row() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    built = {path.name + "/" * path.is_dir() for path in (ROOT / "src/roost").iterdir() if path.name[0] not in "_."}
    listed = set(re.findall(r"^\| `([\w.]+/?)` \|", page, re.MULTILINE))
    assert built - {"py.typed"} <= listed


def test_the_lock_order_holds_every_lock_of_the_hub() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    order = set(re.findall(r"^\| \d \| `([\w.]+)` \|", page, re.MULTILINE))
    held = {
        lock for room in ("core", "api") for path in (ROOT / "src/roost" / room).rglob("*.py") for lock in locks(path)
    }
    assert held == order


def locks(path: Path) -> Iterator[str]:
    """`Class.attribute` of each that is made there."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for made in (each for each in body if isinstance(each, ast.ClassDef)):
        for node in ast.walk(made):
            match node:
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                    given = list(zip(targets, values, strict=True))
                case ast.Assign(targets=[target], value=value):
                    given = [(target, value)]
                case _:
                    given = []
            found = (target for target, value in given if ast.unparse(value).endswith("Lock()"))
            yield from (f"{made.name}.{target.attr}" for target in found if isinstance(target, ast.Attribute))


def test_agents_and_contributors_are_sent_to_pages_that_exist() -> None:
    assert (ROOT / "AGENTS.md").read_text(encoding="utf-8").count("\n") <= 80
