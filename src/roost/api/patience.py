"""How long a client may take to say what it wants: first its headers, then its body."""

from asyncio import TimerHandle, Transport
from typing import Any, Final, cast

from anyio import CancelScope, current_time
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from roost.api.asgi import Message, Receive
from roost.api.lending import LendingProtocol
from roost.api.problems import problem
from roost.model.errors import RequestTimedOut

_END: Final = b"\r\n"


def patient(receive: Receive, seconds: float, *, whole: bool) -> Receive:
    """`receive` that waits so long for the whole body, or else for each piece of it; afterwards as long as it takes.

    It raises: RequestTimedOut.
    """
    deadline = current_time() + seconds
    complete = False

    async def take() -> Message:
        nonlocal complete
        if complete:
            return await receive()
        message: Message | None = None
        with CancelScope(deadline=deadline if whole else current_time() + seconds):
            message = await receive()
        if message is None:
            raise RequestTimedOut
        complete = not message.get("more_body", False)
        return message

    return take


def patient_protocol(seconds: float, *, lends: bool = True) -> type[HttpToolsProtocol]:
    """HTTP whose headers must be complete within so many seconds of a connection, or of the request's first byte.
    `lends`: its connections may be written to directly."""
    return type("Patient", (_Patient,), {"seconds": seconds, "lends": lends})


class _Pipeline(list[Any]):
    """Requests that came before the one before them was answered. A deque takes 760 bytes also when it is empty, which
    it is on nearly every connection."""

    __slots__ = ()

    def appendleft(self, request: Any) -> None:
        self.insert(0, request)


class _Patient(LendingProtocol):
    __slots__ = ("_timer",)
    seconds: float

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._timer: TimerHandle | None = None
        self.pipeline = cast(Any, _Pipeline())

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]  # None at first
            self._wait()  # the request before this one is still being answered
            return
        status, headers, body = problem(RequestTimedOut())
        headers += [(b"content-length", b"%d" % len(body))]
        lines = [b"HTTP/1.1 %d Request Timeout" % status, *(name + b": " + value for name, value in headers), b"", body]
        self.transport.write(_END.join(lines))
        self.transport.close()
