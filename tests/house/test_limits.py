"""Every limit has a test at its edge, which names its constant. What has none is in limits.toml: tested by its number
in a test that is named there, or not tested, with the reason."""

import ast
import re
import tomllib
from collections.abc import Iterator

from tests.house.conftest import ROOT, Checkout

LIMIT = re.compile(r"_?MAX_[A-Z_]+|[A-Z_]+_LIMIT")
NAMED = re.compile(r"roost[a-z0-9_.]*\.(?:MAX_[A-Z_]+|[A-Z_]+_LIMIT)")


def limits(checkout: Checkout) -> Iterator[str]:
    """`roost.room.module.MAX_THINGS`, where it is given its value."""
    for name, _, tree in checkout.modules("src"):
        module = name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [each.id for each in targets if isinstance(each, ast.Name)]
                yield from (f"{module}.{each}" for each in names if LIMIT.fullmatch(each))


def named(tree: ast.Module, text: str) -> Iterator[str]:
    """What a test says of the package's names: imported, asked of a module, set in one, or as a text."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("roost"):
                known |= {each.asname or each.name: f"{module}.{each.name}" for each in names}
            case ast.Attribute(value=ast.Name(id=of), attr=name) if of in known:
                yield f"{known[of]}.{name}"
            case ast.Call(args=[ast.Name(id=of), ast.Constant(value=str(name)), *_]) if of in known:
                yield f"{known[of]}.{name}"
            case _:
                pass
    yield from known.values()
    yield from NAMED.findall(text)


def test_every_limit_is_named_by_a_test_or_says_why_not(checkout: Checkout) -> None:
    found = {each for _, text, tree in checkout.modules("tests") for each in named(tree, text)}
    told = tomllib.loads((ROOT / "tests/house/limits.toml").read_text(encoding="utf-8"))
    excused = told["number"] | told["untested"]
    unnamed = {limit for limit in limits(checkout) if limit not in found}
    assert sorted(unnamed - excused.keys()) == []
    assert sorted(excused.keys() - unnamed) == [], "no longer needed"
    assert [limit for limit, reason in told["untested"].items() if not reason.strip()] == []


def test_what_tests_a_limit_by_its_number_exists() -> None:
    told = tomllib.loads((ROOT / "tests/house/limits.toml").read_text(encoding="utf-8"))
    tests = {limit: test.partition("::") for limit, test in told["number"].items()}
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path, _, _ in tests.values()}
    assert [limit for limit, (path, _, name) in tests.items() if f"def {name}(" not in texts[path]] == []
