"""docs/reference/coder.md has a row for whatever the published client can do, and each row names a test that exists."""

import re
from pathlib import Path

import pytest

from tests.house.conftest import Checkout
from tests.house.test_status import named_tests
from tests.interop.coder import packages
from tests.interop.coder.published import Published

ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<how>[^|]*)\| `(?P<test>test_\w+\.py::test_\w+)` \|$", re.MULTILINE)
HEAD = ("| What ", "|---")


@pytest.fixture(scope="module")
def rows() -> list[re.Match[str]]:
    page = (packages.ROOT / "docs" / "reference" / "coder.md").read_text(encoding="utf-8")
    found = list(ROW.finditer(page))
    assert len(found) == len([line for line in page.splitlines() if line.startswith("|") and not line.startswith(HEAD)])
    return found


def test_every_row_names_a_test_that_exists(rows: list[re.Match[str]]) -> None:
    here = Path(__file__).parent.relative_to(packages.ROOT).as_posix()
    trees = {name: named_tests(tree) for name, _, tree in Checkout().modules(here)}
    tests = {f"{Path(name).name}::{test}" for name, found in trees.items() for test in found}
    assert {row["test"] for row in rows} - tests == set()


async def test_every_method_of_the_client_has_its_row(rows: list[re.Match[str]], sdk: Published) -> None:
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row["what"])}
    assert {*await sdk.methods()} - named == set()
