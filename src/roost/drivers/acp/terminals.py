"""Terminals that the agent has us run for it: commands of the run, through the host, gone with the run."""

import codecs
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final

import anyio
import anyio.abc
from acp import RequestError
from acp.schema import CreateTerminalRequest

from roost.drivers.acp.files import inside
from roost.ports import Process, Turn

MAX_OUTPUT_CHARS: Final = 1024 * 1024
"""Of one terminal; an agent may ask for less. What came first is forgotten first."""
MAX_TERMINALS: Final = 64
"""At a time."""


class Terminal:
    """A command, and the end of what it has printed."""

    def __init__(self, process: Process, most: int) -> None:
        self.process, self.code = process, anyio.Event()
        self.status: dict[str, Any] = {}
        self._most, self._text, self._cut = most, "", False

    def print(self, text: str) -> None:
        self._text += text
        if len(self._text) > self._most:
            self._text, self._cut = self._text[len(self._text) - self._most :], True

    def output(self) -> dict[str, Any]:
        ended = {"exitStatus": self.status} if self.code.is_set() else {}
        return {"output": self._text, "truncated": self._cut, **ended}


class Terminals:
    """Those of one run. `printed` is told what each prints, as it does."""

    def __init__(self, turn: Turn, tasks: anyio.abc.TaskGroup, printed: Callable[[str, str], Awaitable[None]]) -> None:
        """`tasks` live as long as the run."""
        self._turn, self._tasks, self._printed = turn, tasks, printed
        self._open: dict[str, Terminal] = {}
        self._numbers = count(1)

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Raises: RequestError, ValidationError."""
        if method == "terminal/create":
            return await self._create(CreateTerminalRequest.model_validate(params))
        name = str(params.get("terminalId"))
        terminal = self._open.get(name)
        if terminal is None:
            raise RequestError.resource_not_found(name)
        match method:
            case "terminal/output":
                return terminal.output()
            case "terminal/wait_for_exit":
                await terminal.code.wait()
                return terminal.status
            case "terminal/kill":
                await terminal.process.kill()
            case "terminal/release":
                await self._release(name)
            case _:
                raise RequestError.method_not_found(method)
        return {}

    async def close(self) -> None:
        """Those that the agent has not released end with the run."""
        for name in list(self._open):
            await self._release(name)

    async def _create(self, asked: CreateTerminalRequest) -> dict[str, Any]:
        if len(self._open) >= MAX_TERMINALS:
            raise RequestError.invalid_params({"details": f"at most {MAX_TERMINALS} terminals at a time"})
        try:
            process = await self._turn.spawn(_words(asked), cwd=inside(self._turn.workspace, asked.cwd or "."))
        except (OSError, ValueError) as error:
            raise RequestError.invalid_params({"details": str(error)}) from None
        most = MAX_OUTPUT_CHARS if asked.output_byte_limit is None else asked.output_byte_limit
        name = f"terminal-{next(self._numbers)}"
        self._open[name] = Terminal(process, min(most, MAX_OUTPUT_CHARS))
        self._tasks.start_soon(self._follow, name, self._open[name])
        return {"terminalId": name}

    async def _follow(self, name: str, terminal: Terminal) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        async for chunk in terminal.process.output():
            if text := decoder.decode(chunk):
                terminal.print(text)
                await self._printed(name, text)
        code = await terminal.process.wait()
        terminal.status = {"exitCode": code} if code >= 0 else {"signal": str(-code)}
        terminal.code.set()

    async def _release(self, name: str) -> None:
        terminal = self._open.pop(name)
        if not terminal.code.is_set():
            await terminal.process.kill()


def _words(asked: CreateTerminalRequest) -> list[str]:
    """A command without arguments is a line for the shell: that is how agents mean it."""
    words = [asked.command, *asked.args] if asked.args else ["sh", "-c", asked.command]
    given = [f"{variable.name}={variable.value}" for variable in asked.env or ()]
    return ["env", *given, *words] if given else words
