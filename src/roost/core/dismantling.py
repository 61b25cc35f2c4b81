"""The end of a session: its workspace is destroyed, its history and what it has published stay."""

import anyio
import structlog
from msgspec import UNSET, UnsetType

from roost.core.claims import claim_for
from roost.core.decisions import ended
from roost.core.hosts import Hosts
from roost.core.session import Session
from roost.model.access import is_owner
from roost.model.commands import End
from roost.model.errors import Forbidden, RoostError, WorkspaceDirty
from roost.model.events import Principal, WorkspaceSpec
from roost.model.info import Ended
from roost.ports import Workspaces

_log = structlog.get_logger("roost.hub")


class Dismantling:
    """Folders that Roost made go, once nothing works in them any more; a folder that somebody named stays."""

    def __init__(self, hosts: Hosts, workspaces: Workspaces) -> None:
        self._hosts, self._workspaces = hosts, workspaces

    async def end(self, session: Session, command: End, by: Principal, key: str | None) -> Ended:
        """Close the log, stop what runs, take the folder away. A repeat takes away what is left of it.

        Raises: Forbidden: not its owner; WorkspaceDirty: unsaved work, and no force; IdempotencyMismatch.
        """
        if not is_owner(session.record_now.owner, by):
            raise Forbidden("Only its owner may end a session.")
        spec = session.record_now.workspace
        if not command.force and await self._workspaces.dirty(spec):
            raise WorkspaceDirty(path=spec.root)
        claim = claim_for(by, key, command, session.id)
        accepted = await session.decide(lambda record: ended(record, by), claim)
        kept: str | UnsetType = UNSET
        with anyio.CancelScope(shield=True):
            await self._hosts.stop(session, session.epoch)
            kept = await self._take_away(session, spec, force=command.force)
        return Ended(session=session.id, seq=accepted.seq, kept=kept)

    async def _take_away(self, session: Session, spec: WorkspaceSpec, *, force: bool) -> str | UnsetType:
        """The path of what is left in place: a folder that is not Roost's, one that would not go, or one in which the
        agent has left something since it was looked at."""
        if spec.root is UNSET:
            return spec.path
        try:
            if not force and await self._workspaces.dirty(spec):
                return spec.root
            await self._workspaces.remove(spec)
        except (RoostError, OSError) as error:
            _log.error("folder of an ended session is left", session=session.id, path=spec.root, detail=str(error))
            return spec.root
        return UNSET
