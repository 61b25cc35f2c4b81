"""What a network leads to from inside: nothing, the model hosts alone, or everything."""

import logging
import os
import socket
import struct
import subprocess
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream, UNIXSocketStream

from roost.model.sandbox import Needs
from roost.sandboxes.bubblewrap.gate import (
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    MAX_WAYS,
    PROXY_PORT,
    Gate,
    Passes,
    pass_on,
)
from tests.sandbox.conftest import Box, Boxed

ASK = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
while data := s.recv(4096):
    print(data.decode(), end="")
"""


@asynccontextmanager
async def model() -> AsyncGenerator[int]:
    """Something on this machine's loopback that says `hello` to whatever it is asked, and its port."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            asked = await stream.receive()
            await stream.send(b"hello, you asked " + asked.split(b"\r\n")[0])

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def ask(box: Box, port: int, request: str) -> str:
    (box.workspace / "ask.py").write_text(ASK)
    return (await box.run(f"python3 ask.py {port} '{request}' 2>&1"))[1]


@pytest.mark.parametrize("network", ["none", "model"])
async def test_a_hub_on_the_loopback_is_not_reached(boxed: Boxed, network: str) -> None:
    async with model() as hub, boxed(network) as box:
        said = await ask(box, hub, "GET / HTTP/1.1\\r\\n\\r\\n")
        assert "refused" in said and "hello" not in said
        _, said = await box.run("cat /proc/net/dev")
        assert {line.split(":")[0].strip() for line in said.splitlines()[2:]} == {"lo"}


async def test_a_model_that_the_settings_name_is_reached_at_its_own_port(boxed: Boxed) -> None:
    async with model() as port, boxed("model", needs=Needs(hosts=(f"http://127.0.0.1:{port}/v1",))) as box:
        assert "hello" in await ask(box, port, "GET /v1 HTTP/1.1\\r\\n\\r\\n")


async def test_a_model_that_a_variable_names_is_reached(boxed: Boxed) -> None:
    async with model() as port, boxed("model") as box:
        (box.workspace / "ask.py").write_text(ASK)
        env = {"SOME_BASE_URL": f"http://localhost:{port}"}
        _, said = await box.run(f"python3 ask.py {port} 'GET / HTTP/1.1\\r\\n\\r\\n'", env)
    assert "hello" in said


async def test_the_proxy_lets_through_to_model_hosts_and_refuses_everything_else(
    boxed: Boxed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "roost.sandbox")
    async with model() as port, model() as other, boxed("model") as box:
        gate = box.sandbox._gate  # of this very sandbox: a name that leads to the loopback is given by no settings
        assert gate is not None
        gate.passes._hosts |= {("localhost", port)}
        through = await ask(box, PROXY_PORT, f"CONNECT localhost:{port} HTTP/1.1\\r\\n\\r\\nBEHIND")
        plain = await ask(box, PROXY_PORT, f"GET http://localhost:{port}/v1?a=b HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        refused = await ask(box, PROXY_PORT, f"CONNECT localhost:{other} HTTP/1.1\\r\\n\\r\\n")
        unknown = await ask(box, PROXY_PORT, "GET /v1 HTTP/1.1\\r\\n\\r\\n")
        too_long = await ask(box, PROXY_PORT, "GET " + "x" * MAX_HEAD_BYTES)
    assert through.startswith("HTTP/1.1 200") and "hello, you asked BEHIND" in through
    assert "hello, you asked GET /v1?a=b HTTP/1.1" in plain
    assert refused.startswith("HTTP/1.1 403") and "no model host" not in refused and "--network full" in refused
    assert unknown.startswith("HTTP/1.1 403")
    assert "hello" not in refused + unknown + too_long
    assert f"localhost:{other}" in caplog.text, "the session's diagnostics say what was refused"


async def test_what_outlives_its_host_goes_through_the_gate_of_the_next(boxed: Boxed) -> None:
    """As an agent on a screen of its own does."""
    async with model() as port, boxed("model", needs=Needs(hosts=(f"127.0.0.1:{port}",))) as box:
        (box.workspace / "ask.py").write_text(ASK)
        words = f"until test -e go; do sleep 0.02; done; python3 ask.py {port} 'GET / HTTP/1.1\\r\\n\\r\\n'"
        lasting = await box.sandbox.enclose(words, cwd=box.workspace, env={}, lasts=True)
        gate = box.sandbox._gate
        assert gate is not None
        with subprocess.Popen(lasting.command, env=lasting.env, stdout=subprocess.PIPE) as process:
            next_one = Gate(box.sandbox._place / "way", gate.passes)  # made anew at the same place, as a next host does
            async with next_one.opened():
                gate.passes.doors.clear()
                next_one.passes = Passes([f"127.0.0.1:{port}"])
                (box.workspace / "go").touch()
                said = await anyio.to_thread.run_sync(process.stdout.read)  # pyright: ignore[reportOptionalMemberAccess]
    assert b"hello" in said


async def test_what_runs_inside_cannot_open_a_door_of_its_own(boxed: Boxed) -> None:
    """It can speak to the gate as enter.py does, and gets no further than that."""
    async with model() as hub, boxed("model") as box:
        (box.workspace / "door.py").write_text(
            "import array, socket, sys\n"
            "way = socket.socket(socket.AF_UNIX); way.connect('/run/roost/way/gate')\n"
            "mine = socket.create_server(('127.0.0.1', 0))\n"
            "fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [mine.fileno()]))]\n"
            "way.sendmsg([int(sys.argv[1]).to_bytes(2, 'big')], fds)\n"
            "print('answer', way.recv(1))\n"
        )
        _, said = await box.run(f"python3 door.py {hub}")
    assert "answer b''" in said


async def test_the_whole_network_is_the_users_own(boxed: Boxed) -> None:
    async with model() as port, boxed("full") as box:
        assert "hello" in await ask(box, port, "GET / HTTP/1.1\\r\\n\\r\\n")


@pytest.mark.parametrize(
    ("given", "host", "port", "is_open"),
    [
        ("api.example.com", "api.example.com", 443, True),
        ("api.example.com", "API.example.com.", 443, True),
        ("api.example.com", "api.example.com", 80, False),
        ("api.example.com", "evil.api.example.com", 443, False),
        ("api.example.com", "api.example.com.evil.org", 443, False),
        ("models.example.com:8443", "models.example.com", 8443, True),
        ("http://models.example.com/v1", "models.example.com", 80, True),
        ("https://models.example.com:9/v1", "models.example.com", 9, True),
        ("http://[", "[", 80, False),
    ],
)
def test_only_a_named_host_at_its_port_is_let_through(given: str, host: str, port: int, is_open: bool) -> None:
    assert Passes([given]).open(host, port) is is_open


def test_a_host_of_the_loopback_is_a_door_and_nothing_for_the_proxy() -> None:
    passes = Passes(["http://127.0.0.1:4010/v1", "localhost:4011", "api.example.com"])
    assert passes.doors == {4010: "127.0.0.1", 4011: "localhost"}
    assert not passes.open("127.0.0.1", 4010) and passes.told() == "api.example.com"


async def test_a_connection_that_is_reset_harms_no_other() -> None:
    """An agent that is aborted drops its connection to the model: that was the end of its host."""
    passed = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        async with stream:
            await pass_on(stream, stream)
        passed.set()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        with socket.create_connection(("127.0.0.1", listener.extra(SocketAttribute.local_port))) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing it resets it
        with anyio.fail_after(30):
            await passed.wait()
        tasks.cancel_scope.cancel()


# --- how much goes through at a time ----------------------------------------------------------------------------------


async def way_out(place: Path) -> UNIXSocketStream:
    """A way as a command inside has one. The path may be longer than an address of a socket may be."""
    folder = os.open(place, os.O_PATH | os.O_DIRECTORY)
    try:
        return await anyio.connect_unix(f"/proc/self/fd/{folder}/gate")
    finally:
        os.close(folder)


async def listens(way: UNIXSocketStream) -> int:
    """A port behind which the gate's proxy listens, when it has taken it."""
    with socket.create_server(("127.0.0.1", 0), backlog=MAX_CONNECTIONS) as listener:
        await way.send_fds(PROXY_PORT.to_bytes(2, "big"), [listener.fileno()])
        with anyio.fail_after(30):
            assert await way.receive(1) == b"+"
        return int(listener.getsockname()[1])


async def test_so_many_connections_go_through_at_a_time_and_the_next_waits_for_room(tmp_path: Path) -> None:
    async with Gate(tmp_path, Passes([])).opened(), await way_out(tmp_path) as way, AsyncExitStack() as held:
        port = await listens(way)

        async def connect() -> SocketStream:
            return await held.enter_async_context(await anyio.connect_tcp("127.0.0.1", port))

        silent = [await connect() for _ in range(MAX_CONNECTIONS - 1)]
        last = await connect()
        await last.send(b"GET /v1 HTTP/1.1\r\n\r\n")
        with anyio.fail_after(30):
            assert (await last.receive()).startswith(b"HTTP/1.1 403")
        silent.append(await connect())
        late = await connect()
        await late.send(b"GET /v1 HTTP/1.1\r\n\r\n")
        with anyio.move_on_after(0.2) as waited:
            await late.receive()
        assert waited.cancelled_caught
        await silent[0].aclose()
        with anyio.fail_after(30):
            assert (await late.receive()).startswith(b"HTTP/1.1 403")


async def test_so_many_commands_have_a_way_out_and_the_next_waits_for_one(tmp_path: Path) -> None:
    async with Gate(tmp_path, Passes([])).opened(), AsyncExitStack() as held:

        async def way() -> UNIXSocketStream:
            return await held.enter_async_context(await way_out(tmp_path))

        silent = [await way() for _ in range(MAX_WAYS - 1)]
        await listens(await way())
        late = await way()
        with anyio.move_on_after(0.2) as waited:
            await listens(late)
        assert waited.cancelled_caught
        await silent[0].aclose()
        with anyio.fail_after(30):
            assert await late.receive(1) == b"+"
