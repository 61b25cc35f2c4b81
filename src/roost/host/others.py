"""Several repositories for one session: the first is its workspace, each other one a folder in it, of which the first
one's git does not speak."""

from collections.abc import Sequence
from pathlib import Path

import anyio

from roost.host.clone import Tell, make_clone
from roost.host.copying import exclude_untracked
from roost.model.errors import WorkspaceInvalid
from roost.model.events import WorkspaceUpdated
from roost.model.values import OtherClone, WorkspaceSpec


async def clone_others(others: Sequence[OtherClone], root: Path, branch: str, *, seconds: float, tell: Tell) -> None:
    """On a branch of this name, as the first. Credentials are for the first alone: these are cloned as git is set up.

    Raises: WorkspaceInvalid.
    """

    def tell_failure(said: WorkspaceUpdated) -> None:
        if said.status == "failed":
            tell(said)

    for other in others:
        place = root / other.folder
        if await anyio.Path(place).exists():
            raise WorkspaceInvalid(f"the first repository has a folder {other.folder} already")
        spec = WorkspaceSpec(kind="clone", url=other.url, base=other.base, branch=branch, root=str(place))
        await make_clone(spec, place, {}, seconds=seconds, tell=tell_failure)
    if others:
        await exclude_untracked(root)
