"""A client that goes while it is told something: that is no surprise to anybody."""

from typing import Any

import anyio
import pytest

from tests.api.served import Served
from tests.fuzz.fuzzing import no_surprise

pytestmark = pytest.mark.anyio
SOCKETS = ("/v1/sessions/{session}/socket", "/api/ws")


def scope_of(api: Served, path: str, session: str) -> dict[str, Any]:
    query = f"after=0&sessionId={session}&role=observer&api_key={api.key}&key={api.key}"
    return {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "root_path": "",
        "path": path.format(session=session), "raw_path": path.format(session=session).encode(),
        "query_string": query.encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", api.port),
        "headers": [(b"host", f"127.0.0.1:{api.port}".encode()), (b"authorization", f"Bearer {api.key}".encode())],
        "subprotocols": [], "extensions": {}, "state": {},
    }  # fmt: skip


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("told", range(1, 3))
async def test_a_client_that_leaves_at_any_word_is_no_surprise(api: Served, path: str, told: int) -> None:
    """As a server says it: by an error of the send that comes too late."""
    session, sent = await api.live(task="hello"), list[str]()

    async def receive() -> dict[str, Any]:
        if sent:
            await anyio.sleep_forever()
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        if len(sent) >= told:
            raise BrokenPipeError
        sent.append(message["type"])

    with no_surprise(), anyio.move_on_after(2):
        await api.app(scope_of(api, path, session.id), receive, send)
    assert sent[0] in ("websocket.accept", "websocket.close")
