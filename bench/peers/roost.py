"""Roost itself, started as anybody would, but without a sandbox, since the others have none."""

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Final

from bench.peers.installs import npm_packages
from bench.peers.peer import PATIENCE_SECONDS, About, Api, Launch, Place, Said, Task
from bench.peers.watch import Block, get
from roost import __version__
from tests.agents.worlds import settle

LOOK_SECONDS: Final = 0.01
UP: Final = (sys.executable, "-m", "roost", "up", "--json", "--sandbox", "none")


class Roost:
    """Its agent is opencode, as it is of two of the others."""

    about: ClassVar[About] = About(
        title="Roost, opencode",
        agent="opencode over the Agent Client Protocol, one process to a session, and the model that counts",
        stream="SSE of one session; `Last-Event-ID` or `after=`, an integer without gaps",
        event="one fact of the log. What an agent streams is put together for 25 ms, or 1 KiB, after its first piece",
        keeps="every event, pieces of text included, in SQLite with `synchronous=FULL`, before anybody is sent it",
        first="the first of the session's log: a newcomer is sent all of it",
    )
    lacks: ClassVar[Mapping[str, str]] = {}
    marks: ClassVar[tuple[bytes, ...]] = (b"event: run-complete\n", b"event: run-aborted\n", b"event: run-error\n")
    agent: ClassVar[str] = "opencode"

    def __init__(self, place: Place) -> None:
        self._place, self._anybody = place, Api(place)
        self._data, config = self._settle()
        options = ("--agent", self.agent, "--config", config, "--data", str(self._data), "--port", str(place.port))
        self._command = (*UP, *options)

    def _settle(self) -> tuple[os.PathLike[str], str]:
        data, config = settle(self.agent, self._place.folder, self._place.model)
        return data, str(config)

    def versions(self) -> dict[str, str]:
        return {"roost": __version__, **npm_packages("opencode")}

    def close(self) -> None:
        self._anybody.close()
        if "_api" in self.__dict__:
            self._api.close()

    def launch(self) -> Launch:
        env = {"HOME": str(self._place.folder / "home")}
        if "PYTHONPATH" in os.environ:  # where Roost is not installed
            env["PYTHONPATH"] = os.environ["PYTHONPATH"]
        return Launch(command=self._command, env=env, cwd=self._place.folder)

    @cached_property
    def _key(self) -> str:
        """The first start makes it."""
        return (self._place.folder / "data" / "api_key").read_text(encoding="ascii").strip()

    @cached_property
    def _api(self) -> Api:
        return Api(self._place, self._key)

    def is_ready(self) -> bool:
        return self._anybody.answers("/readyz")

    def create(self) -> str:
        return self._api.call("POST", "/v1/sessions", {"workspace": {"kind": "folder"}})["session"]

    def settle(self, session: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while self._api.call("GET", f"/v1/sessions/{session}")["phase"] != "active":
            if time.monotonic() > until:
                raise ValueError(f"{session} did not become active")
            time.sleep(LOOK_SECONDS)

    def listed(self) -> int:
        return self._api.call("GET", "/v1/sessions")["total"]

    def prompt(self, session: str, task: Task) -> None:
        self._api.call("POST", f"/v1/sessions/{session}/input", {"text": self.text(task)})

    def text(self, task: Task) -> str:
        return task.text

    def request(self, session: str, cursor: str) -> bytes:
        return get(self._place.port, f"/v1/sessions/{session}/events", cursor=cursor, key=self._key)

    def said(self, session: str, block: Block) -> Said:
        body = block.data["body"]
        more = body.get("delta", "") if block.name == "text-delta" else ""
        ended = block.name in ("run-complete", "run-aborted", "run-error")
        return Said(more=more, cursor=block.id, ended=ended)

    def state(self, session: str) -> str:
        info = self._api.call("GET", f"/v1/sessions/{session}")
        return f"{info['phase']}, {info['status']}"

    def history(self, session: str) -> str:
        found = self._api.call("GET", f"/v1/sessions/{session}/messages")["messages"]
        return " ".join(part.get("text", "") for message in found for part in message.get("parts", ()))


class Scripted(Roost):
    """With the agent that follows a script, as sandbox-agent has one that pretends."""

    about: ClassVar[About] = About(
        title="Roost, scripted",
        agent="the scripted agent in the host itself; it asks no model",
        stream=Roost.about.stream,
        event="one fact of the log; scripted pieces are never put together: one is one word",
        keeps=Roost.about.keeps,
        first=Roost.about.first,
    )
    agent: ClassVar[str] = "scripted"

    def _settle(self) -> tuple[os.PathLike[str], str]:
        (self._place.folder / "home").mkdir()
        return self._place.folder / "data", os.devnull

    def versions(self) -> dict[str, str]:
        return {"roost": __version__}

    def text(self, task: Task) -> str:
        step = {"count": task.words, "bytes": 9, "per_second": task.per_second}
        return "script:" + json.dumps([{"deltas": step}])
