"""The hub's log: one line for each request, and no secret in any."""

from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from roost.testing import hub_process
from tests.api.served import Served
from tests.api.test_socket import closed, joined

pytestmark = pytest.mark.anyio

Line = dict[str, Any]


def requests(lines: Any) -> list[Line]:
    return [line for line in lines if line["event"] == "request" and line["log_level"] == "info"]


async def test_a_request_is_one_line_by_its_route_and_its_key(api: Served) -> None:
    with capture_logs() as lines:
        session = await api.create()
        await api.http.get(f"/v1/sessions/{session.id}?after=1")
        await api.http.get("/v1/sessions/counts")
        await api.http.get("/v1/sessions/codesess_000000000001/runs/run_x")
        await api.http.get("/v1/unheard-of/secret")
        await api.http.get("/metrics")
        await api.http.get("/healthz")
    told = requests(lines)
    assert [(line["method"], line["route"], line["status"]) for line in told] == [
        ("POST", "/v1/sessions", 201),
        ("GET", "/v1/sessions/{session}", 200),
        ("GET", "/v1/sessions/counts", 200),
        ("GET", "/v1/sessions/{session}/runs/{run}", 404),
        ("GET", "unknown", 404),
    ]
    by = api.hub.keys.authenticate(api.key)
    for line in told:
        assert set(line) == {"event", "log_level", "method", "route", "status", "seconds", "user", "key"}
        assert (line["user"], line["key"]) == ("owner", by.key)
        assert 0 <= line["seconds"] < 10


async def test_whoever_is_not_let_in_has_a_line_without_a_name(api: Served) -> None:
    with capture_logs() as lines:
        async with api.client() as nobody:
            await nobody.get("/v1/sessions", headers={"x-roost-key": "agc_wrong"})
    (line,) = requests(lines)
    assert (line["route"], line["status"]) == ("/v1/sessions", 401)
    assert "user" not in line


async def test_a_socket_is_one_line_when_it_closes(api: Served) -> None:
    session = await api.live()
    with capture_logs() as lines:
        async with joined(api, session.id, key="agc_wrong") as socket:
            await closed(socket)
        with anyio.fail_after(5):
            while not (told := requests(lines)):
                await anyio.lowlevel.checkpoint()
    assert (told[0]["route"], told[0]["status"], told[0]["closed"]) == ("/v1/sessions/{session}/socket", 101, 4401)


async def test_no_secret_reaches_the_log_of_a_hub_wherever_it_is_put(tmp_path: Path) -> None:
    """At the level that says most; a wrong key is as secret as a right one."""
    wrong, password = "agc_" + "5ecre7" * 8, "pa55word-of-the-database"
    with anyio.fail_after(50):
        async with hub_process(tmp_path / "data", log_level="debug") as hub:
            key = (hub.data / "api_key").read_text().strip()
            async with httpx.AsyncClient(base_url=hub.url, timeout=10, trust_env=False) as http:
                for secret in (key, wrong):
                    await spread(http, secret, password)
            for secret in (key, wrong):
                address = f"{hub.url.replace('http', 'ws')}/v1/sessions/{secret}/socket?key={secret}"
                async with connect(address, proxy=None) as socket:
                    await socket.recv()
            await hub.terminate()
            text = hub.log.read_text()
    lines = [msgspec.json.decode(line, type=Line) for line in text.splitlines()]
    assert len(requests([{"log_level": line["level"], **line} for line in lines])) >= 14
    for secret in (key, wrong, password):
        assert secret not in text


async def spread(http: httpx.AsyncClient, secret: str, password: str) -> None:
    bearer = {"Authorization": f"Bearer {secret}"}
    events = {"Accept": "text/event-stream"}
    await http.get(f"/v1/sessions?key={secret}", headers=bearer)
    await http.get(f"/v1/sessions/{secret}/events?key={secret}", headers=events)
    await http.get(f"/{secret}", headers={"x-roost-key": secret})
    await http.get("/v1/agents", headers={"Host": secret.replace("_", "-"), **bearer})
    await http.get("/v1/agents", headers={"Origin": f"http://{secret}", **bearer})
    await http.get("/v1/agents", headers={"Cookie": secret, "User-Agent": secret, **bearer})
    env = {"label": "x", "env": {"DATABASE": password}, "agent": "scripted"}
    await http.post("/v1/sessions", json=env, headers={"Idempotency-Key": secret, **bearer})
    await http.post("/v1/sessions", json={"env": {"A": 1, secret: password}}, headers=bearer)
    await http.post("/v1/sessions", content=f"{{{secret}", headers=bearer)
