"""The sync client, made from the async one: the same methods with the same words, each a call through the portal."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ASYNC: Final = ROOT / "src/roost/client"
NAMES: Final = {"AsyncGenerator": "Generator", "AsyncIterable": "Iterable", "AsyncIterator": "Iterator"}
"""What has another name without `await`. Classes lose their `Async`."""
FROM_CALLER: Final = {
    "OnLink": "on_link_in_caller", "AsyncIterable": "pieces_in_caller", "Callbacks": "callbacks_in_caller",
}  # fmt: skip
"""Arguments that the event loop calls back: how each is handed over."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Renamed(ast.NodeTransformer):
    """Types as the caller sees them."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(NAMES.get(node.id) or sync_name(node.id), node.ctx)


def sync_name(name: str) -> str:
    return name.removeprefix("Async") if re.match("Async[A-Z]", name) else name


def words(node: ast.AST | None) -> str:
    """The source of a type, renamed."""
    return "" if node is None else ast.unparse(_Renamed().visit(ast.parse(ast.unparse(node), mode="eval").body))


def twins(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Async")]


def modules() -> dict[str, ast.Module]:
    """The modules of the async client that have something to be a twin of."""
    found = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ASYNC.glob("*.py"))}
    return {name: tree for name, tree in found.items() if twins(tree)}


# --- one function ---


def signature(function: Function) -> str:
    """`(self, ...)`, with types as the caller sees them."""
    given = function.args
    parts: list[str] = []
    missing = len(given.args) - len(given.defaults)
    for at, each in enumerate(given.args):
        parts.append(argument(each, given.defaults[at - missing] if at >= missing else None))
    if given.kwonlyargs:
        parts.append("*")
        parts += [argument(each, default) for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    if given.kwarg is not None:
        parts.append("**" + argument(given.kwarg, None))
    return f"({', '.join(parts)})"


def argument(each: ast.arg, default: ast.expr | None) -> str:
    kind = f": {words(each.annotation)}" if each.annotation else ""
    return each.arg + kind + ("" if default is None else f" = {ast.unparse(default)}")


def handed_over(function: Function) -> str:
    """The same arguments, for the async method."""
    given = function.args
    parts = [from_caller(each) for each in given.args[1:]]
    parts += [f"{each.arg}={from_caller(each)}" for each in given.kwonlyargs]
    if given.kwarg is not None:
        parts.append(f"**{from_caller(given.kwarg)}")
    return ", ".join(parts)


def from_caller(each: ast.arg) -> str:
    named = {node.id for node in ast.walk(each.annotation or ast.Constant(None)) if isinstance(node, ast.Name)}
    over = next((FROM_CALLER[name] for name in FROM_CALLER if name in named), None)
    return f"{over}({each.arg})" if over else each.arg


def decorators(function: Function) -> set[str]:
    return {ast.unparse(node) for node in function.decorator_list}


def method(function: Function) -> str:
    """One method of the twin."""
    named, given, returns = function.name, handed_over(function), words(function.returns)
    head = f"def {named}{signature(function)} -> {returns}:"
    if "property" in decorators(function):
        return f"@property\n{head}\n{doc(function)}return self._async.{named}"
    if "asynccontextmanager" in decorators(function):
        block = f"with self._portal.enter(self._async.{named}({given})) as given:"
        inner = entered(function)
        return f"@contextmanager\n{head}\n{doc(function)}{block}\n yield {inner}"
    if returns.startswith("Generator["):
        return f"{head}\n{doc(function)}return self._portal.iterate(self._async.{named}({given}))"
    calls = f"self._portal.call({', '.join(filter(None, (f'self._async.{named}', given)))})"
    if isinstance(function, ast.FunctionDef):
        calls = f"self._async.{named}({given})"
    if function.returns is not None and words(function.returns) != ast.unparse(function.returns):
        calls = f"{returns}(self._portal, {calls})"
    return f"{head}\n{doc(function)}{'' if returns == 'None' else 'return '}{calls}"


def entered(function: Function) -> str:
    """What the block is given: an iterator, the twin of a handle, or the thing itself."""
    kind = ast.unparse(function.returns or ast.Constant(None)).removeprefix("AsyncGenerator[").removesuffix("]")
    if kind.startswith("AsyncGenerator"):
        return "self._portal.iterate(given)"
    return "given" if sync_name(kind) == kind else f"{sync_name(kind)}(self._portal, given)"


def doc(node: Function | ast.ClassDef) -> str:
    """The docstring as it stands, with what is said otherwise without `await`."""
    text = ast.get_docstring(node, clean=False)
    if text is None:
        return ""
    for said, instead in (("async with", "with"), ("async for", "for"), ("`Async", "`"), ("aclosing", "closing")):
        text = text.replace(said, instead)
    return f'"""{text}"""\n'


# --- one class ---

ENTERED: Final = """
def __enter__(self) -> Self:
    self._enter(self._async.__aenter__)
    return self

def __exit__(
    self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> None:
    self._exit(self._async.__aexit__, kind, error, trace)
"""

ITERATED: Final = "def __iter__(self) -> {}:\n    return self._portal.iterate(aiter(self._async))"


def twin(cls: ast.ClassDef) -> str:
    functions = [node for node in cls.body if isinstance(node, Function)]
    named = {function.name: function for function in functions}
    opened = "__aenter__" in named
    above = [words(base) for base in cls.bases] or ["Twin"]
    parts = [doc(cls) or "pass\n"]
    if opened:
        made = f"super().__init__(Portal(), {cls.name}({handed_over(named['__init__'])}))"
        parts.append(f"def __init__{signature(named['__init__'])} -> None:\n{made}")
    casted = f"return cast({cls.name}, self._twin)"
    parts.append(f"@property\ndef _async(self) -> {cls.name}:\n{casted}")
    parts += [ENTERED] if opened else list(attributes(named.get("__init__")))
    parts += [ITERATED.format(words(named["__aiter__"].returns))] if "__aiter__" in named else []
    parts += [method(function) for function in functions if not function.name.startswith("_")]
    return f"class {sync_name(cls.name)}({', '.join(above)}):\n" + indented("\n".join(parts))


def attributes(init: Function | None) -> Iterator[str]:
    """What is kept of the arguments under a public name."""
    kinds = {each.arg: words(each.annotation) for each in init.args.args} if init else {}
    for node in ast.walk(init) if init else ():
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Name(id=source)) if name[0] != "_":
                yield f"@property\ndef {name}(self) -> {kinds[source]}:\nreturn self._async.{name}"
            case _:
                pass


def indented(text: str) -> str:
    """Source whose blocks are told by their heads alone, each head ending in a colon; for the formatter to lay out."""
    lines: list[str] = []
    depth, quoted = 1, False
    for line in text.split("\n"):
        if quoted:
            lines.append(line)
            quoted = '"""' not in line
            continue
        bare = line.strip()
        starts = bare.startswith(("def ", "@"))
        depth = 1 if starts else depth
        lines.append("    " * depth + bare if bare else "")
        quoted = bare.count('"""') == 1
        depth += bare.endswith(":") and (starts or bare.startswith(("with ", ") ->")))
    return "\n".join(lines)


# --- one module ---


def module(name: str) -> str:
    """The sync twin of one module, laid out as the house does."""
    tree = modules()[name]
    body = "\n\n\n".join(twin(cls) for cls in twins(tree))
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    head = f'"""Made from roost/client/{name}.py (make docs): do not edit.\n\n{ast.get_docstring(tree)}\n"""'
    made = "\n".join([head, *imports(name, tree, used), body])
    return formatted(made, f"src/roost/client/sync/{name}.py")


def imports(name: str, tree: ast.Module, used: set[str]) -> Iterator[str]:
    """Whatever the twin names, from where it is."""
    known = {  # the later wins
        "cast": "typing", "contextmanager": "contextlib", "Generator": "collections.abc", "Iterable": "collections.abc",
        "Iterator": "collections.abc",
    }  # fmt: skip
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: str(node.module) for alias in node.names}
        elif isinstance(node, ast.Import):
            known |= {alias.name: "" for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            known[node.name] = f"roost.client.{name}"
        elif isinstance(node, ast.Assign):
            known |= {each.id: f"roost.client.{name}" for each in node.targets if isinstance(each, ast.Name)}
    for other, found in modules().items():
        known |= {cls.name: f"roost.client.{other}" for cls in twins(found)}
        here = {sync_name(cls.name): f"roost.client.sync.{other}" for cls in twins(found) if other != name}
        known |= here
    portal = ("OnLink", "Portal", "Twin", *FROM_CALLER.values())
    known |= dict.fromkeys(portal, "roost.client.sync.portal")
    for each in sorted(used & known.keys()):
        yield f"from {known[each]} import {each}" if known[each] else f"import {each}"


def formatted(text: str, path: str) -> str:
    """As `make check` wants it. Raises: what the formatter says of a text that is no Python."""
    ruff = [sys.executable, "-m", "ruff"]
    for step in (["check", "--select", "I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(
            [*ruff, *step, "--stdin-filename", path, "-"], input=text, capture_output=True, text=True, cwd=ROOT,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{path}: {done.stderr}")
        text = done.stdout
    return re.sub(r"^( +input: .*,)$", r"\1  # noqa: A002", text, flags=re.MULTILINE)


# --- what `import roost` offers ---


def package() -> str:
    """`roost/__init__.py`: names that are looked up when they are first used, and known to type checkers."""
    from roost.model.errors import ERRORS

    client = next(
        ast.literal_eval(node.value)
        for node in ast.parse((ASYNC / "__init__.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    before = (ROOT / "src/roost/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'__version__ = "(.+)"', before)
    where = dict.fromkeys(client, "roost.client")
    where |= {cls.__name__: cls.__module__ for cls in ERRORS.values()}
    where |= WORDS
    rooms = sorted(set(where.values()))
    typed = "".join(f"    from {room} import {', '.join(f'{n} as {n}' for n in sorted(where) if where[n] == room)}\n"
                    for room in rooms)  # fmt: skip
    table = "".join(f'    "{room}": {tuple(n for n in sorted(where) if where[n] == room)!r},\n' for room in rooms)
    text = PACKAGE.format(
        version=version[1] if version else "", typed=typed, table=table, names=[*sorted(where), "__version__"]
    )
    return formatted(text, "src/roost/__init__.py")


WORDS: Final = {
    "Event": "roost.model.envelope", "Message": "roost.model.messages", "SessionInfo": "roost.model.info",
    "Snapshot": "roost.model.snapshot",
}  # fmt: skip
"""Types that users write down most often."""
PACKAGE: Final = '''"""Roost: a self-hosted hub for coding-agent sessions that survive.

What is here comes from the rooms below when it is first used: `import roost` loads nothing else. The names are made
from these rooms (make docs).
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
{typed}
__version__ = "{version}"

__all__ = {names!r}

_ROOMS: Final[dict[str, tuple[str, ...]]] = {{
{table}}}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        room = next((room for room, names in _ROOMS.items() if name in names), None)
        if room is None:
            raise AttributeError(f"module 'roost' has no attribute {{name!r}}")
        return getattr(import_module(room), name)

    def __dir__() -> list[str]:
        return __all__
'''

PAGES: Final[dict[str, Callable[[], str]]] = {"src/roost/__init__.py": package} | {
    f"src/roost/client/sync/{name}.py": partial(module, name) for name in modules()
}
