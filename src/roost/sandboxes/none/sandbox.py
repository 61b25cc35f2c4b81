"""No sandbox: what an agent does, its user does (ports.Sandbox)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from roost.model.sandbox import Enclosed, Enclosure
from roost.processes import clean_environment


class NoSandbox:
    """Commands as they are, in the environment that the host has from its hub."""

    def __init__(self, enclosure: Enclosure) -> None:
        """`enclosure`: says why there is none, or that none was wanted."""
        self.enclosure = enclosure

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        yield

    async def surround(self, workspace: Path) -> None:
        """There are no walls."""

    async def enclose(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path,
        env: Mapping[str, str],
        own: Sequence[Path] | None = None,
        lasts: bool = False,
    ) -> Enclosed:
        words = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        return Enclosed(command=words, env=clean_environment() | dict(env))
