"""What the client repeats, what it does not, and what it makes of refusals. Against a real server that misbehaves."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec
import pytest

from roost.client import AsyncClient
from roost.client.address import DEFAULT_DATA, Finder
from roost.model.errors import Forbidden, HubUnreachable, RoostError, SessionBusy, SessionNotFound, Unauthorized
from roost.settings import Settings
from tests.client.loopback import KEEP, Answering, Request, loopback

ACCEPTED = {"session": "codesess_0123456789ab", "seq": 5, "run": "run_1"}


async def hang_up(_request: Request, _answer: Answering) -> None:
    """Closes without a word."""


async def stopping(_request: Request, answer: Answering) -> object:
    await answer.problem(503, "hub_stopping")
    return KEEP


async def accept(_request: Request, answer: Answering) -> object:
    await answer.send(202, ACCEPTED)
    return KEEP


async def forbid(_request: Request, answer: Answering) -> object:
    await answer.problem(403, "forbidden")
    return KEEP


async def empty_list(_request: Request, answer: Answering) -> object:
    await answer.send(200, {"sessions": [], "total": 0})
    return KEEP


async def test_a_get_is_repeated_after_a_lost_connection_and_503() -> None:
    async with loopback(hang_up, stopping, empty_list) as server, AsyncClient(server.url, "agc_x") as client:
        assert (await client.list_sessions()).total == 0
    assert len(server.requests) == 3


async def test_a_post_is_repeated_with_the_same_key_and_body() -> None:
    async with loopback(hang_up, stopping, accept) as server, AsyncClient(server.url, "agc_x") as client:
        accepted = await client.session("0123456789ab").start("hello")
    assert accepted.seq == 5
    assert len({(r.headers["idempotency-key"], r.body) for r in server.requests}) == 1
    assert len(server.requests) == 3


async def test_two_posts_have_two_keys() -> None:
    async with loopback(accept) as server, AsyncClient(server.url, "agc_x") as client:
        await client.session("0123456789ab").start("hello")
        await client.session("0123456789ab").start("hello")
    assert len({r.headers["idempotency-key"] for r in server.requests}) == 2


@pytest.mark.parametrize("change", ["update", "configure", "end", "archive", "pause", "resume", "abort"])
async def test_every_change_of_a_session_is_repeated_with_the_same_key(change: str) -> None:
    async with loopback(hang_up, stopping, forbid) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(Forbidden):
            await getattr(client.session("0123456789ab"), change)()
    assert len(server.requests) == 3
    assert len({(r.headers["idempotency-key"], r.body) for r in server.requests}) == 1


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_calls_without_a_key_are_never_repeated(method: str) -> None:
    async with loopback(hang_up) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(HubUnreachable):
            await (client.add_key("ada") if method == "POST" else client.session("0123456789ab").delete())
    assert [r.method for r in server.requests] == [method]


async def test_shutdown_is_never_repeated() -> None:
    async with loopback(hang_up) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(HubUnreachable):
            await client.shutdown()
    assert len(server.requests) == 1


async def test_repeating_ends_with_the_budget() -> None:
    async with loopback(stopping) as server, AsyncClient(server.url, "agc_x", retry_seconds=0.2) as client:
        assert await client.ready() is False
        with anyio.fail_after(5), pytest.raises(RoostError) as caught:
            await client.list_sessions()
    assert caught.value.code == "hub_stopping"
    assert len(server.requests) > 2


async def test_a_hub_that_was_never_met_gets_less_time() -> None:
    async with AsyncClient("http://127.0.0.1:1", "agc_x", retry_seconds=60, connect_seconds=0.1) as client:
        with anyio.fail_after(5), pytest.raises(HubUnreachable):
            await client.list_sessions()


async def refuse(code: str, status: int, **details: object) -> RoostError:
    async def handler(_request: Request, answer: Answering) -> object:
        await answer.problem(status, code, "why", **details)
        return KEEP

    async with loopback(handler) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(RoostError) as caught:
            await client.session("0123456789ab").start("hello")
    assert len(server.requests) == 1
    return caught.value


async def test_refusals_come_as_their_class_with_their_details() -> None:
    busy = await refuse("session_busy", 409, run="run_1")
    assert isinstance(busy, SessionBusy)
    assert (busy.message, busy.details) == ("why", {"run": "run_1"})
    assert isinstance(await refuse("session_not_found", 404), SessionNotFound)
    assert (await refuse("from_the_future", 418)).code == "from_the_future"


async def test_an_answer_that_is_no_problem_document_still_has_a_code() -> None:
    async def proxy(_request: Request, answer: Answering) -> object:
        await answer.send(500, b"<html>oops</html>", kind="text/html")
        return KEEP

    async with loopback(proxy) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(RoostError) as caught:
            await client.list_sessions()
    assert caught.value.code == "http_500"


def write_hub(data: Path, url: str, key: str = "agc_local", pid: int = 1) -> None:
    data.mkdir(exist_ok=True)
    (data / "hub.json").write_bytes(msgspec.json.encode({"url": url, "pid": pid}))
    (data / "api_key").write_text(key + "\n")


async def test_a_hub_that_moved_is_found_again_through_its_data_folder(tmp_path: Path) -> None:
    async with loopback(empty_list, hang_up) as old, loopback(empty_list) as new:
        write_hub(tmp_path, old.url)
        async with AsyncClient(data=tmp_path) as client:
            await client.list_sessions()
            write_hub(tmp_path, new.url)
            await client.list_sessions()
    assert len(new.requests) == 1
    assert new.requests[0].headers["authorization"] == "Bearer agc_local"


async def test_a_stranger_on_the_old_port_does_not_hide_the_hub(tmp_path: Path) -> None:
    async def stranger(_request: Request, answer: Answering) -> object:
        await answer.problem(401, "unauthorized")
        return KEEP

    async with loopback(empty_list, stranger) as old, loopback(empty_list) as new:
        write_hub(tmp_path, old.url)
        async with AsyncClient(data=tmp_path) as client:
            await client.list_sessions()
            with pytest.raises(Unauthorized):
                await client.list_sessions()
            write_hub(tmp_path, new.url)
            await client.list_sessions()
    assert len(new.requests) == 1


async def test_a_folder_without_a_hub_says_so(tmp_path: Path) -> None:
    async with AsyncClient(data=tmp_path, connect_seconds=0) as client:
        with pytest.raises(HubUnreachable, match=str(tmp_path)):
            await client.list_sessions()


async def test_a_closed_client_says_so() -> None:
    client = AsyncClient("http://127.0.0.1:1", "agc_x")
    with pytest.raises(RoostError, match="not open"):
        await client.list_sessions()


class TestFinding:
    def test_arguments_beat_the_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("ROOST_URL", "http://env:1")
        monkeypatch.setenv("ROOST_API_KEY", "agc_env")
        assert Finder.of().find().url == "http://env:1"
        assert Finder.of().find().api_key == "agc_env"
        assert Finder.of("http://arg:1/", "agc_arg").find().url == "http://arg:1"
        assert Finder.of("http://arg:1/", "agc_arg").find().api_key == "agc_arg"

    def test_a_named_data_folder_beats_the_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("ROOST_URL", "http://env:1")
        monkeypatch.setenv("ROOST_API_KEY", "agc_env")
        write_hub(tmp_path, "http://127.0.0.1:5")
        found = Finder.of(data=tmp_path).find()
        assert (found.url, found.api_key) == ("http://127.0.0.1:5", "agc_local")

    def test_the_local_key_goes_to_this_machine_only(self, tmp_path: Path) -> None:
        write_hub(tmp_path, "http://127.0.0.1:5")
        assert Finder.of("http://localhost:7", data=tmp_path).find().api_key == "agc_local"
        assert Finder.of("http://[::1]:7", data=tmp_path).find().api_key == "agc_local"
        assert Finder.of("https://hub.example", data=tmp_path).find().api_key is None

    def test_a_hub_that_was_killed_is_not_looked_for_on_its_port(self, tmp_path: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as hub:
            write_hub(tmp_path, "http://127.0.0.1:5", pid=hub.pid)
            assert Finder.of(data=tmp_path).find().url == "http://127.0.0.1:5"
            hub.kill()
            os.waitid(os.P_PID, hub.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie until it is waited for
            with pytest.raises(HubUnreachable, match="killed"):
                Finder.of(data=tmp_path).find()
        with pytest.raises(HubUnreachable, match="killed"):
            Finder.of(data=tmp_path).find()

    def test_client_and_hub_agree_on_the_default_data_folder(self) -> None:
        assert Settings().data == DEFAULT_DATA
