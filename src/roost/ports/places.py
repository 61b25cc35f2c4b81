"""Where hosts run, and the folders they work in."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from roost.model import events as e
from roost.model.commands import WorkspaceRequest
from roost.model.ids import Epoch, SessionId
from roost.model.library import Dependencies
from roost.model.ticket import Ticket


class Runtime(Protocol):
    """Starts, finds and kills hosts."""

    async def start(self, ticket: Ticket) -> None:
        """Start the host that this ticket is for. Returns when its process exists. Raises: StartFailed."""
        ...

    async def kill(self, session: SessionId, *, screen: bool = True) -> None:
        """Kill every process of this session's hosts, whatever their epoch, as trees; returns when they are gone.
        Without `screen`, what the next host takes up goes on: its agent's screen, and what runs on that. Raises:
        StartFailed: they cannot be killed, or looked for."""
        ...

    async def clear(self, but: Collection[SessionId]) -> None:
        """Kill what the hosts of all other sessions have left: a hub that was killed may not have come to it. Nobody
        starts hosts of theirs meanwhile."""
        ...

    async def screens(self) -> Sequence[SessionId]:
        """Sessions with a screen, whether or not they have a host."""
        ...

    async def alive(self, session: SessionId, epoch: Epoch) -> bool:
        """Whether the host of this epoch is known to run (pid and start time match). A stopped process runs."""
        ...


class Workspaces(Protocol):
    """The folders sessions work in."""

    def resolve(self, session: SessionId, request: WorkspaceRequest, places: Collection[str] = ()) -> e.WorkspaceSpec:
        """Check what can be checked at once, settle `auto`, fill in `root` (where Roost makes the folder) and `branch`.
        `places`: of files that will be put there. Raises: WorkspaceInvalid; PathOutside: a link leads one of them
        out."""
        ...

    async def prepare(
        self, spec: e.WorkspaceSpec, env: Mapping[str, str], tell: Callable[[e.WorkspaceUpdated], None]
    ) -> Path:
        """Make the folder if it is not there; redo a half-made one. `env`: the session's, for credentials; `tell` hears
        how far a clone is. Raises: WorkspaceInvalid: nothing half made is left."""
        ...

    async def dirty(self, spec: e.WorkspaceSpec) -> bool:
        """Whether the folder Roost made holds uncommitted or untracked work. False for plain folders."""
        ...

    async def remove(self, spec: e.WorkspaceSpec) -> None:
        """Remove the folder Roost made; keeps its branch; leaves plain folders alone."""
        ...

    async def forget(self, session: SessionId) -> None:
        """Remove what is noted of the session beside its folder."""
        ...


class Preparer(Protocol):
    """Makes the folders that sessions of a template begin with; knows what could be installed on this machine."""

    async def make(self, folder: Path, repos: Sequence[Mapping[str, Any]], script: str) -> None:
        """Clone the first repository to this folder, each other one to a folder of its name in it, then run the script
        there. What it prints is kept beside the folder, in `<folder>.log`. Nothing that it started goes on.

        Raises: WorkspaceInvalid: with the end of what was printed; nothing half made is left. Cancelled, too."""
        ...

    async def clear(self, folder: Path) -> None:
        """Kill what was started for this folder, and remove it."""
        ...

    async def tidy(self, place: Path, needed: Collection[str]) -> set[str]:
        """Clear all folders there that are not needed; returns the names of those that are, and are there."""
        ...

    async def packages(self, wanted: Sequence[str]) -> Dependencies:
        """Which of these Debian packages, `name` or `name=version`, there are. Raises: TimedOut."""
        ...
