"""A wire between client and hub that can be cut, and that finds a hub which has come back on another port."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream


class Wire:
    """`port`: that of the hub now; `url`: where clients always find it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = ""
        self._open: set[anyio.CancelScope] = set()

    def cut(self) -> int:
        """End every connection, in the middle of whatever it carries. Returns how many there were."""
        cut = list(self._open)
        for scope in cut:
            scope.cancel()
        return len(cut)

    async def carry(self, near: SocketStream) -> None:
        """Bytes both ways, until either side ends or the wire is cut."""
        async with near:
            try:
                far = await anyio.connect_tcp("127.0.0.1", self.port)
            except OSError:
                return
            async with far, anyio.create_task_group() as tasks:
                self._open.add(tasks.cancel_scope)
                try:
                    tasks.start_soon(_pour, near, far, tasks.cancel_scope)
                    await _pour(far, near, tasks.cancel_scope)
                finally:
                    self._open.discard(tasks.cancel_scope)


async def _pour(source: ByteStream, sink: ByteStream, both: anyio.CancelScope) -> None:
    try:
        async for chunk in source:
            await sink.send(chunk)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass
    both.cancel()


@asynccontextmanager
async def wire(port: int) -> AsyncGenerator[Wire]:
    made = Wire(port)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        made.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        tasks.start_soon(listener.serve, made.carry)
        yield made
        tasks.cancel_scope.cancel()
