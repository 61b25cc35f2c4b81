"""No key, a wrong key, a host's token, a foreign Host, a foreign Origin: refused on every route there is."""

from collections.abc import Mapping

import anyio
import pytest
from anyio.lowlevel import checkpoint

from roost.api.rest import ROUTES, paths_of
from roost.core.decisions import HUB
from roost.model.keys import AddKey
from tests.api.served import Served

pytestmark = pytest.mark.anyio

NAMES = {"{session}": "codesess_000000000001", "{request_id}": "req_1"}
GUARDED = [*map(paths_of, ROUTES), ("GET", "/openapi.json"), ("GET", "/"), ("GET", "/v1"), ("POST", "/v1/unheard-of")]
OPEN = [("GET", "/healthz"), ("GET", "/readyz")]


async def refused_everywhere(
    api: Served, routes: list[tuple[str, str]], headers: Mapping[str, str], *, status: int, code: str
) -> None:
    """Each route refuses these headers, asked for JSON and asked for an event stream."""
    async with api.client() as nobody:
        for method, path in routes:
            for name, value in NAMES.items():
                path = path.replace(name, value)
            for accept in ("application/json", "text/event-stream"):
                answer = await nobody.request(method, path, headers={**headers, "Accept": accept})
                assert (answer.status_code, answer.json()["code"]) == (status, code), (method, path, accept)


async def token_of_a_host(api: Served) -> str:
    await api.create()
    with anyio.fail_after(5):
        while not api.runtime.tickets:
            await checkpoint()
    return api.runtime.tickets[0].token


async def test_without_a_good_key_no_route_answers(api: Served) -> None:
    token = await token_of_a_host(api)
    wrong = [
        {},
        {"Authorization": "Bearer agc_wrong"},
        {"Authorization": f"Basic {api.key}"},
        {"Authorization": api.key},
        {"x-roost-key": "agc_wrong"},
        {"x-roost-key": ""},
        {"Cookie": f"key={api.key}"},
        {"Authorization": f"Bearer {token}"},
        {"x-roost-key": token},
    ]
    for headers in wrong:
        await refused_everywhere(api, GUARDED, headers, status=401, code="unauthorized")


async def test_a_foreign_host_is_refused_even_with_a_key(api: Served) -> None:
    for host in ("evil.example", f"evil.example:{api.port}", f"localhost.evil.example:{api.port}", "10.1.2.3"):
        headers = {"Authorization": f"Bearer {api.key}", "Host": host}
        await refused_everywhere(api, [*GUARDED, *OPEN], headers, status=403, code="host_refused")


async def test_a_foreign_origin_is_refused_even_with_a_key(api: Served) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", f"http://localhost:{api.port}"):
        headers = {"Authorization": f"Bearer {api.key}", "Origin": origin}
        await refused_everywhere(api, [*GUARDED, *OPEN], headers, status=403, code="origin_refused")


async def test_health_needs_no_key(api: Served) -> None:
    async with api.client() as nobody:
        for method, path in OPEN:
            answer = await nobody.request(method, path)
            assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_the_hubs_own_origin_may_call(api: Served) -> None:
    answer = await api.http.get("/v1/agents", headers={"Origin": api.url})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("line", "host", "origin", "status"),
    [
        ("GET /link HTTP/1.1", "evil.example", None, 403),
        ("GET /link HTTP/1.1", "127.0.0.1", "https://evil.example", 403),
        ("GET /link HTTP/1.1", "127.0.0.1", "null", 403),
        ("GET /elsewhere HTTP/1.1", "127.0.0.1", None, 404),
        ("GET /v1/feed HTTP/1.1", "127.0.0.1", None, 404),
        ("GET /link HTTP/1.1", "127.0.0.1", None, 101),
    ],
)
async def test_a_socket_is_refused_before_it_opens(
    api: Served, line: str, host: str, origin: str | None, status: int
) -> None:
    asked = [
        line, f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *([f"Origin: {origin}"] if origin else []), "", "",
    ]  # fmt: skip
    async with await anyio.connect_tcp("127.0.0.1", api.port) as socket:
        await socket.send("\r\n".join(asked).encode())
        assert (await socket.receive()).startswith(f"HTTP/1.1 {status}".encode())


async def test_a_request_without_a_host_is_refused(api: Served) -> None:
    async with await anyio.connect_tcp("127.0.0.1", api.port) as socket:
        await socket.send(b"GET /v1/agents HTTP/1.0\r\n\r\n")
        assert (await socket.receive()).startswith(b"HTTP/1.1 403")


async def test_a_private_session_does_not_exist_for_others(api: Served) -> None:
    secret = (await api.hub.keys.add(AddKey(user="somebody else"), HUB)).secret
    mine = await api.create()
    shared = await api.create(visibility="organization")
    async with api.client(Authorization=f"Bearer {secret}") as other:
        assert (await other.get(f"/v1/sessions/{shared.id}")).status_code == 200
        for path in ("", "/snapshot", "/messages", "/events", "/pending"):
            answer = await other.get(f"/v1/sessions/{mine.id}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
        streamed = await other.get(f"/v1/sessions/{mine.id}/events", headers={"Accept": "text/event-stream"})
        assert streamed.status_code == 404
        listed = (await other.get("/v1/sessions")).json()["sessions"]
        assert [entry["session"] for entry in listed] == [shared.id]
