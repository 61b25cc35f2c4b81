"""`roost completion`, read by a real shell."""

import sys

import pytest

from roost.cli.completion import SCRIPTS
from tests.cli.conftest import Roost

COMPLETE = """
eval "$(roost completion bash)"
COMP_WORDS=(roost exp) COMP_CWORD=1
_roost_completion roost
echo "${COMPREPLY[@]}"
"""


async def test_bash_completes_what_the_script_tells_it(alone: Roost) -> None:
    command = alone.folder / "roost"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m roost "$@"\n')
    command.chmod(0o755)
    done = await alone.runs(("bash", "-c", COMPLETE), PATH=f"{alone.folder}:/usr/bin:/bin")
    assert (done.out, done.err) == ("export\n", "")


@pytest.mark.parametrize("shell", SCRIPTS)
async def test_each_shell_has_a_script_that_asks_this_command(alone: Roost, shell: str) -> None:
    told = (await alone("completion", shell, "--json")).json
    assert told["shell"] == shell and f"_ROOST_COMPLETE=complete_{shell}" in told["script"]
    assert (await alone("completion", shell)).out == told["script"]


async def test_another_shell_is_a_wrong_command_line(alone: Roost) -> None:
    done = await alone("completion", "tcsh", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
