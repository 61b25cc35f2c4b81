"""Imports point one way, and the pure rooms stay pure."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.house.conftest import Checkout

PURE = ("src/roost/model/", "src/roost/ports/", "src/roost/settings.py")
STRUCTS = {"msgspec"}
OUTSIDE = {"asyncio", "socket", "sqlite3", "subprocess", "threading", "time"}


def imported(tree: ast.Module) -> set[str]:
    """Top-level names of the packages this module imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_imports_point_one_way(checkout: Checkout) -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=checkout.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_model_ports_and_settings_import_only_the_struct_library(checkout: Checkout) -> None:
    foreign = {
        name: extra
        for name, _, tree in checkout.modules()
        if name.startswith(PURE) and (extra := imported(tree) - sys.stdlib_module_names - STRUCTS - {"roost"})
    }
    assert foreign == {}


def test_the_model_neither_waits_nor_touches_the_world(checkout: Checkout) -> None:
    impure = [
        name
        for name, _, tree in checkout.modules("src/roost/model")
        if imported(tree) & OUTSIDE or any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree))
    ]
    assert impure == []
