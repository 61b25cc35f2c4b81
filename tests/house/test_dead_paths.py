"""Nothing lies about unused: what is defined is used, settings are read, errors are raised, events are written.

Names are looked up as names, so what shares its name with something that is used is not found. What only other people's
code uses, or nobody yet, is in dead_paths.toml with the reason.
"""

import ast
import re
import tomllib
from collections.abc import Iterator

import pytest

from tests.house.conftest import ROOT, Checkout

Trees = dict[str, ast.Module]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
IMPORT_STRING = re.compile(r"roost[\w.]*:(\w+)")
TWINS = "client/sync/"
"""Made from the asynchronous ones."""
PUBLIC = ("client/", "testing/")
"""People use what is there: without an underscore it is theirs."""


@pytest.fixture(scope="module")
def trees(checkout: Checkout) -> Trees:
    found = ((name.removeprefix("src/roost/"), tree) for name, _, tree in checkout.modules("src/roost"))
    return {name: tree for name, tree in found if not name.startswith(TWINS)}


@pytest.fixture(scope="module")
def excused() -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "tests/house/dead_paths.toml").read_text(encoding="utf-8"))


def defined(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and methods, wherever they are, and the names that a module gives a value."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            yield node.name
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                pass


def used(node: ast.AST, within: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names that are read, attributes that are asked for, what tables and `__all__` say; not in its own definition."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name not in within:
            yield name
        case ast.Attribute(attr=name, ctx=ast.Load()):
            yield name
        case ast.Constant(value=str(text)):
            yield from IMPORT_STRING.findall(text)
        case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=names)):
            yield from (name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str))
        case _:
            pass
    inside = within | {node.name} if isinstance(node, Definition) else within
    for child in ast.iter_child_nodes(node):
        yield from used(child, inside)


def test_what_is_defined_is_used(checkout: Checkout, trees: Trees, excused: dict[str, dict[str, str]]) -> None:
    uses = {name for tree in trees.values() for name in used(tree)}
    uses |= {name for _, _, tree in checkout.modules("docs") for name in used(tree)}  # pages are made from the code
    unused = {
        f"{module}:{name}"
        for module, tree in trees.items()
        for name in defined(tree)
        if name not in uses and not name.startswith("__") and (name[0] == "_" or not module.startswith(PUBLIC))
    }
    assert unused == excused["definitions"].keys()


def test_every_setting_is_read(trees: Trees) -> None:
    asked = {
        node.attr
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if module != "settings.py" and isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    assert [name for _, name in fields(trees["settings.py"]) if name not in asked] == []


def fields(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Class and name of each field."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            annotated = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
            yield from ((node.name, target.id) for target in annotated if isinstance(target, ast.Name))


def test_every_error_is_raised(trees: Trees, excused: dict[str, dict[str, str]]) -> None:
    """Made, raised as it is, found in a table, or told by its code; what others are made of need not be."""
    classes = [node for node in trees["model/errors.py"].body if isinstance(node, ast.ClassDef)]
    made_of = {ast.unparse(base) for node in classes for base in node.bases}
    raised = {name for tree in trees.values() for node in ast.walk(tree) for name in told_by(node)}
    assert {node.name for node in classes} - made_of - raised == excused["errors"].keys()


def told_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Raise(exc=ast.Name(id=name)):
            yield name
        case ast.Attribute(value=ast.Name(id=name), attr="code"):
            yield name
        case ast.Dict(values=values):
            yield from (each.id for each in values if isinstance(each, ast.Name))
        case _:
            pass


def test_every_event_is_written(trees: Trees, excused: dict[str, dict[str, str]]) -> None:
    events = {node.name for node in trees["model/events.py"].body if isinstance(node, ast.ClassDef) and tagged(node)}
    elsewhere = (tree for module, tree in trees.items() if module != "model/events.py")
    written = {name for tree in elsewhere for node in ast.walk(tree) for name in made_by(node)}
    assert events
    assert events - written == excused["events"].keys()


def made_by(node: ast.AST) -> Iterator[str]:
    """What is called, and what is one of two things that may be called."""
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            yield name
        case ast.IfExp(body=body, orelse=orelse):
            yield from (each.attr for each in (body, orelse) if isinstance(each, ast.Attribute))
        case _:
            pass


def tagged(node: ast.ClassDef) -> bool:
    return any(keyword.arg == "tag" for keyword in node.keywords)


def test_every_excuse_says_why(excused: dict[str, dict[str, str]]) -> None:
    assert [name for table in excused.values() for name, why in table.items() if len(why) < 20] == []
