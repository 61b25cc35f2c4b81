"""A client that is killed in mid-request: what it asked for happens once or not at all, and asking again with the same
key gives the same answer."""

import json
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import anyio
import pytest
from anyio import to_thread

from roost.model.errors import IdempotencyMismatch
from roost.model.events import RunStart, TextInput
from tests.fire.hubs import Fire, Hub
from tests.fire.watch import check_log, watching, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

ROUNDS = 6
CLIENT = """
import socket, sys
request = bytes.fromhex(sys.stdin.readline())
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as hub:
    first, rest = request[: int(sys.argv[2])], request[int(sys.argv[2]) :]
    hub.sendall(first)
    print("sending", flush=True)
    hub.sendall(rest)
    print(hub.recv(65536), flush=True)
"""


def request(hub: Hub, path: str, body: dict[str, object], key: str) -> bytes:
    content = json.dumps(body).encode()
    headers = {
        "Host": urlsplit(hub.url).netloc,
        "Authorization": f"Bearer {(hub.data / 'api_key').read_text().strip()}",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "Idempotency-Key": key,
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + content


async def killed_client(hub: Hub, raw: bytes, *, first: int, seconds: float) -> None:
    """A client process that sends `first` bytes, says so, sends the rest, and is killed some time after it said so."""

    def play() -> None:
        arguments = [sys.executable, "-I", "-S", "-c", CLIENT, str(hub.port), str(first)]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert client.stdin and client.stdout
            client.stdin.write(raw.hex().encode() + b"\n")
            client.stdin.flush()
            assert client.stdout.readline() == b"sending\n"
            if seconds:
                try:
                    client.wait(seconds)
                except subprocess.TimeoutExpired:
                    pass
            client.send_signal(signal.SIGKILL)

    await to_thread.run_sync(play)


async def test_input_of_a_killed_client_is_taken_once_however_often_it_is_asked_again(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session()
        path = f"/v1/sessions/{session.id}/input"
        for number in range(ROUNDS):
            key, text = f"key-{number}", f"round {number}"
            raw = request(hub, path, {"text": text, "delivery": "queue"}, key)
            first = fire.random.randrange(1, len(raw))
            await killed_client(hub, raw, first=first, seconds=fire.random.choice([0, 0.001, 0.003, 0.01]))
            accepted = await session.start(text, delivery="queue", key=key)
            assert await session.start(text, delivery="queue", key=key) == accepted
            with pytest.raises(IdempotencyMismatch):
                await session.start("something else", delivery="queue", key=key)
        await session.wait_idle()
        log = await whole_log(session)
    check_log(log)
    given = [event.body.input[0] for event in log if isinstance(event.body, RunStart)]
    assert [part.text for part in given if isinstance(part, TextInput)] == [f"round {n}" for n in range(ROUNDS)]


async def test_a_session_that_a_killed_client_asked_for_is_made_once(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        for number in range(ROUNDS):
            raw = request(hub, "/v1/sessions", {"task": f"task {number}"}, f"key-{number}")
            first = fire.random.randrange(1, len(raw))
            await killed_client(hub, raw, first=first, seconds=fire.random.choice([0, 0.001, 0.003, 0.01]))
            assert len({await session_made(hub, raw) for _ in range(2)}) == 1
        assert (await client.list_sessions()).total == ROUNDS


async def session_made(hub: Hub, raw: bytes) -> str:
    """Send this request again; the session that the answer names."""
    async with await anyio.connect_tcp("127.0.0.1", hub.port) as stream:
        await stream.send(raw)
        head, _, body = (await stream.receive()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201 ")
        return str(json.loads(body or await stream.receive())["session"])


async def test_many_who_ask_at_once_with_one_key_get_one_answer(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        for number in range(5):
            sessions: set[str] = set()
            answers: set[int] = set()

            async def create(key: str = f"make-{number}", sessions: set[str] = sessions) -> None:
                sessions.add((await client.create_session(key=key)).id)

            async with anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(create)
            (made,) = sessions

            async def send(key: str = f"send-{number}", to: str = made, answers: set[int] = answers) -> None:
                answers.add((await client.session(to).start("once", key=key)).seq)

            async with anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(send)
            assert len(answers) == 1
            await client.delete_session(made, force=True)


async def test_half_a_request_of_a_killed_client_changes_nothing(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session()
        async with watching(session) as (watch,):
            await watch.until("runtime-ready")
            seq = (await session.info()).seq
            raw = request(hub, f"/v1/sessions/{session.id}/input", {"text": "half"}, "key")
            for cut in (len(raw) // 3, len(raw) - 1):
                with socket.create_connection(("127.0.0.1", hub.port)) as half:
                    half.sendall(raw[:cut])
            assert (await session.info()).seq == seq
            assert (await session.start("half", key="key")).seq == seq + 1


async def test_a_hub_that_was_killed_still_knows_its_answer(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(key="k1")
        accepted = await session.start("once", key="k2")
        await hub.restart()
        assert (await client.create_session(key="k1")).id == session.id
        assert await session.start("once", key="k2") == accepted
        await session.wait_idle()
        assert list(check_log(await whole_log(session))) == [accepted.run]
