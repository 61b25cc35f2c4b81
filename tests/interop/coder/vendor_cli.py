"""The published command line, `agentuity coder ...`, as somebody without an account of its vendor runs it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import anyio
from msgspec import Struct

from tests.interop.coder import packages

SECONDS: Final = 60.0


class Printed(Struct, frozen=True):
    """What a command has left: its exit code, and what it printed and said beside it."""

    code: int
    output: str
    said: str

    @property
    def text(self) -> str:
        """Both, as a person sees them."""
        return self.output + self.said

    @property
    def json(self) -> Any:
        """What it printed with `--json`; what it says beside that is for people."""
        assert self.code == 0, self.text
        return json.loads(self.output)


class Agentuity:
    """`home`: an empty home folder. The first five variables are all that a hub of one's own needs."""

    def __init__(self, url: str, key: str, home: Path) -> None:
        self.home = home
        self.command = [
            str(packages.bun()),
            str(packages.home() / "node_modules" / "@agentuity" / "cli" / "bin" / "cli.ts"),
            "coder",
        ]
        self.environment = packages.environment() | {
            "HOME": str(home),
            "AGENTUITY_CODER_URL": url,
            "AGENTUITY_CLI_API_KEY": key,
            "AGENTUITY_USER_ID": "owner",
            "AGENTUITY_CLOUD_ORG_ID": "org_1",
            "AGENTUITY_SKIP_VERSION_CHECK": "1",
            "AGENTUITY_AGENT_MODE": "none",  # else it looks through its parents for an agent, and prints hints for one
        }

    async def run(self, *arguments: str) -> Printed:
        with anyio.fail_after(SECONDS):
            done = await anyio.run_process(
                [*self.command, *arguments],
                stderr=subprocess.PIPE,
                env=self.environment,
                cwd=self.home,
                check=False,
            )
        return Printed(done.returncode, done.stdout.decode(), done.stderr.decode())

    async def json(self, *arguments: str) -> Any:
        return (await self.run(*arguments, "--json")).json


def at_a_terminal(url: str, key: str, home: Path) -> Agentuity:
    """With what terminals want beside: the key, for the dialogs of an agent; a Node; and no downloads."""
    client = Agentuity(url, key, home)
    path = f"{packages.node().parent}{os.pathsep}{client.environment['PATH']}"
    client.environment |= {"AGENTUITY_CODER_API_KEY": key, "PI_OFFLINE": "1", "PATH": path}
    return client
