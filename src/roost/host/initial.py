"""The command that a session begins with: run in its workspace before its agent starts, and told in the log.

Whatever comes of it, the session goes on: its agent, and whoever reads the log, can see what it was.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import anyio
from msgspec import UNSET

from roost.host.tree import Command, Tree
from roost.model.errors import RoostError
from roost.model.events import CommandUpdated, Failure
from roost.model.ticket import Ticket

MAX_SECONDS: Final = 1800.0
"""How long an agent waits for it, as for the setup script of a template."""
TOLD_BYTES: Final = 4000
"""Of what it printed, the end is told."""


class Initial:
    """`begin` before the agent starts, `keep` all the time."""

    def __init__(
        self,
        ticket: Ticket,
        tree: Tree,
        env: Mapping[str, str],
        tell: Callable[[CommandUpdated], None],
        *,
        seconds: float = MAX_SECONDS,
    ) -> None:
        self._asked = ticket.kit.command
        self._over = ticket.begun
        self._tree, self._env, self._tell, self._seconds = tree, env, tell, seconds
        self._waiting: anyio.CancelScope | None = None
        self._beside = anyio.Event()
        self._workspace = Path()

    async def begin(self, workspace: Path) -> None:
        """Returns when the agent may start. Cancelled in between, what runs is killed, and begun anew the next time."""
        self._workspace = workspace
        if self._asked is UNSET:
            return
        if self._asked.mode == "interactive":
            self._beside.set()
        elif not self._over:
            await self._wait_for_end()

    async def _wait_for_end(self) -> None:
        try:
            with anyio.CancelScope() as self._waiting:
                self._tell(await self._ended(self._seconds))
            if self._waiting.cancelled_caught:
                self._tell(_failed("aborted", "it was broken off with the run that waited for it"))
            self._over = True
        finally:
            self._waiting = None

    def stop(self) -> None:
        """Whoever aborts the run that waits for it wants no more of it either."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def keep(self) -> None:
        """Run beside the agent what is to run there, until cancelled."""
        await self._beside.wait()
        self._tell(await self._ended(None))

    async def _ended(self, seconds: float | None) -> CommandUpdated:
        """Run it. What is to be told when it is over: it has ended, or why it could not."""
        assert self._asked is not UNSET
        printed = bytearray()
        self._tell(CommandUpdated(status="running", exec=self._asked.exec))
        try:
            with anyio.fail_after(seconds):
                return CommandUpdated(status="ended", exit_code=await self._run(printed), output=_end(printed))
        except TimeoutError:
            return _failed("timed_out", f"it took longer than {seconds:g} s", _end(printed))
        except RoostError as error:  # no sandbox: the agent, which needs one too, fails with the same
            return _failed(error.code, error.message)
        except (OSError, ValueError) as error:
            return _failed("start_failed", f"{self._asked.exec[0]} cannot be started: {error}")

    async def _run(self, printed: bytearray) -> int:
        """The exit code. Cancelled: it is gone, with all that it started. Raises: OSError."""
        assert self._asked is not UNSET
        command = await self._tree.spawn(self._asked.exec, cwd=self._workspace, env=self._env)
        try:
            return await _outcome(command, printed)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await command.kill()
            raise


async def _outcome(command: Command, printed: bytearray) -> int:
    """What it leaves running in the background goes on, unheard."""
    async for chunk in command.stdout():
        printed += chunk
        del printed[:-TOLD_BYTES]
    return await command.wait()


def _end(printed: bytearray) -> str:
    return printed.decode(errors="replace")


def _failed(code: str, message: str, output: str = "") -> CommandUpdated:
    return CommandUpdated(status="failed", error=Failure(code=code, message=message), output=output or UNSET)
