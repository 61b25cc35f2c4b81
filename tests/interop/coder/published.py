"""The published client in one Node process, called from here. What it raises and what it hands on comes back as it is.

`sdk.call("getSession", id)` is `await client.getSession(id)`; `sdk.opened("sse", sessionId=id)` is a stream of it.
"""

import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.interop.coder import packages

Json = dict[str, Any]
SPEAKER: Final = Path(__file__).with_name("published.mjs")
SECONDS: Final = 20.0
"""How long anything is waited for."""
MAX_LINE_BYTES: Final = 32 * 1024 * 1024
IN_NO_SCHEMA: Final = ({"type": "rpc_command_error"}, {"actions": [{"action": "ACK"}]})
"""What their terminal reads and their union has not: why a command failed, and the answer to a renaming."""


class Raised(Exception):
    """What the client raised: `name` is its class, `fields` what else it carries (`status`, `code` ...)."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['name']}: {error.get('message')}")
        self.name: str = error["name"]
        self.fields = error


class Stream:
    """What one stream of theirs has handed on, in order: (kind, value)."""

    def __init__(self, sdk: "Published", kind: str, number: int) -> None:
        self.seen: list[tuple[str, Any]] = []
        self._sdk = sdk
        self._kind = kind
        self._number = number
        self._news = anyio.Event()

    def take(self, kind: str, value: Any) -> None:
        self.seen.append((kind, value))
        self._news.set()
        self._news = anyio.Event()

    async def call(self, method: str, *args: Any) -> Any:
        """Raises: Raised."""
        return await self._sdk.ask(to=self._number, method=method, args=args)

    async def until(self, kind: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first such value. Raises: TimeoutError, with all that came instead."""
        at = 0

        def found() -> bool:
            nonlocal at
            while at < len(self.seen) and not (self.seen[at][0] == kind and wanted(self.seen[at][1])):
                at += 1
            return at < len(self.seen)

        await self.grows(found)
        return self.seen[at][1]

    async def grows(self, enough: Callable[[], bool]) -> None:
        """Returns when what was seen is enough. Raises: TimeoutError, with all that was."""
        with anyio.move_on_after(SECONDS):
            while not enough():
                await self._news.wait()
            return
        raise TimeoutError(f"that was not enough: {self.seen}")

    async def heard(self, event: str, wanted: Callable[[Json], bool] = lambda _: True) -> Json:
        """The data of the first such broadcast."""
        kind = "message" if self._kind != "sse" else "broadcast"
        found = await self.until(kind, lambda m: m.get("event") == event and wanted(m["data"]))
        return found["data"]

    async def told(self, kind: str) -> Json:
        """The first frame of this type, of a stream that hands on all in one way."""
        return await self.until("message", lambda message: message.get("type") == kind)

    async def say(self, **frame: Any) -> None:
        """Of a socket: send this frame."""
        await self.call("send", frame)

    async def command(self, name: str, /, **fields: Any) -> Json:
        """Of a controller: a command, and the response to it."""
        number = f"{name}-{len(self.seen)}"
        await self.say(type="rpc_command", command={"type": name, "id": number, **fields})
        found = await self.until("message", lambda m: m["type"] == "rpc_response" and m["response"]["id"] == number)
        return found["response"]

    @property
    def events(self) -> list[str]:
        """The names of all broadcasts so far."""
        return [
            value["event"] for _, value in self.seen if isinstance(value, dict) and value.get("type") == "broadcast"
        ]

    def of(self, kind: str) -> list[Any]:
        return [value for found, value in self.seen if found == kind]

    def check(self) -> None:
        """Nothing came that their schemas do not know."""
        strange = [
            each for each in self.of("invalid") if not any(k.items() <= each["message"].items() for k in IN_NO_SCHEMA)
        ]
        assert strange == [], strange


class Published:
    """One Node process. `options` are those of every client it makes (`url`, `apiKey`)."""

    def __init__(self, process: Process, options: Json) -> None:
        self.options = options
        self._process = process
        self._count = 0
        self._answers: dict[int, Json] = {}
        self._waiting: dict[int, anyio.Event] = {}
        self._streams: dict[int, Stream] = {}

    async def call(self, method: str, *args: Any, **client: Any) -> Any:
        """`await new CoderClient(options).method(...args)`; `client`: other options. Raises: Raised."""
        return await self.ask(client=self.options | client, method=method, args=args)

    async def methods(self) -> list[str]:
        """All that a client can do, by name."""
        return await self.ask(list=True)

    async def session(self, task: str = "hello", **body: Any) -> str:
        """The id of a new one."""
        return (await self.call("createSession", {"task": task, **body}))["sessionId"]

    @asynccontextmanager
    async def opened(self, kind: str, **options: Any) -> AsyncGenerator[Stream]:
        """A stream (published.mjs: `streams`), closed in the end, and checked by their schemas."""
        self._count += 1
        number = self._count
        stream = self._streams[number] = Stream(self, kind, number)
        await self._asked(number, open=kind, options={"reconnectDelayMs": 50, **self.options, **options})
        try:
            yield stream
            stream.check()
        finally:
            with anyio.CancelScope(shield=True):
                await stream.call("close")
            del self._streams[number]

    async def ask(self, **line: Any) -> Any:
        self._count += 1
        return await self._asked(self._count, **line)

    async def _asked(self, number: int, **line: Any) -> Any:
        assert self._process.stdin is not None
        news = self._waiting[number] = anyio.Event()
        await self._process.stdin.send(msgspec.json.encode({"id": number, **line}, enc_hook=_bytes) + b"\n")
        with anyio.fail_after(2 * SECONDS):
            await news.wait()
        answer = self._answers.pop(number)
        if "error" in answer:
            raise Raised(answer["error"])
        return answer.get("value")

    async def listen(self) -> None:
        """Until it is cancelled, or Node ends."""
        assert self._process.stdout is not None
        lines = BufferedByteReceiveStream(self._process.stdout)
        while True:
            try:
                line: Json = msgspec.json.decode(await lines.receive_until(b"\n", MAX_LINE_BYTES))
            except (anyio.IncompleteRead, anyio.ClosedResourceError):
                return
            if "from" in line:
                if stream := self._streams.get(line["from"]):
                    stream.take(line["kind"], line.get("value"))
            else:
                self._answers[line["id"]] = line
                self._waiting.pop(line["id"]).set()


def octets(content: bytes) -> Json:
    """Bytes, as they travel to Node."""
    return {"$base64": base64.b64encode(content).decode()}


def _bytes(value: Any) -> Any:
    raise TypeError(f"{value!r} does not travel to Node; bytes do as `octets`")


@asynccontextmanager
async def published(url: str, key: str) -> AsyncGenerator[Published]:
    """A client without a `url` asks where its hub is, and asks the hub."""
    environment = packages.environment() | {"AGENTUITY_CATALYST_URL": url}
    command = [str(packages.node()), str(SPEAKER), str(packages.home())]
    async with (
        await anyio.open_process(command, stderr=None, env=environment) as process,
        anyio.create_task_group() as tasks,
    ):
        sdk = Published(process, {"url": url, "apiKey": key})
        tasks.start_soon(sdk.listen)
        try:
            yield sdk
        finally:
            tasks.cancel_scope.cancel()
            process.kill()
