"""What encloses an agent and its tools."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from roost.model.sandbox import Enclosed, Enclosure


class Sandbox(Protocol):
    """One per host, which stays outside with its token and the way to its hub. Each command that is enclosed is alone
    with what it starts; they share folders, not processes."""

    @property
    def enclosure(self) -> Enclosure:
        """What is in force, as the log and whoever asks are told."""
        ...

    def opened(self) -> AbstractAsyncContextManager[None]:
        """While the block lasts, what leads through the walls is open; afterwards nothing is left of it."""
        ...

    async def surround(self, workspace: Path) -> None:
        """This is the folder that may be written inside, at the same path as outside. Before anything is enclosed.
        Raises: SandboxUnavailable: there can be no such walls here, and why."""
        ...

    async def enclose(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path,
        env: Mapping[str, str],
        own: Sequence[Path] | None = None,
        lasts: bool = False,
    ) -> Enclosed:
        """How to start this inside; a string goes to the shell. `env`: beside what everything inside has. `own`: it is
        the host's own command, on files that an agent has written: it reaches no network, and writes these folders too.
        `lasts`: it may outlive this host; what leads through the walls of the next is its then. A process that belongs
        to the walls themselves carries `processes.WALL_MARK`."""
        ...
