"""The end of a hub: its sessions asleep, its hosts left at work for the next one, or all of them killed."""

import contextlib
from collections.abc import Callable
from typing import Final

import anyio
import structlog

from roost.core.decision import HUB
from roost.core.hosts import Hosts
from roost.core.keys import Keyring
from roost.core.session import Session
from roost.model import commands as c
from roost.model.errors import RoostError, Unavailable
from roost.model.events import Principal
from roost.ports import Bell

PAUSE_ALL_SECONDS: Final = 20.0
"""How long sessions may take to fall asleep; then the hub goes, and their hosts stay at work."""

_log = structlog.get_logger("roost.hub")


class Ending:
    """`wanted`: whoever runs this hub should end it. `on_sleep` is told how many sessions are still awake, while they
    are put to sleep."""

    def __init__(self, hosts: Hosts, keys: Keyring, bell: Bell) -> None:
        self.wanted = anyio.Event()
        self.on_sleep: Callable[[int], None] = lambda _awake: None
        self._hosts, self._keys, self._bell = hosts, keys, bell

    async def shut_down(self, by: Principal) -> None:
        """`roost down`, Ctrl-C: put every session to sleep, so that no host is left, then ask to be ended.

        Raises: Forbidden: not an admin of the whole hub."""
        self._keys.check_hub(by)
        with contextlib.suppress(Unavailable):  # a full disk keeps no hub from being stopped
            await self._keys.note(by, "hub-stopped")
        _log.info("shutting down", by=by.user, sessions=len(self._hosts.held))
        self.on_sleep(len(self._hosts.held))
        with anyio.move_on_after(PAUSE_ALL_SECONDS):
            while self._hosts.held:  # what wakes meanwhile too
                async with anyio.create_task_group() as tasks:
                    for session in list(self._hosts.held.values()):
                        tasks.start_soon(self._put_to_sleep, session)
        await self._hosts.end_screens()
        self.wanted.set()

    def leave(self) -> None:
        """SIGTERM: ask to be ended; hosts go on and find the next hub."""
        _log.info("stopping", sessions=len(self._hosts.held), hosts="go on")
        self.wanted.set()

    async def kill_hosts(self) -> None:
        """A second Ctrl-C: end every host with all that it has started, now, then ask to be ended. Runs are
        interrupted; the sessions can be woken by the next hub."""
        _log.warning("killing all hosts", sessions=len(self._hosts.held))
        await self._hosts.kill_all()
        self.wanted.set()

    async def _put_to_sleep(self, session: Session) -> None:
        with contextlib.suppress(RoostError):
            await session.handle(c.Pause(), HUB)
        while self._hosts.held.get(session.id) is session:
            signal = self._bell.ticket(session.id)
            if self._hosts.held.get(session.id) is session:
                await signal.wait()
        self.on_sleep(len(self._hosts.held))
