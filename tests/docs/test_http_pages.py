"""The reference pages of routes and errors are what the code says today; `make docs` writes them anew."""

from pathlib import Path

import pytest

from docs.generate import errors, http
from roost.model.errors import ERRORS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", [*http.PAGES, *errors.PAGES])
def test_the_page_is_current(name: str) -> None:
    made = (http.PAGES | errors.PAGES)[name]()
    assert (ROOT / name).read_text(encoding="utf-8") == made, "make docs"


def test_every_error_code_has_its_row() -> None:
    page = errors.page()
    assert [code for code in ERRORS if f"`{code}`" not in page] == []
