"""Somebody who reads a page from top to bottom and does what it says: in a home, a shell and a Python of theirs."""

import ast
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from time import monotonic
from typing import Any, Final

import anyio

from roost.client import AsyncClient
from roost.model.errors import RoostError
from tests.docs.expected import Ids, agree
from tests.docs.pages import ROOT, Snippet

COMMAND_SECONDS: Final = 60
SHIMS: Final = {
    "roost": 'exec "$PAGES_PYTHON" -m roost "$@"',
    # `make demo` without its `make setup`: what these tests run in is set up already
    "make": '[ "$*" = demo ] && exec "$PAGES_PYTHON" "$PAGES_ROOT/demo/run.py"; echo "no target: $*" >&2; exit 2',
    "curl": 'exec "$PAGES_PYTHON" "$PAGES_ROOT/tests/docs/curl.py" "$@"',
}
PRINTS: Final = re.compile(r"^\s*print\(.*\)  # (.+)$", re.MULTILINE)


class Reader:
    """`at` is where a page begins: in the home folder, or in a clone of Roost."""

    def __init__(self, folder: Path, *, in_clone: bool) -> None:
        self.home = folder / "home"
        self.data = self.home / ".local" / "share" / "roost"
        self.ids = Ids()
        self.names: dict[str, Any] = {"__name__": "__page__"}
        self._exchange = folder / "exchange"
        self._count = 0
        clone = self.home / "roost"
        for made in (self.home / "bin", self._exchange, clone / ".venv"):
            made.mkdir(parents=True)
        write_shims(self.home / "bin")
        (clone / ".venv" / "bin").symlink_to(self.home / "bin")
        make_repository(clone)
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=clone if in_clone else self.home,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(("ROOST_", "XDG_"))}
        who = {"NAME": "Reader", "EMAIL": "reader@example.com"}
        return theirs | {
            "HOME": str(self.home),
            "PATH": f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PAGES_PYTHON": sys.executable,
            "PAGES_ROOT": str(ROOT),
            "PYTHONPATH": str(ROOT / "src"),
            "ROOST_PORT": "0",
            "SPOOL": str(self._exchange / "spool"),
            **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()},
        }

    async def reads(self, snippet: Snippet) -> None:
        if "setup" in snippet.marks:
            await self.runs(snippet.marks["setup"], must_succeed=True)
        match snippet.language:
            case "sh":
                await self.runs(self.ids.said(snippet.text), must_succeed=True)
            case "console":
                await self._console(snippet)
            case "python":
                await self._python(snippet)
            case "json" if snippet.marks.get("type") == "spool":
                (self._exchange / "spool").write_text(snippet.text)
            case _:
                pass  # checked by its content alone

    async def runs(self, command: str, *, must_succeed: bool) -> list[str]:
        """The lines that it printed. All commands of a page share one shell."""
        self._count += 1
        script, output, code = (self._exchange / f"{self._count}.{kind}" for kind in ("sh", "out", "code"))
        script.write_text(f"set -e\n{command}\nset +e\n" if must_succeed else command)
        assert self._shell.stdin is not None
        self._shell.stdin.write(
            f"source {script} > {output} 2>&1 < /dev/null; echo $? > {code}.new; mv {code}.new {code}\n"
        )
        self._shell.stdin.flush()
        deadline = monotonic() + COMMAND_SECONDS
        while not code.exists():
            printed = output.read_text() if output.exists() else ""
            assert self._shell.poll() is None, f"it failed: {command}\n{printed}"
            assert monotonic() < deadline, f"it does not end: {command}\n{printed}"
            await anyio.sleep(0.02)
        return output.read_text().splitlines()

    async def _console(self, snippet: Snippet) -> None:
        for command, shown in dialogue(snippet.text):
            printed = await self.runs(self.ids.said(command), must_succeed=False)
            assert agree(shown, printed, self.ids), difference(snippet, command, shown, printed)

    async def _python(self, snippet: Snippet) -> None:
        await self.has_a_hub()
        code = compile(snippet.text, snippet.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        printed = io.StringIO()
        with redirect_stdout(printed):
            outcome = eval(code, self.names)
            if inspect.isawaitable(outcome):
                await outcome
        for wanted in PRINTS.findall(snippet.text):
            assert wanted in printed.getvalue().splitlines(), f"{snippet.place}: printed {printed.getvalue()!r}"

    async def has_a_hub(self) -> None:
        """As the page takes for granted: one runs."""
        if await self._hub_answers():
            return
        await self.runs("roost up > /dev/null 2>&1 &", must_succeed=False)
        with anyio.fail_after(COMMAND_SECONDS):
            while not await self._hub_answers():  # noqa: ASYNC110  # it is another process
                await anyio.sleep(0.05)

    async def _hub_answers(self) -> bool:
        async with AsyncClient(data=self.data, connect_seconds=0) as client:
            try:
                return await client.ready()
            except RoostError:
                return False

    async def leaves(self) -> None:
        """Nothing of theirs goes on."""
        await self.runs("roost down", must_succeed=False)
        self._shell.kill()
        self._shell.communicate()


def dialogue(text: str) -> list[tuple[str, list[str]]]:
    """Each command of a console, and what is shown below it. A quotation may go on over several lines."""
    turns: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            turns.append((line[2:], []))
        elif is_whole(turns[-1][0]):
            turns[-1][1].append(line)
        else:
            turns[-1] = (f"{turns[-1][0]}\n{line}", [])
    return turns


def is_whole(command: str) -> bool:
    """Whether every quotation in it has its end."""
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def difference(snippet: Snippet, command: str, shown: list[str], printed: list[str]) -> str:
    parts = [f"{snippet.place}: $ {command}", "--- the page shows", *shown, "--- it printed", *printed]
    return "\n".join(parts)


def write_shims(folder: Path) -> None:
    for name, line in SHIMS.items():
        file = folder / name
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)


def make_repository(folder: Path) -> None:
    """What stands for the clone: a repository with a commit."""
    (folder / "README.md").write_text("Roost\n")
    who = ["-c", "user.name=Roost", "-c", "user.email=roost@example.com"]
    for arguments in (["init", "-q"], ["add", "README.md"], [*who, "commit", "-qm", "Begin"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
