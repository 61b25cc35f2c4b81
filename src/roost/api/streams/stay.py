"""How long a socket stays: until one of its tasks has come to an end, or it is let go; and why."""

from collections.abc import Awaitable, Callable

from anyio import CancelScope

from roost.api.asgi import Scope
from roost.api.problems import error_of
from roost.api.streams.running import Streams
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.errors import HubStopping, RoostError, Unavailable


class Stay:
    """Of one socket. `request` opened it, with this `key`. `scope` is its task group's, once it has one."""

    def __init__(self, hub: Hub, session: Session, key: str | None, request: Scope) -> None:
        self.scope = CancelScope()
        self._hub = hub
        self._session = session
        self._key = key
        self._request = request
        self._ended = False
        self._why: RoostError | None = None

    async def until_over(self, work: Callable[[], Awaitable[None]]) -> None:
        """When one of its tasks has come to an end, the socket has."""
        try:
            await work()
            self._ended = True
        except (OSError, RuntimeError):
            self._ended = True  # the client has gone while something was sent
        except Exception as error:  # noqa: BLE001  # told to the client
            self._ended, self._why = True, error_of(error, self._request)
        self.scope.cancel()

    async def why(self, streams: Streams) -> RoostError | None:
        """Why it has ended; None: the client has left, or there is nothing more to tell."""
        return self._why if self._ended else await self._why_let_go(streams)

    async def _why_let_go(self, streams: Streams) -> RoostError:
        """Why it was ended from outside: the hub stops, the key is good no more, the session may not be seen."""
        if streams.ended:
            return HubStopping()
        try:
            await self._hub.admit(self._session.id, await self._hub.authenticate(self._key), act=False)
        except RoostError as why:
            return why
        return Unavailable("The socket was let go; connect again.")
