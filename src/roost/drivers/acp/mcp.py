"""Roost's own tools as a server of the Model Context Protocol: JSON-RPC, a message a line, over whatever the agent has
started to reach it (ports.Home.listen)."""

import logging
from typing import Any, Final

import anyio
import anyio.abc
import msgspec

import roost
from roost.drivers.acp.peer import lines
from roost.drivers.acp.raw import table
from roost.drivers.acp.tools import Tools
from roost.model.errors import RoostError
from roost.ports import Pipe

VERSIONS: Final = ("2025-06-18", "2025-11-25", "2025-03-26", "2024-11-05")
"""Of the protocol, the one that is offered first: what is said here is the same in all of them."""
MAX_LINE_BYTES: Final = 4 * 1024 * 1024
MAX_CALLS: Final = 16
"""At a time, of one connection."""
PARSE_ERROR: Final = -32700
METHOD_UNKNOWN: Final = -32601
INVALID_PARAMS: Final = -32602

log = logging.getLogger("roost.drivers.acp.mcp")


async def serve(pipe: Pipe, tools: Tools) -> None:
    """One connection, to its end; what it has asked for is given up then."""
    async with anyio.create_task_group() as tasks:
        server = _Server(pipe, tools, tasks)
        async for line in lines(pipe.read(), MAX_LINE_BYTES):
            if line is None or line.strip():
                await server.take(line)
        tasks.cancel_scope.cancel()


class _Server:
    def __init__(self, pipe: Pipe, tools: Tools, tasks: anyio.abc.TaskGroup) -> None:
        self._pipe, self._tools, self._tasks = pipe, tools, tasks
        self._writing = anyio.Lock()
        self._calls: dict[Any, anyio.CancelScope] = {}

    async def take(self, line: bytes | None) -> None:
        """A line; None: one that was too long."""
        try:
            message = table(msgspec.json.decode(line or b""))
        except msgspec.MsgspecError:
            await self._fail(None, PARSE_ERROR, "no message of the protocol")
            return
        method, number, params = message.get("method"), message.get("id"), table(message.get("params"))
        match method:
            case "initialize":
                await self._answer(number, _about(params))
            case "ping":
                await self._answer(number, {})
            case "tools/list":
                await self._answer(number, {"tools": self._tools.listed()})
            case "tools/call" if isinstance(number, str | int):
                await self._begin(number, params)
            case "notifications/cancelled":
                if (scope := self._calls.get(_key(params.get("requestId")))) is not None:
                    scope.cancel()
            case str() if number is not None:
                await self._fail(number, METHOD_UNKNOWN, f"no method {method}")
            case _:
                pass  # a notification, or an answer to nothing that was asked

    async def _begin(self, number: str | int, params: dict[str, Any]) -> None:
        if len(self._calls) >= MAX_CALLS or _key(number) in self._calls:
            await self._fail(number, INVALID_PARAMS, f"at most {MAX_CALLS} calls at a time, each with its own id")
            return
        self._calls[_key(number)] = scope = anyio.CancelScope()
        self._tasks.start_soon(self._call, number, params, scope)

    async def _call(self, number: str | int, params: dict[str, Any], scope: anyio.CancelScope) -> None:
        failed, text = False, ""
        try:
            with scope:
                text = await self._tools.call(str(params.get("name")), params.get("arguments") or {})
        except RoostError as error:
            failed, text = True, error.message
        finally:
            del self._calls[_key(number)]
        if not scope.cancelled_caught:
            content = [{"type": "text", "text": text}]
            await self._answer(number, {"content": content, "isError": failed})

    async def _answer(self, number: Any, result: dict[str, Any]) -> None:
        await self._write({"jsonrpc": "2.0", "id": number, "result": result})

    async def _fail(self, number: Any, code: int, message: str) -> None:
        await self._write({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})

    async def _write(self, message: dict[str, Any]) -> None:
        async with self._writing:
            try:
                await self._pipe.write(msgspec.json.encode(message) + b"\n")
            except OSError:
                log.info("a program that used the tools has gone")


def _about(params: dict[str, Any]) -> dict[str, Any]:
    wanted = params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "roost", "title": "Roost", "version": roost.__version__},
    }


def _key(number: Any) -> str:
    """As JSON, in which 1, "1" and true are three different ids."""
    return msgspec.json.encode(number).decode()
