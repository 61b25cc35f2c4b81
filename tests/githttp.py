"""A git server on loopback: `git http-backend` behind an HTTP server that may ask for a password, hold a transfer in
its middle, or cut it."""

import os
import subprocess
import threading
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HELD_SECONDS = 30
BEGINNING_BYTES = 2000
"""What is sent of an answer that is held or cut; shorter ones pass."""


class GitServer(ThreadingHTTPServer):
    """Serves the repositories below `root`. `credentials`: `user:password` that it wants. While `passes` is cleared,
    transfers stand still; those in `cut` more ends early."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.credentials: str | None = None
        self.passes = threading.Event()
        self.passes.set()
        self.cuts = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, name: str = "repo.git", credentials: str = "") -> str:
        return f"http://{credentials}{'@' if credentials else ''}{self.host}/{name}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: GitServer  # pyright: ignore[reportIncompatibleVariableOverride]  # whose handler this is

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        wanted = self.server.credentials
        if wanted and self.headers["Authorization"] != f"Basic {b64encode(wanted.encode()).decode()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        head, _, content = self._backend(body).partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:BEGINNING_BYTES])
        self.wfile.flush()
        if len(content) <= BEGINNING_BYTES:
            return
        self.server.passes.wait(HELD_SECONDS)
        if self.server.cuts:
            self.server.cuts -= 1
            return
        self.wfile.write(content[BEGINNING_BYTES:])

    def _backend(self, body: bytes) -> bytes:
        address = urlsplit(self.path)
        told = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": address.path,
            "QUERY_STRING": address.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env={**os.environ, **told}, capture_output=True, check=True
        )
        return done.stdout

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its own word
        """Tests read what git says, not this."""


@contextmanager
def git_server(root: Path) -> Generator[GitServer]:
    """Runs while the block does."""
    with GitServer(root) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.passes.set()
            server.shutdown()
            thread.join()


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_served(root: Path) -> dict[str, str]:
    """`repo.git` and `empty.git` below `root`. The commits of the first, by what leads to them: `main`, the branch
    `feature/x`, the tag `v1`, `left` (nothing leads there any more), `refs/pull/7/head`."""
    root.mkdir()
    git(root, "init", "-q", "--bare", "empty.git")
    git(root, "init", "-q", "source")
    source = root / "source"
    (source / "large").write_bytes(os.urandom(100_000))  # its pack comes in more than one piece
    git(source, "add", ".")
    made: dict[str, str] = {}
    for name in ("v1", "left", "refs/pull/7/head", "feature/x", "main"):
        (source / "file").write_text(f"{name}\n")
        git(source, "add", ".")
        git(source, "commit", "-q", "-m", name)
        made[name] = git(source, "rev-parse", "HEAD")
        if name != "v1":
            git(source, "reset", "-q", "--hard", made["v1"])
    git(source, "tag", "v1", made["v1"])
    for ref in ("refs/pull/7/head", "refs/heads/feature/x", "refs/heads/main", "refs/heads/left"):
        git(source, "update-ref", ref, made[ref.removeprefix("refs/heads/")])
    git(root, "clone", "-q", "--mirror", "source", "repo.git")
    git(root / "repo.git", "update-ref", "-d", "refs/heads/left")
    git(root / "repo.git", "config", "uploadpack.allowAnySHA1InWant", "true")
    return made
