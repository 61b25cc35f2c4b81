"""Serving: uvicorn on a socket of ours, inside whatever event loop calls."""

import socket
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, cast

import anyio
import uvicorn
from anyio.lowlevel import checkpoint

from roost.api.app import App
from roost.api.framing import framing_protocol
from roost.api.patience import patient_protocol
from roost.link.frames import MAX_FRAME_BYTES
from roost.model.errors import StartFailed

STOP_SECONDS: Final = 5
"""How long requests may take to end when the server stops; then they are cancelled."""


async def serve(app: App, host: str, port: int, *, on_ready: Callable[[int], None]) -> None:
    """Serve until cancelled; then streams end, requests are answered, and it returns. `port` 0 takes a free one;
    `on_ready` is given the port once connections are accepted. Signals are left alone.

    Raises: StartFailed: nobody can listen there.
    """
    server = _Server(_config(app), app, on_ready)
    with listen(host, port) as listening:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_when_cancelled, server)
            with anyio.CancelScope(shield=True):
                await server.serve(sockets=[listening])
            tasks.cancel_scope.cancel()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, not inherited by children. Raises: StartFailed."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as undo:
            listening = undo.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            undo.pop_all()
            return listening
    except OSError as error:
        raise StartFailed(f"cannot listen on {host}, port {port}: {error.strerror}") from error


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: App, on_ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready
        self._told = anyio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self._told.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or []:
            self._on_ready(listening.getsockname()[1])

    async def main_loop(self) -> None:
        """The Date header moves once a second; in between an idle hub sleeps, and hears at once that it should stop."""
        while not await self.on_tick(0):
            with anyio.move_on_after(1):
                await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """First nobody is let in any more, then streams end: who comes back at once finds the next hub, not this one.
        Afterwards no connection is left, however its client behaves."""
        for listener in self.servers:
            listener.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await checkpoint()  # who was let in just now is counted
        self._app.end_streams()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals belong to whoever runs the event loop."""
        yield


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        cast(Any, app),
        loop="none",
        http=patient_protocol(app.request_seconds, lends=app.writes_directly),
        ws=framing_protocol(lends=app.writes_directly),
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # the link has its own heartbeat
        lifespan="on",
        log_config=None,
        log_level="warning",  # what it says below that names paths with their query
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


async def _stop_when_cancelled(server: _Server) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        server.stop()
