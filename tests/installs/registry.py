"""A registry of npm packages on loopback, over real HTTP: it has one package, which prints how it was started."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from roost.installs.pins import Pinned, Pins

PACKAGE, VERSION = "tiny-agent", "1.2.3"
PROGRAM = "#!/usr/bin/env node\nconsole.log(JSON.stringify([process.version, process.argv.slice(2), __filename]))\n"


def packed(program: str = PROGRAM) -> bytes:
    """The package as npm wants it; the same bytes each time."""
    told = {"name": PACKAGE, "version": VERSION, "bin": {"tiny": "tiny.js"}, "scripts": {"postinstall": "touch ran"}}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in {"package.json": json.dumps(told), "tiny.js": program}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


def integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


class Registry:
    """`asked`: the paths of all requests. `stalled`: set once somebody waits for the package; it is served when `go` is
    set. `program`: what the package does."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.program = PROGRAM
        self.stalled, self.go = Event(), Event()
        self.go.set()
        self.url = ""

    def fetched(self) -> int:
        return sum(path.endswith(".tgz") for path in self.asked)

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path.endswith(".tgz"):
            self.stalled.set()
            assert self.go.wait(30)
            return 200, packed(self.program)
        if path.strip("/") != PACKAGE:
            return 404, b"{}"
        data = packed()
        version: dict[str, Any] = {"name": PACKAGE, "version": VERSION, "bin": {"tiny": "tiny.js"}}
        version["dist"] = {"tarball": f"{self.url}/{PACKAGE}/-/{VERSION}.tgz", "integrity": integrity(data)}
        told = {"name": PACKAGE, "dist-tags": {"latest": VERSION}, "versions": {VERSION: version}}
        return 200, json.dumps(told).encode()


@contextmanager
def running_registry() -> Generator[Registry]:
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's
            status, body = registry.answer(self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # silent
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        registry.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield registry
        finally:
            registry.go.set()
            server.shutdown()
            thread.join()


def tiny_pins(folder: Path, *agents: str, megabytes: int = 1) -> Pins:
    """Each of these agents is this package; their locks are made in this folder."""
    for agent in agents:
        package = {"version": VERSION, "integrity": integrity(packed()), "bin": {"tiny": "tiny.js"}}
        root = {"name": agent, "dependencies": {PACKAGE: VERSION}}
        packages = {"": root, f"node_modules/{PACKAGE}": package}
        lock = {"name": agent, "lockfileVersion": 3, "requires": True, "packages": packages}
        (folder / f"{agent}.json").write_text(json.dumps(lock))
    row = Pinned(packages={PACKAGE: VERSION}, megabytes=megabytes, env={"TINY": "{bin}/tiny"})
    return Pins(dict.fromkeys(agents, row), folder)
