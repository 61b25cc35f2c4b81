"""Nothing is called by a word that says nothing."""

import ast
import re
from pathlib import PurePosixPath

from tests.house.conftest import Checkout

WORDS = ("manager", "helper", "util", "common", "misc", "base", "impl", "service")
EMPTY = {*WORDS, *(word + "s" for word in WORDS)}


def words(name: str) -> set[str]:
    """`HTTPStatusTable` and `http_status_table` both have three words."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)}


def test_no_module_has_an_empty_name(checkout: Checkout) -> None:
    names = {name: words(" ".join(PurePosixPath(name).with_suffix("").parts)) for name, _, _ in checkout.modules()}
    assert {name: found for name, all_words in names.items() if (found := all_words & EMPTY)} == {}


def test_no_class_has_an_empty_name(checkout: Checkout) -> None:
    classes = [
        (name, node.name)
        for name, _, tree in checkout.modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    assert [(name, found) for name, found in classes if words(found) & EMPTY] == []
