"""What hosts wrote down when they left without a hub: taken into the log at the hub's next start."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from anyio import CancelScope

from roost.core.hostlink import drafts_of
from roost.core.session import Session
from roost.link.spool import read_spool, spool_path
from roost.model.errors import Fencing, InvalidBody
from roost.model.ids import Epoch, SessionId

_log = structlog.get_logger("roost.spools")


class Spools:
    """`DATA/spool/<session>.<epoch>` files. That of the present epoch, whose host is gone, is appended to its log."""

    def __init__(self, data: Path, alive: Callable[[SessionId, Epoch], Awaitable[bool]]) -> None:
        self._data = data
        self._alive = alive

    async def adopt(self, session: Session) -> None:
        """Append what the last host of this session left behind, once. A file that cannot be read is kept."""
        path = spool_path(self._data, session.id, session.epoch)
        if not path.exists() or await self._alive(session.id, session.epoch):
            return
        try:
            head, lines = read_spool(path)
            drafts = drafts_of(lines)
            with CancelScope(shield=True):
                await session.append_from_host(head.epoch, head.first, drafts)
        except (Fencing, InvalidBody) as error:
            self.set_aside(path)
            _log.error("spool set aside", file=path.name, detail=error.message)
            return
        path.unlink()
        _log.info("spool taken in", session=session.id, events=len(lines))

    def set_aside(self, path: Path) -> None:
        """Move a file to `DATA/orphans`, where `roost doctor` lists it: its events never enter a log."""
        orphans = self._data / "orphans"
        orphans.mkdir(exist_ok=True)
        path.replace(orphans / path.name)

    def set_aside_old(self, present: dict[SessionId, Epoch]) -> None:
        """Set aside every spool that is not of a session's present epoch."""
        for path in sorted((self._data / "spool").glob("codesess_*.*")):
            session, _, epoch = path.name.rpartition(".")
            if epoch.isdigit() and present.get(SessionId(session)) != int(epoch):
                self.set_aside(path)
