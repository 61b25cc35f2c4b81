"""What a host may ask of its hub: to keep content for its session, to give it what that refers to, and its log."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from anyio import to_thread

from roost.core.blobs import Blobs, Upload
from roost.core.log import Log
from roost.link import calls
from roost.link.frames import Answer, Ask
from roost.model.errors import BlobNotFound, HostBusy, InvalidRequest, RoostError, StorageUnavailable
from roost.model.events import Blob
from roost.model.ids import SessionId

MAX_UPLOADS: Final = 4
"""So many a host may have open at once."""
PAGE_EVENTS: Final = 500

_log = structlog.get_logger("roost.link")


class Counter:
    """Serves the host of one session on one connection."""

    def __init__(self, session: SessionId, log: Log, blobs: Blobs | None) -> None:
        """`blobs`: None where nothing is kept beside the log."""
        self._session, self._log, self._kept = session, log, blobs
        self._uploads: dict[str, Upload] = {}

    async def answer(self, ask: Ask) -> Answer:
        if ask.method not in METHODS:
            return Answer(id=ask.id, code="method_unknown", message=f"the hub has no method {ask.method!r}")
        wanted, method = METHODS[ask.method]
        try:
            return Answer(id=ask.id, result=await method(self, _params(ask, wanted)))
        except RoostError as error:
            return calls.refusal(ask, error)
        except Exception as error:  # noqa: BLE001  # a host must not bring its link down with a call
            _log.error("a host's call failed", session=self._session, method=ask.method, exc_info=error)
            return calls.refusal(ask, RoostError(f"{ask.method} failed; the log of the hub says why"))

    def close(self) -> None:
        """The connection is over; what was not kept is gone."""
        for upload in self._uploads.values():
            upload.drop()
        self._uploads.clear()

    async def ping(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked

    async def read_log(self, asked: calls.ReadLog) -> calls.Piece:
        """Raises: CursorAhead, CursorTrimmed."""
        page = await self._log.page(self._session, asked.after, PAGE_EVENTS)
        return calls.Piece(data=msgspec.json.encode(page.events))

    async def begin_blob(self, _: calls.Nothing) -> calls.Created:
        if len(self._uploads) >= MAX_UPLOADS:
            raise HostBusy(limit=MAX_UPLOADS)
        handle = secrets.token_hex(8)
        self._uploads[handle] = await self._blobs.begin()
        return calls.Created(handle=handle)

    async def write_blob(self, asked: calls.WriteOn) -> None:
        await to_thread.run_sync(self._upload(asked.handle).write, asked.data)

    async def keep_blob(self, asked: calls.KeepBlob) -> Blob:
        upload = self._upload(asked.handle)
        del self._uploads[asked.handle]
        try:
            return await self._blobs.keep(upload, self._session, asked.mime)
        finally:
            await to_thread.run_sync(upload.drop)

    async def read_blob(self, asked: calls.ReadBlob) -> calls.Piece:
        """Raises: BlobNotFound: its session does not refer to it."""
        if self._session not in await to_thread.run_sync(self._blobs.holders, asked.hash):
            raise BlobNotFound
        return calls.Piece(data=await self._blobs.read(asked.hash, asked.offset))

    @property
    def _blobs(self) -> Blobs:
        """Raises: StorageUnavailable."""
        if self._kept is None:
            raise StorageUnavailable("this hub keeps nothing beside the log")
        return self._kept

    def _upload(self, handle: str) -> Upload:
        found = self._uploads.get(handle)
        if found is None:
            raise InvalidRequest(f"no upload has the handle {handle}")
        return found


def _params(ask: Ask, wanted: Any) -> Any:
    """Raises: InvalidRequest."""
    try:
        return msgspec.convert(ask.params, wanted)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{ask.method}: {error}") from None


METHODS: Final[dict[str, tuple[Any, Callable[[Counter, Any], Awaitable[Any]]]]] = {
    "ping": (dict[str, Any], Counter.ping),
    "read_log": (calls.ReadLog, Counter.read_log),
    "begin_blob": (calls.Nothing, Counter.begin_blob),
    "write_blob": (calls.WriteOn, Counter.write_blob),
    "keep_blob": (calls.KeepBlob, Counter.keep_blob),
    "read_blob": (calls.ReadBlob, Counter.read_blob),
}
