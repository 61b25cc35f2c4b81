"""A private tmux server with one window: the screen, and what runs on it.

The server outlives the host that has started it (`Home.outlast`); the next one finds it by its socket, which lies in
the session's own folder. Its path is relative there: paths of sockets are short. Nobody can command this tmux with
keys: it has none, and takes all for the agent's. Commands go over one client in control mode.
"""

import os
import re
import shlex
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import Final

import anyio
from msgspec import Struct

from roost.model.errors import AgentNotInstalled, ScreenLost, StartFailed
from roost.ports import Home, Program, View

COLUMNS: Final = 120
ROWS: Final = 40
"""The screen's size until somebody looks at it."""
HISTORY_LINES: Final = 5000
"""What has left the screen at its top and can still be read."""
ANSWER_SECONDS: Final = 10.0
"""How long tmux may take for a command."""
TMUX: Final = ("tmux", "-u", "-f", "/dev/null", "-S", "tmux")
HINT: Final = "get it by: apt-get install tmux"
TARGET: Final = "agent"
"""The name of its only session."""
OPTIONS: Final = (
    "default-shell /bin/sh", f"history-limit {HISTORY_LINES}", "remain-on-exit on", "remain-on-exit-format ''",
    "status off", "prefix None", "prefix2 None", "escape-time 0", "mouse off", "set-clipboard off", "allow-rename off",
    "set-titles off", "window-size latest", "focus-events on", "default-terminal tmux-256color", "bell-action none",
    "visual-bell off", "scroll-on-clear off", "destroy-unattached off", "update-environment ''",
    "terminal-features 'xterm*:256:RGB:bpaste:cstyle:focus:title'",
)  # fmt: skip
KEY_TABLES: Final = ("root", "prefix", "copy-mode", "copy-mode-vi")
_STATE: Final = " ".join(
    f"#{{{name}}}"
    for name in (
        "pane_dead_status", "pane_dead_signal", "pane_dead", "pane_pid", "history_size", "alternate_on", "cursor_y",
        "pane_width", "pane_height", "pid",
    )
)  # fmt: skip
_OURS: Final = " 1"
"""The end of a line that begins the answer to a command of ours,"""
_THEIRS: Final = " 0"
"""and to the one that the client was started with."""


class Pane(Struct, frozen=True, kw_only=True):
    """How the screen stands. `lines`: its rows; `cursor`: the row of the cursor, from 0; `scrolled`: how many lines
    have left it at its top and are still known; `whole`: a program has taken all of it, and nothing scrolls; `pid`: of
    the agent, or the last one; `exit_code`: of one that has ended; negative: the signal."""

    lines: tuple[str, ...]
    cursor: int
    scrolled: int
    whole: bool
    pid: int
    columns: int
    rows: int
    exit_code: int | None = None


class Tmux:
    """The server of one session, over a client of this host. `open` it before anything else."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._client: Program | None = None
        self._lines: AsyncIterator[bytes]
        self._one = anyio.Lock()

    async def open(self) -> bool:
        """Whether there is a server already, from an older host; then it can be commanded."""
        if not (self._home.folder / "tmux").exists():
            return False
        with suppress(ScreenLost):
            await self._connect()
            return True
        return False

    async def start(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        """A server that runs this, with exactly this environment. Raises: AgentNotInstalled: no tmux; StartFailed."""
        (self._home.folder / "tmux").unlink(missing_ok=True)  # of one that was killed
        found = which(TMUX[0])  # ours: what the agent's PATH leads to may be its own, and this runs outside
        if found is None:
            raise AgentNotInstalled(f"tmux is not installed; {HINT}", command="tmux")
        words: list[str] = [found, *TMUX[1:], "start-server"]
        for option in OPTIONS:
            words += [";", "set-option", "-g", "-q", *shlex.split(option)]
        for table in KEY_TABLES:
            words += [";", "unbind-key", "-a", "-q", "-T", table]
        words += [";", "new-session", "-d", "-s", TARGET, "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(cwd)]
        words += [_exec(command)]
        try:
            code = await self._home.outlast(words, env=env)
        except OSError as error:
            raise AgentNotInstalled(f"tmux cannot be started ({error.strerror}); {HINT}", command="tmux") from None
        if code:
            raise StartFailed(f"tmux did not start (exit code {code}): roost logs")
        try:
            await self._connect()
        except ScreenLost as error:
            raise StartFailed(error.message) from None

    async def restart(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        """Run this in place of what did run, with this beside the environment that it had. Raises: ScreenLost."""
        for name, value in env.items():
            await self.ask("set-environment", "-g", name, value)
        await self.ask("respawn-pane", "-k", "-t", TARGET, "-c", str(cwd), _exec(command))
        await self.ask("clear-history", "-t", TARGET)

    async def pane(self) -> Pane:
        """Raises: ScreenLost."""
        (state,) = await self.ask("display-message", "-p", "-t", TARGET, _STATE)
        lines = tuple(await self.ask("capture-pane", "-p", "-t", TARGET))
        status, number, dead, pid, scrolled, whole, cursor, columns, rows, server = state.split(" ")
        exit_code = -int(number) if number else int(status) if status else None
        if dead == "1" and exit_code is None:  # it can miss the end of a program, until it is told to look
            os.kill(int(server), signal.SIGCHLD)
        return Pane(
            lines=lines,
            cursor=int(cursor),
            scrolled=int(scrolled),
            whole=whole == "1",
            pid=int(pid),
            columns=int(columns),
            rows=int(rows),
            exit_code=exit_code,
        )

    async def history(self, first: int, last: int) -> list[str]:
        """Lines that have left the screen: -1 is the last of them. Raises: ScreenLost."""
        return await self.ask("capture-pane", "-p", "-t", TARGET, "-S", str(first), "-E", str(last))

    async def type(self, text: str) -> None:
        """As if it were typed; a line's end is no key that submits, for a program that knows a paste from typing.

        Raises: ScreenLost."""
        if "\n" not in text and len(text) <= 512:
            await self.ask("send-keys", "-t", TARGET, "-l", "--", text)
            return
        draft = self._home.folder / "typed"
        draft.write_text(text, encoding="utf-8", errors="replace")
        try:
            await self.ask("load-buffer", "-b", "typed", str(draft.absolute()))
        finally:
            draft.unlink(missing_ok=True)
        await self.ask("paste-buffer", "-p", "-r", "-d", "-b", "typed", "-t", TARGET)

    async def press(self, *keys: str) -> None:
        """By the names tmux has for them. Raises: ScreenLost."""
        await self.ask("send-keys", "-t", TARGET, *keys)

    async def look(self, columns: int, rows: int, *, writes: bool) -> View:
        """Raises: ScreenLost."""
        flags = () if writes else ("-f", "read-only,ignore-size")
        words = (*TMUX, "attach-session", "-t", TARGET, *flags)
        try:
            return await self._home.view(words, columns=columns, rows=rows)
        except OSError as error:
            raise ScreenLost(f"tmux cannot be started: {error.strerror}") from None

    async def end(self) -> None:
        """The server is gone, and all that runs on it told so."""
        with suppress(ScreenLost):
            await self.ask("kill-server")
        await self.close()

    async def close(self) -> None:
        """Leave it; it goes on."""
        client, self._client = self._client, None
        if client is not None:
            with anyio.CancelScope(shield=True):
                await client.kill()

    # --- control mode ---

    async def ask(self, *words: str) -> list[str]:
        """What tmux prints for this command. Not cancelled in the middle: what it answers would be taken for the answer
        to the next. Raises: ScreenLost: there is no server; StartFailed: it refuses."""
        line = " ".join(map(_quoted, words)).encode(errors="replace") + b"\n"
        told, refused = list[str](), False
        async with self._one:
            if self._client is None:
                raise ScreenLost
            with anyio.CancelScope(shield=True):
                try:
                    with anyio.fail_after(ANSWER_SECONDS):
                        await self._client.write(line)
                        told, refused = await self._answer()
                except (OSError, TimeoutError):
                    await self.close()
                    raise ScreenLost from None
        if refused:
            raise StartFailed(f"tmux: {' '.join(told)[:500]}")
        return told

    async def _connect(self) -> None:
        """Raises: ScreenLost."""
        command = (*TMUX, "-C", "attach-session", "-t", TARGET, "-f", "no-output")
        try:
            self._client = await self._home.launch(command, cwd=self._home.folder, env={}, outside=True)
        except OSError as error:
            raise ScreenLost(f"tmux cannot be started: {error.strerror}") from None
        self._lines = lines(self._client.stdout())
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                _, refused = await self._answer(_THEIRS)
        except (OSError, TimeoutError):
            refused = True
        if refused:
            await self.close()
            raise ScreenLost
        await self.ask("refresh-client", "-C", f"{COLUMNS}x{ROWS}")  # or one who only looks would decide the size

    async def _answer(self, whose: str = _OURS) -> tuple[list[str], bool]:
        """The next block that answers such a command, and whether it was refused. Raises: OSError: there is none."""
        told: list[str] | None = None
        end = ""
        async for raw in self._lines:
            line = raw.decode(errors="replace")
            kind, _, of = line.partition(" ")
            if told is None:
                if kind == "%begin" and of.endswith(whose):
                    told, end = [], of
            elif kind in ("%end", "%error") and of == end:
                return told, kind == "%error"
            else:
                told.append(line)
        raise BrokenPipeError("tmux has ended")


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Without their ends."""
    held = b""
    async for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            yield line


def _exec(command: Sequence[str]) -> str:
    """For the shell of the window: the agent takes its place, and does not know that it is in tmux."""
    return "unset TMUX TMUX_PANE; exec " + shlex.join(command)


def _quoted(word: str) -> str:
    """As tmux reads it, on one line."""
    if "\n" not in word:
        return shlex.quote(word)
    escaped = re.sub(r'["\\$~]', r"\\\g<0>", word).replace("\n", "\\n")
    return f'"{escaped}"'
