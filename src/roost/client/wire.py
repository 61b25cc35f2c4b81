"""One hub over HTTP: finds it, repeats what is safe to repeat, and turns its refusals into their classes.

Repeated within a time budget, on a lost connection and on 503: GET requests, and calls that carry an idempotency key.
Nothing else is sent twice, unless no hub was there to take it.
"""

import random
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import asynccontextmanager
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio
import httpx
import msgspec

from roost.client.address import Address, Finder, is_loopback
from roost.client.answers import problem
from roost.model.errors import HubStopping, HubUnreachable, RateLimited, RoostError, Unauthorized, Unavailable

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

REQUEST_SECONDS = 30.0
"""How long one answer may take. Calls that wait for a run to stop say more."""
SILENCE_SECONDS = 45.0
"""A stream without even a heartbeat for this long (a hub beats every 15 s) is lost."""
MAX_FRAME_BYTES = 4 * 1024 * 1024
"""The largest message of a socket that is read; a hub's have half a MiB, or one event."""
GATEWAY_STATUSES = frozenset({502, 503, 504})
"""What a hub that is stopping, or a proxy before one that is starting, answers."""


class Backoff:
    """Pauses between attempts: none, then 50 ms doubling to 1 s, each shortened by up to half at random, so that many
    clients of one hub do not come back together. Ends when `seconds` went by since the first failure."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._pause = 0.0
        self._until: float | None = None

    def reached(self, seconds: float) -> None:
        """The hub answered: the time starts anew with the next failure."""
        self.seconds, self._until = seconds, None

    def reset(self) -> None:
        """It works: the next pause is the shortest again."""
        self._pause, self._until = 0.0, None

    async def again(self) -> bool:
        """Wait for the next attempt. False: the time is up."""
        now = anyio.current_time()
        if self._until is None:
            self._until = now + self.seconds
        if now >= self._until:
            return False
        await anyio.sleep(min(self._pause * random.uniform(0.5, 1), self._until - now))
        self._pause = min(max(self._pause * 2, 0.05), 1.0)
        return True


class Wire:
    """The connection to a hub. `retry_seconds`: how long a hub that has answered before may be away; one that never
    answered is given `connect_seconds`."""

    def __init__(self, finder: Finder, *, retry_seconds: float, connect_seconds: float) -> None:
        self.finder = finder
        self._retry_seconds = retry_seconds
        self._connect_seconds = connect_seconds
        self._met = False
        self._address: Address | None = None
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._http = _http(self.finder)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        http, self._http = self._http, None
        if http:
            await http.aclose()

    def address(self) -> Address:
        """Where the hub was found. Raises: HubUnreachable: nowhere."""
        if self._address is None:
            self._address = self.finder.find()
        return self._address

    def backoff(self, seconds: float | None = None) -> Backoff:
        """For a hub that was met: `seconds`, or the client's own budget. For one that was not: `connect_seconds`."""
        return Backoff((self._retry_seconds if seconds is None else seconds) if self._met else self._connect_seconds)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        key: str | None = None,
        seconds: float = REQUEST_SECONDS,
        once: bool = False,
    ) -> bytes:
        """The body of the answer. `body` is encoded as JSON. `key`: the idempotency key; it makes the call repeatable.
        `once`: never repeat.

        Raises: the class of the hub's refusal; HubUnreachable: no answer within the budget.
        """
        content = None if body is None else msgspec.json.encode(body)
        extra = {"Idempotency-Key": key} if key else {}
        if content is not None:
            extra["Content-Type"] = "application/json"
        safe = not once and (method == "GET" or key is not None)
        backoff = self.backoff()
        while True:
            try:
                return await self._once(method, path, params, content, extra, seconds)
            except (HubUnreachable, Unavailable) as error:
                if not ((safe and repeatable(error)) or (not once and not_begun(error))) or not await backoff.again():
                    raise

    async def _once(
        self, method: str, path: str, params: Mapping[str, Any] | None, content: bytes | None,
        extra: dict[str, str], seconds: float,
    ) -> bytes:  # fmt: skip
        address = self.address()
        try:
            response = await self._open().request(
                method, address.url + path, params=_present(params), content=content,
                headers=_headers(address) | extra, timeout=seconds,
            )  # fmt: skip
        except httpx.TransportError as error:
            raise self.lost(error) from error
        self._met = True
        if response.is_success:
            return response.content
        refusal = problem(response)
        if isinstance(refusal, Unauthorized) and self.moved():
            return await self._once(method, path, params, content, extra, seconds)
        raise gateway(refusal, response.status_code)

    @asynccontextmanager
    async def stream(self, path: str, *, params: Mapping[str, Any], last: str | None) -> AsyncGenerator[httpx.Response]:
        """An event stream, opened once: status 200, or 204 when there is nothing more to come.

        Raises: HubUnreachable and Unavailable, after which it may be opened again; other refusals as their class.
        """
        address = self.address()
        headers = _headers(address) | {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last is not None:
            headers["Last-Event-ID"] = last
        timeout = httpx.Timeout(REQUEST_SECONDS, read=SILENCE_SECONDS)
        try:
            async with self._open().stream(
                "GET", address.url + path, params=_present(params), headers=headers, timeout=timeout
            ) as response:
                self._met = True
                if not response.is_success:
                    await response.aread()
                    raise gateway(problem(response), response.status_code)
                yield response
        except httpx.TransportError as error:
            raise self.lost(error) from error

    @asynccontextmanager
    async def download(
        self, path: str, *, params: Mapping[str, Any], seconds: float, method: str = "GET"
    ) -> AsyncGenerator[httpx.Response]:
        """A body that is read piece by piece. Until it begins, the request is repeated, whatever its `method`."""
        backoff = self.backoff()
        while True:
            try:
                response = await self._begin(method, path, params, seconds)
                break
            except (HubUnreachable, Unavailable) as error:
                if not repeatable(error) or not await backoff.again():
                    raise
        try:
            yield response
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    async def _begin(self, method: str, path: str, params: Mapping[str, Any], seconds: float) -> httpx.Response:
        address = self.address()
        http = self._open()
        request = http.build_request(
            method, address.url + path, params=_present(params), headers=_headers(address), timeout=seconds
        )
        try:
            response = await http.send(request, stream=True)
            if response.is_success:
                self._met = True
                return response
            await response.aread()
        except httpx.TransportError as error:
            raise self.lost(error) from error
        raise gateway(problem(response), response.status_code)

    async def upload(
        self,
        method: str,
        path: str,
        content: bytes | AsyncIterable[bytes],
        *,
        params: Mapping[str, Any] | None = None,
        seconds: float,
    ) -> bytes:
        """Send bytes, once. `seconds`: for each step."""
        backoff = self.backoff()
        while True:
            try:
                return await self._push(method, path, content, params, seconds)
            except (HubUnreachable, Unavailable) as error:
                again = not_begun(error) and (isinstance(content, bytes) or isinstance(error, HubUnreachable))
                if not again or not await backoff.again():
                    raise

    async def _push(
        self,
        method: str,
        path: str,
        content: bytes | AsyncIterable[bytes],
        params: Mapping[str, Any] | None,
        seconds: float,
    ) -> bytes:
        address = self.address()
        headers = _headers(address) | {"Content-Type": "application/octet-stream"}
        try:
            response = await self._open().request(
                method, address.url + path, params=_present(params), content=content, headers=headers, timeout=seconds
            )
        except httpx.TransportError as error:
            raise self.lost(error) from error
        self._met = True
        if response.is_success:
            return response.content
        raise gateway(problem(response), response.status_code)

    @asynccontextmanager
    async def socket(self, path: str) -> AsyncGenerator["ClientConnection"]:
        """A WebSocket, opened once; on asyncio only.

        Raises: HubUnreachable, also when it breaks while it is used; the class of the hub's refusal.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException

        address = self.address()
        try:
            async with connect(
                "ws" + address.url.removeprefix("http") + path,
                additional_headers=_headers(address),
                compression=None,
                max_size=MAX_FRAME_BYTES,
                ping_interval=None,
                open_timeout=REQUEST_SECONDS,
                close_timeout=1,
                proxy=True if _is_remote(self.finder) else None,
            ) as socket:
                self._met = True
                yield socket
        except InvalidStatus as error:
            told = httpx.Response(
                error.response.status_code,
                content=bytes(error.response.body),
                request=httpx.Request("GET", address.url),
            )
            raise gateway(problem(told), told.status_code) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise self.lost(error) from error

    def lost(self, error: Exception) -> HubUnreachable:
        """No answer came: the next attempt looks for the hub anew."""
        url = self._address.url if self._address else ""
        self._address = None
        lost = HubUnreachable(f"No hub answers at {url} ({type(error).__name__}).", url=url)
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            lost.details["sent"] = False
        return lost

    def moved(self) -> bool:
        """Whether the hub is now somewhere else, or has another key, than where it was asked."""
        before, self._address = self._address, None
        try:
            return before is not None and self.address() != before
        except HubUnreachable:
            return False

    def _open(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RoostError("the client is not open: use `async with AsyncClient() as client:`")
        return self._http


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return f"client-{token_hex(12)}"


def repeatable(error: RoostError) -> bool:
    """Whether it may succeed later, when it is sent again under its key."""
    return isinstance(error, HubUnreachable) or error.details.get("http_status") == 503


def not_begun(error: RoostError) -> bool:
    """Whether a request that failed like this has had no effect for certain: no hub was there, or one that only just
    starts or already stops."""
    return error.details.get("sent") is False or error.code in (HubStopping.code, Unavailable.code, RateLimited.code)


def gateway(refusal: RoostError, status: int) -> RoostError:
    """A 502, 503 or 504 is a hub that is away for now, whoever says so."""
    if status not in GATEWAY_STATUSES:
        return refusal
    if not isinstance(refusal, Unavailable):
        refusal = Unavailable(refusal.message, **refusal.details)
    refusal.details["http_status"] = status
    return refusal


def _headers(address: Address) -> dict[str, str]:
    key = {"Authorization": f"Bearer {address.api_key}"} if address.api_key else {}
    return {"Accept": "application/json", "Accept-Encoding": "identity"} | key


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Query parameters without those that are None; booleans as the wire spells them."""
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}


def _is_remote(finder: Finder) -> bool:
    return finder.url is not None and not is_loopback(finder.url)


def _http(finder: Finder) -> httpx.AsyncClient:
    """Local hubs speak plain HTTP and are not asked through a proxy; certificates load only for a URL that needs them.
    Streams hold a connection each, so connections are not counted."""
    remote = _is_remote(finder)
    secure = finder.url is not None and finder.url.startswith("https:")
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    return _Http(verify=secure, trust_env=remote, limits=limits, follow_redirects=False)


class _Http(httpx.AsyncClient):
    """A connection that breaks the moment it is made has no socket to be asked about any more (anyio on uvloop)."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        try:
            return await super().send(request, **options)
        except AttributeError as error:
            if error.name != "getpeername":
                raise
            raise httpx.ConnectError("the connection broke the moment it was made", request=request) from error
