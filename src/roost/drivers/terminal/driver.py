"""An agent on a screen of its own, in tmux (README.md beside this file), as a ports.Driver."""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import which
from time import monotonic
from typing import Any, Final

import anyio
import psutil
from anyio import to_thread
from msgspec import UNSET

from roost.drivers.terminal.agents import AGENTS, TerminalAgent
from roost.drivers.terminal.first_run import prepare
from roost.drivers.terminal.inputs import as_text
from roost.drivers.terminal.reading import reader_of
from roost.drivers.terminal.sight import READY_SECONDS, Look, Reader, State, still_typed, typeable
from roost.drivers.terminal.telling import Telling
from roost.drivers.terminal.tmux import Pane, Tmux
from roost.installs.places import Installs, not_installed
from roost.model import events as e
from roost.model.errors import AgentGone, AgentUnattended, ScreenLost, StartFailed
from roost.model.screens import Shown
from roost.ports import Home, Past, Turn, View
from roost.processes import birth, born, descendants, kill_until_gone, living, now, with_descendants

LOOK_SECONDS: Final = 0.2
"""Between two looks at the screen of an agent that works."""
SOON_SECONDS: Final = 0.05
"""The same while something is about to happen on it."""
START_SECONDS: Final = 30.0
"""How long an agent may take until its screen stands still and shows something."""
BLANK_SECONDS: Final = 5.0
"""One that shows nothing is ready after so long;"""
SETTLED_SECONDS: Final = 1.0
"""one whose screen stands still for so long, unless it is known how it looks when it waits for input."""
TYPED_SECONDS: Final = 1.0
"""How long what was typed may take to show, before the key that submits it is pressed,"""
ECHO_SECONDS: Final = 0.15
"""and how long it must stand there unchanged."""
SUBMIT_TRIES: Final = 4
SUBMIT_SECONDS: Final = 1.0
"""So often the key is pressed again, if what was typed still stands in the input box after so long."""
NOTED_SECONDS: Final = 5.0
"""tmux knows of a killed agent well before that; without it, the agent would not be started again."""
RETRY_SECONDS: Final = 3.0
"""An agent that ends so soon after it was told to take up its conversation has none."""

log = logging.getLogger("roost.drivers.terminal")


class TerminalDriver:
    """Keeps the agent on its screen through all runs, and starts it again when it has ended."""

    def __init__(self, agent: TerminalAgent, installs: Installs | None = None) -> None:
        """`installs`: where agents may be installed, beside the PATH."""
        self._agent, self._installs = agent, installs
        self._reader: Reader
        self._workspace: Path
        self._env: Mapping[str, str]
        self._past: Past
        self._home: Home
        self._tmux: Tmux
        self._options: dict[str, Any] = {}
        self._one = anyio.Lock()
        self._aborted = False
        self._pane: Pane | None = None
        self._changed = monotonic()
        """When the screen was last seen to change, or something was typed."""

    # --- the port ---

    async def start(
        self, workspace: Path, env: Mapping[str, str], options: Mapping[str, Any], past: Past, home: Home
    ) -> dict[str, Any]:
        agent = self._agent
        if agent.unattended and not (agent.insist or home.sandboxed):
            raise AgentUnattended(f"{agent.name}: {agent.unattended}; have a sandbox, or `insist = true` in its table")
        self._workspace, self._env, self._past, self._home = workspace, env, past, home
        self._options, self._tmux = dict(options), Tmux(home)
        enclosed = await home.enclose((), cwd=workspace, env={**agent.env, **env})
        self._reader = reader_of(agent, workspace, enclosed.env, enclosed.home)
        await self._begin()
        home.show(self)
        return self._told()

    async def configure(self, changed: e.ConfigChanged) -> None:
        """Taken up when the agent starts next: its keys for them are its own affair."""
        given = {name: value for name in ("model", "mode") if (value := getattr(changed, name)) is not UNSET}
        self._options |= given | (changed.options or {})

    async def run(self, turn: Turn) -> e.RunResult:
        self._aborted = False
        async with self._one:
            await self._alive()
        telling = Telling(turn, self._tmux, self._agent.name)
        try:
            await telling.begin(await self._look())
            began = now()
            await self._type(await as_text(turn.input, turn))
            if self._aborted:
                await self._tmux.press("Escape")  # the first one came before there was anything to interrupt
            await self._until_done(turn, telling, began)
            result = await telling.end(await self._look())
        except ScreenLost:
            raise AgentGone(f"{self._agent.name}: its screen is gone") from None
        except anyio.get_cancelled_exc_class():  # it did not obey
            with anyio.CancelScope(shield=True):
                await self._kill()
            raise
        self._past.keep({"spoken": True})
        pane = self._pane
        if pane is not None and pane.exit_code is not None and not self._aborted:
            raise AgentGone(f"{self._agent.name} has ended (exit code {pane.exit_code})")
        return result

    async def abort(self) -> None:
        if not self._aborted:
            self._aborted = True
            try:
                await self._tmux.press("Escape")
            except (ScreenLost, StartFailed) as error:
                log.info("no abort: %s", error)

    async def close(self) -> None:
        await self._tmux.end()

    # --- the screen, for people (ports.Screen) ---

    async def open(self, columns: int, rows: int, *, writes: bool) -> View:
        return await self._tmux.look(columns, rows, writes=writes)

    async def shown(self) -> Shown:
        pane = await self._tmux.pane()
        code = UNSET if pane.exit_code is None else pane.exit_code
        return Shown(text="\n".join(pane.lines).rstrip(), columns=pane.columns, rows=pane.rows, exit_code=code)

    # --- the agent ---

    async def _begin(self) -> None:
        """Take up the screen that an older host has left, or make one. Raises: StartFailed."""
        if await self._tmux.open():
            self._past.keep({"spoken": True}, "resumed")
            return
        spoken = bool(self._past.state.get("spoken"))
        command, env = await self._command(spoken)
        await self._tmux.start(command, cwd=self._workspace, env=env)
        again = await self._until_ready(spoken and bool(self._agent.resume))
        self._past.keep({"spoken": spoken and not again}, "resumed" if spoken and not again else "new")

    async def _alive(self) -> None:
        """The agent runs, or is started again. Raises: StartFailed."""
        try:
            pane = await self._tmux.pane()
        except ScreenLost:
            await self._begin()
            return
        if pane.exit_code is not None:
            spoken = bool(self._past.state.get("spoken"))
            command, env = await self._command(spoken)
            await self._tmux.restart(command, cwd=self._workspace, env=env)
            again = await self._until_ready(spoken and bool(self._agent.resume))
            self._past.keep({"spoken": spoken}, "resumed" if spoken and not again else "new")

    async def _command(self, resumes: bool) -> tuple[tuple[str, ...], dict[str, str]]:
        """How the agent is started, and its whole environment. Raises: AgentNotInstalled, SandboxUnavailable."""
        agent, env = self._agent, {**self._agent.env, **self._env}
        ours = AGENTS.get(agent.name)
        if self._installs and ours and ours.command == agent.command and (own := self._installs.find(agent.name)):
            env = own.env(env)
        found = which(agent.command[0], path=env.get("PATH"))
        if found is None:
            raise not_installed(agent.name, agent.command[0], agent.install)
        words = [found, *agent.command[1:]]
        for name in ("model", "mode"):
            option = getattr(agent, name)
            if option and isinstance(value := self._options.get(name), str):
                words += [*option, value]
        words += agent.resume if resumes else ()
        if not any((env | os.environ).get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")):
            env["LANG"] = "C.UTF-8"
        enclosed = await self._home.enclose(words, cwd=self._workspace, env=env | {"COLORTERM": "truecolor"})
        await to_thread.run_sync(prepare, agent.name, self._workspace, env, enclosed.home)
        return enclosed.command, enclosed.env

    async def _until_ready(self, resumes: bool) -> bool:
        """Wait until the agent takes input. True: it could not take up its conversation and has begun a new one.
        Raises: StartFailed: it has ended."""
        began = self._changed = monotonic()
        while monotonic() - began < START_SECONDS:
            look = await self._sight(None)
            if look.exit_code is not None and resumes and monotonic() - began < RETRY_SECONDS:
                command, env = await self._command(False)
                await self._tmux.restart(command, cwd=self._workspace, env=env)
                await self._until_ready(False)
                return True
            if look.exit_code is not None:
                last = " ".join(" ".join(look.lines).split())[-300:]
                raise StartFailed(f"{self._agent.name} ended as it started (exit code {look.exit_code}): {last}")
            shows = any(line.strip() for line in look.lines)
            known = self._agent.ready and await self._activity(look) == "idle"
            settled = not self._agent.ready and look.still_seconds >= SETTLED_SECONDS
            if known or (shows and settled) or look.still_seconds >= BLANK_SECONDS:
                break
            await anyio.sleep(SOON_SECONDS)
        return False

    async def _kill(self) -> None:
        """End the agent, with all that it has started; its screen stays."""
        try:
            pane = await self._tmux.pane()
        except ScreenLost:
            return

        def find() -> list[psutil.Process]:
            return with_descendants(living([psutil.Process(pane.pid)])) if psutil.pid_exists(pane.pid) else []

        if pane.exit_code is not None:
            return
        await to_thread.run_sync(kill_until_gone, find)
        with anyio.move_on_after(NOTED_SECONDS), suppress(ScreenLost):
            while (await self._tmux.pane()).exit_code is None:  # noqa: ASYNC110  # tmux takes note of it when it does
                await anyio.sleep(SOON_SECONDS)

    # --- a run ---

    async def _type(self, text: str) -> None:
        """Type this and submit it; look whether it was taken. Raises: ScreenLost."""
        text = typeable(text)
        self._reader.begin()
        before = await self._look()
        await self._tmux.type(text)
        await self._until_shown(before)
        for _ in range(SUBMIT_TRIES):
            await self._tmux.press("Enter")
            self._changed = monotonic()
            with anyio.move_on_after(SUBMIT_SECONDS):
                while still_typed((await self._look()).lines, text):  # noqa: ASYNC110  # no event tells of it
                    await anyio.sleep(SOON_SECONDS)
                return

    async def _until_shown(self, before: Pane) -> None:
        """Agents take an Enter that comes with the text for a part of it."""
        self._changed = began = monotonic()
        while monotonic() - began < TYPED_SECONDS:
            await anyio.sleep(SOON_SECONDS)
            look = await self._look()
            if look.lines != before.lines and monotonic() - self._changed >= ECHO_SECONDS:
                return

    async def _until_done(self, turn: Turn, telling: Telling, began: float) -> None:
        """Raises: ScreenLost."""
        waits = False
        while True:
            for joined in turn.steered():
                await self._type(await as_text(joined, turn))
            look = await self._sight(began)
            if self._pane is not None:
                await telling.scrolled(self._pane)
            state = await self._activity(look)
            if state in ("idle", "exited"):
                return
            if (state == "waiting_input") != waits:
                waits = state == "waiting_input"
                await turn.emit(_seen(waits, look))
            await anyio.sleep(LOOK_SECONDS)

    async def _sight(self, began: float | None) -> Look:
        """What can be told of it; `began`: when it was told to do something. Raises: ScreenLost."""
        pane = await self._look()
        still, started, births = monotonic() - self._changed, 0, dict[int, str]()
        if still >= READY_SECONDS:  # one whose screen moves works, and to look at all processes is dear
            started, births = await to_thread.run_sync(_processes, pane.pid, began)
        return Look(lines=pane.lines, still_seconds=still, started=started, births=births, exit_code=pane.exit_code)

    async def _activity(self, look: Look) -> State:
        return await to_thread.run_sync(self._reader.activity, look)

    async def _look(self) -> Pane:
        """Raises: ScreenLost."""
        pane = await self._tmux.pane()
        if self._pane is None or (pane.lines, pane.cursor) != (self._pane.lines, self._pane.cursor):
            self._changed = monotonic()
        self._pane = pane
        return pane

    def _told(self) -> dict[str, Any]:
        """What clients are shown (PROTOCOL.md, "Agents")."""
        told = {"agent": {"name": self._agent.name}, "steer": True, "questions": False, "terminal": True}
        return told | {"asks": not self._agent.unattended}


def _processes(pid: int, since: float | None) -> tuple[int, dict[int, str]]:
    """How many processes the agent has started since then that run; all of them and itself, with their births."""
    below = descendants(pid)
    births = {one: (birth(one) or "").rpartition(":")[2] for one in (pid, *(process.pid for process in below))}
    return sum(since is not None and born(process) >= since for process in below), births


def _seen(waits: bool, look: Look) -> e.ActivitySeen:
    """That a person is wanted at the screen, or is not any more."""
    last = next((line.strip() for line in reversed(look.lines) if line.strip()), "")
    return e.ActivitySeen(state="waiting_input" if waits else "active", evidence=last[:200])
