"""Who may not: without a key, from elsewhere, with a host's token for anything but its own session. Real HTTP, a real
hub, and a real host's real token."""

import json
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import cast

import httpx
import pytest
from msgspec import UNSET
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import PermissionNotFound, Unauthorized
from roost.model.events import Native
from tests.fire.hubs import Fire, Hub
from tests.fire.processes import eventually, gone, send_signal
from tests.fire.watch import check_log, script, watching, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

ASK = {"ask": {"permission": "write", "patterns": ["*"]}}
TEE = """#!{python}
import json, os, sys
if "hatchery" in sys.argv:
    sys.exit("no host is forked here")
ticket = os.fdopen(3, "rb").read() or sys.exit()
known = json.loads(ticket)
copy = os.path.join({folder!r}, f"{{known['session']}}.{{known['epoch']}}")
with open(copy, "wb") as file:
    file.write(ticket)
os.rename(copy, copy + ".ticket")
read_end, write_end = os.pipe()
os.write(write_end, ticket)
os.close(write_end)
os.dup2(read_end, 3)
os.set_inheritable(3, True)
os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""
"""Stands in for Python where a hub starts its hosts: keeps a copy of the ticket, then becomes the host."""
WITH_TEE = "import sys; sys.executable = {tee!r}; from roost.cli import main; main(sys.argv[1:])"


async def leaky_hub(fire: Fire) -> Hub:
    """A hub whose hosts' tickets can be read in its folder: for tests only."""
    tee = fire.folder / "tee"
    tee.write_text(TEE.format(python=sys.executable, folder=str(fire.folder)))
    tee.chmod(0o700)
    return await fire.hub(command=[sys.executable, "-c", WITH_TEE.format(tee=str(tee))])


async def token_of(fire: Fire, session: AsyncSession, epoch: int) -> str:
    path = fire.folder / f"{session.id}.{epoch}.ticket"
    await eventually(path.exists)
    return str(json.loads(path.read_bytes())["token"])


@asynccontextmanager
async def link(hub: Hub, token: str | None, *, path: str = "/link", **headers: str) -> AsyncGenerator[ClientConnection]:
    given = ({"Authorization": f"Bearer {token}"} if token else {}) | {n.capitalize(): v for n, v in headers.items()}
    async with connect(f"ws{hub.url.removeprefix('http')}{path}", additional_headers=given, proxy=None) as socket:
        yield socket


async def hello(socket: ClientConnection, session: str, epoch: int, **more: int) -> dict[str, object]:
    """What the hub answers to this hello."""
    frame = {"frame": "hello", "protocol": 1, "session": session, "epoch": epoch, "pid": 1} | more
    await socket.send(json.dumps(frame))
    return json.loads(await socket.recv())


async def routes(hub: Hub, session: str) -> list[tuple[str, str]]:
    """Every method and path that the hub says it has."""
    async with httpx.AsyncClient(base_url=hub.url, headers={"Authorization": f"Bearer {key_of(hub)}"}) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    found: list[tuple[str, str]] = []
    for path, methods in paths.items():
        path = re.sub(r"\{\w+\}", "unheard_of", path.replace("{session}", session))
        found += [(method.upper(), path) for method in methods if method in ("get", "post", "put", "patch", "delete")]
    return found


def key_of(hub: Hub) -> str:
    return (hub.data / "api_key").read_text().strip()


async def answers(hub: Hub, where: list[tuple[str, str]], headers: dict[str, str]) -> set[tuple[int, str]]:
    """The statuses and codes that these routes answer with, plain and as an event stream."""
    got: set[tuple[int, str]] = set()
    async with httpx.AsyncClient(base_url=hub.url, trust_env=False) as http:
        for method, path in where:
            for accept in ("application/json", "text/event-stream"):
                content = b"{}" if method in ("POST", "PATCH") else None
                more = {"Accept": accept, "Content-Type": "application/json"}
                answer = await http.request(method, path, content=content, headers=more | headers)
                got.add((answer.status_code, answer.json()["code"]))
    return got


async def test_every_route_refuses_no_key_a_wrong_key_a_foreign_host_and_a_foreign_origin(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(ASK))
        async with watching(session) as (watch,):
            await watch.until("permission-asked")
            info = await session.info()
            where = await routes(hub, session.id)
            guarded = [(method, path) for method, path in where if path not in ("/healthz", "/readyz")]
            assert len(guarded) >= 17 and ("POST", "/v1/shutdown") in guarded
            good = {"Authorization": f"Bearer {key_of(hub)}"}
            wrong_key = {"Authorization": "Bearer agc_" + "0" * 40}
            assert await answers(hub, guarded, {}) == {(401, "unauthorized")}
            assert await answers(hub, guarded, wrong_key) == {(401, "unauthorized")}
            assert await answers(hub, guarded, {"x-roost-key": "agc_"}) == {(401, "unauthorized")}
            assert await answers(hub, where, good | {"Host": "evil.example"}) == {(403, "host_refused")}
            assert await answers(hub, where, good | {"Origin": "https://evil.example"}) == {(403, "origin_refused")}
            assert await session.info() == info, "nothing of all this did anything"
            assert (await client.list_sessions()).total == 1
            (pending,) = await session.pending()
            await session.reply_to_permission(pending.request, "once")
            await watch.until("run-complete")


async def test_link_and_socket_refuse_a_foreign_host_and_a_foreign_origin(fire: Fire) -> None:
    hub = await leaky_hub(fire)
    async with hub.client() as client:
        session = await client.create_session()
        ways = {"/link": await token_of(fire, session, 1), f"/v1/sessions/{session.id}/socket": key_of(hub)}
        for path, secret in ways.items():
            for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
                with pytest.raises(InvalidStatus) as refused:
                    async with link(hub, secret, path=path, **headers):
                        pass
                assert refused.value.response.status_code == 403


async def test_a_socket_refuses_no_key_a_wrong_key_and_a_link_token(fire: Fire) -> None:
    hub = await leaky_hub(fire)
    async with hub.client() as client:
        session = await client.create_session()
        seq = (await session.info()).seq
        for secret in (None, "agc_" + "0" * 40, await token_of(fire, session, 1)):
            async with link(hub, secret, path=f"/v1/sessions/{session.id}/socket") as socket:
                with suppress(ConnectionClosed):
                    await socket.send(json.dumps({"type": "command", "command": {"command": "send", "text": "go"}}))
                assert json.loads(await socket.recv())["code"] == "unauthorized"
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
                assert socket.close_code == 4401
        log = await whole_log(session)
        assert [event.type for event in log if event.type == "run-start"] == [] and len(log) <= seq + 1


async def test_a_link_token_opens_its_own_session_in_its_own_epoch_and_nothing_else(fire: Fire) -> None:
    hub = await leaky_hub(fire)
    async with hub.client() as client:
        mine, other = await client.create_session(), await client.create_session()
        async with watching(mine, other) as (watch, watch_other):
            await watch.until("runtime-ready")
            await watch_other.until("runtime-ready")
            old = await token_of(fire, mine, 1)
            assert await refusal(hub, old, other, 1) == "gone", "another session"
            assert await refusal(hub, None, mine, 1) == "gone"
            assert await refusal(hub, "0" * 48, mine, 1) == "gone"
            assert await refusal(hub, key_of(hub), mine, 1) == "gone", "an API key is no link token"
            await mine.pause()
            await watch.until("session-paused")
            await mine.send("awake again")
            assert (await mine.info()).epoch == 3
            assert await refusal(hub, old, mine, 1) == "gone", "an older epoch's token"
            assert await refusal(hub, old, mine, 3) == "gone", "an older epoch's token in the present one"
            new = await token_of(fire, mine, 3)
            assert await refusal(hub, new, mine, 4) == "stale_epoch", "an epoch still to come"
            assert (await mine.send("still the real host's")).error is UNSET
        check_log(await whole_log(other))


async def refusal(hub: Hub, token: str | None, session: AsyncSession, epoch: int) -> object:
    """The code with which the hub refuses this hello; the session's log is as before."""
    seq = (await session.info()).seq
    async with link(hub, token) as socket:
        answer = await hello(socket, session.id, epoch)
        assert answer["frame"] == "refused"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert (await session.info()).seq == seq
    return answer["code"]


async def test_a_link_token_is_no_key_of_the_api(fire: Fire) -> None:
    hub = await leaky_hub(fire)
    async with hub.client() as client:
        session = await client.create_session(task=script(ASK))
        token = await token_of(fire, session, 1)
        guarded = [(method, path) for method, path in await routes(hub, session.id) if not path.endswith("z")]
        assert await answers(hub, guarded, {"Authorization": f"Bearer {token}"}) == {(401, "unauthorized")}
        async with watching(session) as (watch,):
            await watch.until("permission-asked")
            (pending,) = await session.pending()
            async with AsyncClient(hub.url, api_key=token) as thief:
                with pytest.raises(Unauthorized):
                    await thief.session(session.id).reply_to_permission(pending.request, "once")
            assert await session.pending() == (pending,)


async def test_a_host_cannot_answer_for_a_person(fire: Fire) -> None:
    """Whoever holds the token speaks in the host's place, and still cannot decide, start, end or archive anything."""
    hub = await leaky_hub(fire)
    async with hub.client() as client:
        session = await client.create_session(task=script(ASK))
        async with watching(session) as (watch,):
            await watch.until("permission-asked")
            (pending,) = await session.pending()
            host = hub.host(session)
            send_signal(signal.SIGSTOP, host)
            await in_the_hosts_place(hub, await token_of(fire, session, 1), session, forged(pending.request))
            assert await session.pending() == (pending,), "it is still to be answered"
            await session.reply_to_permission(pending.request, "once")
            answered = await watch.until("permission-replied")
            kept = [event.body for event in watch.events[pending.seq : answered.seq - 1]]
            assert [type(body) for body in kept] == [Native] * 5
            assert {body.reason for body in kept if isinstance(body, Native)} == {"forbidden: only the hub writes this"}
            with pytest.raises(PermissionNotFound):
                await session.reply_to_permission(pending.request, "reject")
            send_signal(signal.SIGCONT, host)
            await gone(host)  # somebody has written in its name: it gives way
            await watch.until("session-paused")
        check_log(watch.events, native=5)


async def in_the_hosts_place(hub: Hub, token: str, session: AsyncSession, bodies: list[dict[str, object]]) -> None:
    """Append these with the host's own token, as its next events, and wait for the acknowledgement."""
    async with link(hub, token) as socket:
        welcome = await hello(socket, session.id, 1)
        assert welcome["frame"] == "welcome"
        acked = cast(int, welcome["acked"])
        events = [{"body": body} for body in bodies]
        await socket.send(json.dumps({"frame": "append", "first": acked + 1, "events": events}))
        while (frame := json.loads(await socket.recv())).get("acked") != acked + len(bodies):
            assert frame["frame"] in ("ack", "commands", "beat"), frame


def forged(request: str) -> list[dict[str, object]]:
    return [
        {"type": "permission-replied", "request": request, "reply": "once"},
        {"type": "question-replied", "request": request, "reply": "answer", "answers": []},
        {"type": "run-start", "message": "msg_1", "input": [{"type": "text", "text": "more"}]},
        {"type": "session-archived"},
        {"type": "runtime-starting", "epoch": 9},
    ]
