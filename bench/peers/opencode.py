"""`opencode serve`: the server that opencode brings, with the version that Roost installs."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bench.peers.installs import npm_command, npm_packages
from bench.peers.peer import About, Api, Launch, Place, Said, Task
from bench.peers.watch import Block, get
from tests.agents.worlds import furnish


class Opencode:
    about: ClassVar[About] = About(
        title="opencode serve",
        agent="opencode itself, in the server's own process, and the model that counts",
        stream="SSE of all sessions of a folder; it has no ids, and nothing to take it up again by",
        event="one change of a session: a piece of text as the model sent it, a part, a state",
        keeps="sessions and messages in SQLite; a part's text when the part is done",
        first="`server.connected`, of the connection itself; what was before is asked for as messages",
    )
    lacks: ClassVar[Mapping[str, str]] = {}
    marks: ClassVar[tuple[bytes, ...]] = (b'"type":"session.idle"',)

    def __init__(self, place: Place) -> None:
        self._place, self._api = place, Api(place)
        self._program = npm_command("opencode", "opencode")
        self._work = place.folder / "work"
        self._work.mkdir()
        self._env = furnish("opencode", place.folder, place.model)

    def versions(self) -> dict[str, str]:
        return npm_packages("opencode")

    def close(self) -> None:
        self._api.close()

    def launch(self) -> Launch:
        options = ("serve", "--hostname", "127.0.0.1", "--port", str(self._place.port))
        return Launch(command=(str(self._program), *options), env=self._env, cwd=self._work)

    def is_ready(self) -> bool:
        return self._api.answers("/session")

    def create(self) -> str:
        return self._api.call("POST", "/session", {})["id"]

    def settle(self, session: str) -> None:
        """Nothing goes on: a session is a row."""

    def listed(self) -> int:
        return len(self._api.call("GET", "/session"))

    def prompt(self, session: str, task: Task) -> None:
        self._api.call("POST", f"/session/{session}/prompt_async", {"parts": [{"type": "text", "text": task.text}]})

    def request(self, session: str, cursor: str) -> bytes:
        return get(self._place.port, "/event", cursor=cursor)

    def said(self, session: str, block: Block) -> Said:
        kind: str = block.data["type"]
        about: dict[str, Any] = block.data.get("properties", {})
        part: dict[str, Any] = about.get("part", {})
        if session not in (about.get("sessionID"), part.get("sessionID")):
            return Said()
        if kind == "message.part.delta" and about.get("field") == "text":
            return Said(more=about["delta"])
        if kind == "message.part.updated" and part.get("type") == "text":
            return Said(whole=part.get("text", ""))
        return Said(ended=kind == "session.idle")

    def state(self, session: str) -> str:
        return self._api.call("GET", "/session/status").get(session, {"type": "idle"})["type"]

    def history(self, session: str) -> str:
        found = self._api.call("GET", f"/session/{session}/message")
        return " ".join(part.get("text", "") for message in found for part in message["parts"])
