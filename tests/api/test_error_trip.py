"""Every error makes the trip: raised in the hub, told over HTTP, raised again as the same class by both clients."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from roost import AsyncClient, Client, RoostError
from roost.api.asgi import Receive, Scope, Send
from roost.api.problems import STATUS, send_problem
from roost.api.server import serve
from roost.model.errors import ERRORS

DETAILS = {"head": 7, "path": "a/ü.txt", "known": ["one", "two"], "text": "said"}


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that answers `/v1/sessions/codesess_<code>` with the error of that code."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    code = scope["path"].rpartition("codesess_")[2].partition("/")[0]
    await send_problem(send, ERRORS[code]("told as it is", **DETAILS))


class _App:
    request_seconds = 30.0
    writes_directly = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await refusing(scope, receive, send)

    def end_streams(self) -> None:
        pass


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    async with anyio.create_task_group() as tasks:
        found: list[str] = []
        up = anyio.Event()

        def bound(port: int) -> None:
            found.append(f"http://127.0.0.1:{port}")
            up.set()

        async def serving() -> None:
            app: Any = _App()
            await serve(app, "127.0.0.1", 0, on_ready=bound)

        tasks.start_soon(serving)
        with anyio.fail_after(20):
            await up.wait()
        yield found[0]
        tasks.cancel_scope.cancel()


PATIENCE: dict[str, Any] = {"retry_seconds": 0, "connect_seconds": 0, "reconnect_seconds": 0}


def same(error: RoostError, code: str) -> None:
    assert type(error) is ERRORS[code]
    assert (error.code, error.message) == (code, "told as it is")
    assert {name: error.details[name] for name in DETAILS} == DETAILS


@pytest.mark.parametrize("code", ERRORS)
async def test_an_error_is_the_same_class_on_the_other_side(url: str, code: str) -> None:
    async with AsyncClient(url, "key", **PATIENCE) as client:
        with pytest.raises(RoostError) as caught:
            await client.session(code).info()
        same(caught.value, code)

    def sync() -> RoostError:
        with Client(url, "key", **PATIENCE) as client, pytest.raises(RoostError) as caught:
            client.session(code).info()
        return caught.value

    same(await anyio.to_thread.run_sync(sync), code)


def test_every_class_has_a_code_of_its_own_and_every_code_a_status() -> None:
    assert STATUS.keys() == ERRORS.keys()
    assert msgspec.json.decode(msgspec.json.encode(list(ERRORS))) == list(ERRORS)
