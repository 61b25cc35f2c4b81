"""The table of commands, help, completion, errors and exit codes: what every command has in common."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from keyword import iskeyword

import pytest

from roost.cli import COMMANDS, codes
from roost.cli.entry import load
from roost.cli.examples import EXAMPLES, lines
from tests.cli.conftest import Roost

HEAVY = ("httpx", "anyio", "rich", "litestar", "uvicorn", "msgspec", "roost.client", "roost.wiring", "roost.core.hub")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


AND_TELL = """
import atexit, runpy, sys
atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
runpy.run_module("roost", run_name="__main__", alter_sys=True)
"""
"""`python -m roost`, which says on stderr, at last, what it has loaded."""


def started(*arguments: str) -> tuple[subprocess.CompletedProcess[str], frozenset[str]]:
    """`roost ARGUMENTS` as people start it, and the modules that it loaded."""
    line = [sys.executable, "-c", AND_TELL, *arguments]
    environment = os.environ | {"COLUMNS": "100"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    return done, frozenset(done.stderr.splitlines())


@cache
def help_of(*command: str) -> tuple[str, frozenset[str]]:
    """What `roost COMMAND --help` prints, and the modules that it loads."""
    done, loaded = started(*command, "--help")
    assert done.returncode == codes.OK
    return done.stdout, loaded


def test_help_lists_every_command() -> None:
    told, _ = help_of()
    assert [name for name in COMMANDS if f"\n  {name} " not in told] == []


async def test_no_arguments_shows_the_help(alone: Roost) -> None:
    done = await alone()
    assert done.code == codes.USAGE
    assert "Commands:" in done.out + done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(name: str) -> None:
    told, _ = help_of(name)
    assert "--json" in told
    assert COMMANDS[name][1] in " ".join(told.split())


def test_every_command_is_a_function_of_its_own_name_in_a_file_of_that_name() -> None:
    words = {name: name.replace("-", "_") + "_" * iskeyword(name) for name in COMMANDS}
    shared = ("options", "terminal")  # files that all commands use
    assert {name: path for name, (path, _) in COMMANDS.items()} == {
        name: f"roost.cli.{word}{'_' * (word in shared)}:{word}" for name, word in words.items()
    }


def test_help_and_completion_import_nothing_heavy() -> None:
    loaded = python(
        "import sys; from roost.cli.entry import execute\n"
        f"execute(['--help']); print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    assert loaded.splitlines()[-1] in ("loaded []", "loaded ['msgspec']")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_it_understands(name: str) -> None:
    for typed, _ in EXAMPLES[name]:
        words = shlex.split(re.sub(r" [|<>] .*", "", typed))
        assert words[:2] == ["roost", name]
        load(name).make_context(name, words[2:], resilient_parsing=False)
    assert max(map(len, lines(name))) <= 80, "an example stays on one line of a terminal"
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_without_the_hub_and_the_client(name: str) -> None:
    _, loaded = help_of(name)
    assert COMMANDS[name][0].partition(":")[0] in loaded
    assert loaded.isdisjoint({"httpx", "litestar", "uvicorn", "roost.core.hub"})


def test_help_loads_no_command_and_nothing_heavy() -> None:
    """So it is there at once (0.1 s)."""
    _, names = help_of()
    assert "roost.cli.entry" in names
    assert names.isdisjoint({"anyio", "asyncio", "httpx", "rich", "roost.client", "roost.core", "ssl", "sqlite3"})
    assert names.isdisjoint(target.partition(":")[0] for target, _ in COMMANDS.values())


def test_a_command_that_asks_a_hub_loads_nothing_that_it_does_not_need() -> None:
    done, loaded = started("ls", "--limit", "3")
    assert done.returncode == codes.NO_HUB
    assert "httpx" in loaded
    assert loaded.isdisjoint({"click", "litestar", "pydantic", "pygments", "roost.drivers", "sqlite3", "structlog"})


async def test_completion_knows_commands_options_and_sessions(roost: Roost) -> None:
    made = (await roost("run", "-d", "--json", "to complete")).json["session"].removeprefix("codesess_")

    async def complete(words: str, position: int) -> list[str]:
        done = await roost(_ROOST_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(position))
        return done.out.split()

    assert await complete("roost at", 1) == ["attach"]
    assert "--after" in await complete("roost attach --", 2)
    assert made in await complete("roost show ", 2)
    assert await complete(f"roost show {made[:8]}", 2) == [made]


async def test_completion_without_a_hub_is_silent(alone: Roost) -> None:
    done = await alone(_ROOST_COMPLETE="complete_bash", COMP_WORDS="roost show ", COMP_CWORD="2")
    assert (done.out.strip(), done.err) == ("", "")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (["ls", "--bogus"], "--bogus"),
        (["ls", "--activity", "asleep"], "'asleep' is not one of 'active', 'ready'"),
        (["run", "--sandbox", "jail", "x"], "'--sandbox': 'jail' is not one of 'auto'"),
        (["nope"], "nope"),
        (["attach"], "SESSION"),
        (["replay", "x", "--after", "many"], "'many' is not a valid int"),
    ],
)
async def test_a_wrong_command_line_is_a_usage_error(wrong: list[str], why: str, alone: Roost) -> None:
    told = await alone(*wrong)
    assert (told.code, told.out) == (codes.USAGE, "")
    assert "--help" in told.err and why in told.err
    assert "Traceback" not in told.err
    as_json = await alone(*wrong, "--json")
    assert (as_json.code, as_json.error["code"]) == (codes.USAGE, "usage")


@pytest.mark.parametrize(
    "command", [["ls"], ["show", "x"], ["send", "x", "y"], ["attach", "x"], ["replay", "x"], ["abort", "x"]]
)
async def test_without_a_hub_commands_say_how_to_get_one(command: list[str], alone: Roost) -> None:
    told = await alone(*command)
    assert (told.code, told.out) == (codes.NO_HUB, "")
    assert "roost up" in told.err
    as_json = await alone(*command, "--json")
    assert (as_json.code, as_json.error["code"]) == (codes.NO_HUB, "hub_unreachable")
    assert not alone.data.exists()


async def test_a_key_that_is_wrong_says_where_keys_are(roost: Roost, hub: object) -> None:
    url = (roost.data / "hub.json").read_text().split('"')[3]
    told = await roost("ls", "--json", ROOST_URL=url, ROOST_API_KEY="agc_wrong")
    assert (told.code, told.error["code"]) == (codes.ERROR, "unauthorized")
    assert "ROOST_API_KEY" in (await roost("ls", ROOST_URL=url, ROOST_API_KEY="agc_wrong")).err


async def test_version(roost: Roost) -> None:
    told = (await roost("version", "--json")).json
    assert told["hub"] == told["roost"]
    assert told["roost"] in (await roost("--version")).out


def test_loading_what_is_not_there_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        load("nope")
