"""A REST call as handlers see it: the hub, who asks, the idempotency key, and bodies decoded strictly."""

from collections.abc import Awaitable
from typing import Any, Final, TypeVar, cast
from urllib.parse import unquote

import anyio
import msgspec
from litestar import Request, Response

from roost.core.hub import Hub
from roost.model.errors import InvalidBody, InvalidRequest
from roost.model.events import Principal
from roost.model.unreadable import MAX_NESTING, UNREADABLE, too_deep

T = TypeVar("T")
MAX_KEY_CHARS: Final = 200
RECORDED: Final[dict[str, Any]] = {"recorded": True}
"""Marks a handler whose calls are recorded: it takes an idempotency key."""
STREAM: Final[dict[str, Any]] = {"stream": True, "also": {204: "A stream with nothing more to come: do not reconnect."}}
"""Marks a handler whose path is an event stream for those who accept one (streams/sse.py)."""

BYTES: Final = "application/octet-stream"


class Call(Request[Any, Any, Any]):
    """A request of a known principal: whoever has no key does not come this far."""

    @property
    def hub(self) -> Hub:
        return cast(Hub, self.scope["state"]["hub"])

    @property
    def by(self) -> Principal:
        return cast(Principal, self.scope["state"]["by"])

    @property
    def key(self) -> str | None:
        """The idempotency key. Raises: InvalidRequest: it is too long, or not printable ASCII."""
        return checked_key(self.headers.get("idempotency-key"))

    def rest_of(self, mark: str) -> str:
        """What follows `mark` in the path, as it was sent: the framework would lose the slash of an absolute path."""
        raw: bytes = self.scope["raw_path"]
        return unquote(raw.decode("latin-1").partition(mark)[2])

    def check_unrecorded(self) -> None:
        """Raises: InvalidRequest: it has an idempotency key, which is good for nothing here."""
        if "idempotency-key" in self.headers:
            raise InvalidRequest("this call is not recorded and takes no Idempotency-Key")

    async def present(self, work: Awaitable[T]) -> T:
        """The outcome of `work`, which is cancelled when the caller has gone. The body must have been read.

        Raises: what `work` raises; InvalidRequest: the caller has gone.
        """
        outcome: T | None = None
        failed: Exception | None = None
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await self.receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            try:
                outcome = await work
            except Exception as error:  # noqa: BLE001  # raised again, as it was, outside the group
                failed = error
            tasks.cancel_scope.cancel()
        if failed is not None:
            raise failed
        if outcome is None:
            raise InvalidRequest("the caller has gone")
        return outcome

    async def json(self) -> Any:
        """The body as the type that the handler's `data` has. Strict: nothing is converted, unknown fields are refused.

        Raises: InvalidBody: it does not fit; the message names the field.
        """
        wanted = self.route_handler.parsed_data_field
        body = await self.body()
        if too_deep(body):
            raise InvalidBody(f"nested more than {MAX_NESTING} deep")
        try:
            return msgspec.json.decode(body, type=Any if wanted is None else wanted.annotation)
        except UNREADABLE as error:
            raise InvalidBody(str(error)) from None


def checked_key(key: str | None) -> str | None:
    """An idempotency key as it was given. Raises: InvalidRequest: it is too long, or not printable ASCII."""
    if key is not None and not (0 < len(key) <= MAX_KEY_CHARS and key.isascii() and key.isprintable()):
        raise InvalidRequest(f"Idempotency-Key: 1 to {MAX_KEY_CHARS} printable ASCII characters")
    return key


def encoded(data: bytes) -> Response[bytes]:
    """An answer that is JSON already."""
    return Response(data, media_type="application/json")
