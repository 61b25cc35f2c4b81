"""docs/status.md says what is done by naming its tests; each of them exists."""

import ast
import re

from tests.house.conftest import ROOT, Checkout

NAMED = re.compile(r"`(tests/[\w/.-]+\.py)(?:::([\w.:]+))?`")


def named_tests(tree: ast.Module) -> set[str]:
    """`test_name` and `TestClass::test_name` for each test, and the classes that pytest collects."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
            found.update(f"{node.name}::{sub.name}" for sub in node.body if hasattr(sub, "name"))  # pyright: ignore[reportAttributeAccessIssue]
        elif isinstance(node, ast.Assign):  # TestLog = LogMachine.TestCase
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return found


def test_every_test_named_in_the_status_page_exists(checkout: Checkout) -> None:
    trees = {name: named_tests(tree) for name, _, tree in checkout.modules("tests")}
    page = (ROOT / "docs/status.md").read_text(encoding="utf-8")
    missing = [
        f"{module}::{test}" if test else module
        for module, test in NAMED.findall(page)
        if module not in trees or (test and test not in trees[module])
    ]
    assert missing == []
