"""What a public package exports is what it says it exports."""

import importlib
from types import ModuleType

import pytest

from tests.house.conftest import ROOT

PUBLIC = ["roost", "roost.client", "roost.testing"]
BUILT = [name for name in PUBLIC if (ROOT / "src" / name.replace(".", "/") / "__init__.py").is_file()]


@pytest.mark.parametrize("name", BUILT)
def test_all_names_exactly_what_a_public_package_exports(name: str) -> None:
    package = importlib.import_module(name)
    exported = {
        found
        for found in dir(package)
        if not found.startswith("_") and not isinstance(getattr(package, found), ModuleType)
    }
    stated = list(getattr(package, "__all__", []))
    assert set(stated) - {"__version__"} == exported
    assert stated == sorted(stated)
    assert [found for found in stated if not hasattr(package, found)] == []
