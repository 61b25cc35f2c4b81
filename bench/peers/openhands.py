"""OpenHands' agent-server: conversations over REST, their events over a WebSocket."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bench.peers.installs import python_of, python_packages
from bench.peers.peer import About, Api, Launch, Place, Said, Task
from bench.peers.watch import Block, upgrade


class OpenHands:
    about: ClassVar[About] = About(
        title="OpenHands agent-server",
        agent="its own agent in the server's process, with terminal and editor, and the model that counts",
        stream="WebSocket of one conversation; `after_seq`, an integer, of the events that are kept",
        event="a frame: a piece of text as the model sent it, a message, an action, a change of state",
        keeps="conversations and events as files; pieces of text never, the message when it is done",
        first="`sync`, with the range of what is replayed; then the conversation from its start",
    )
    lacks: ClassVar[Mapping[str, str]] = {}
    marks: ClassVar[tuple[bytes, ...]] = (b'"value":"finished"',)

    def __init__(self, place: Place) -> None:
        self._place, self._api = place, Api(place)
        self._python = python_of("openhands")
        self._work = place.folder / "work"
        for folder in (self._work, place.folder / "home"):
            folder.mkdir()

    def versions(self) -> dict[str, str]:
        return python_packages("openhands")

    def close(self) -> None:
        self._api.close()

    def launch(self) -> Launch:
        options = ("-m", "openhands.agent_server", "--host", "127.0.0.1", "--port", str(self._place.port))
        off = {"DO_NOT_TRACK": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENHANDS_SUPPRESS_BANNER": "1"}
        env = {"HOME": str(self._place.folder / "home"), "OH_SECRET_KEY": "bench" * 8, **off}
        return Launch(command=(str(self._python), *options), env=env, cwd=self._place.folder)

    def is_ready(self) -> bool:
        return self._api.answers("/ready")

    def create(self) -> str:
        url = f"{self._place.model}/v1"
        llm = {"model": "openai/fake-1", "base_url": url, "api_key": "x", "stream": True, "usage_id": "agent"}
        agent = {"kind": "Agent", "llm": llm, "tools": [{"name": "terminal"}, {"name": "file_editor"}]}
        workspace = {"kind": "LocalWorkspace", "working_dir": str(self._work)}
        return self._api.call("POST", "/api/conversations", {"agent": agent, "workspace": workspace})["id"]

    def settle(self, session: str) -> None:
        """Nothing goes on: the request was answered by the conversation."""

    def listed(self) -> int:
        return len(self._api.call("GET", "/api/conversations/search", limit=100)["items"])

    def prompt(self, session: str, task: Task) -> None:
        sent = {"role": "user", "content": [{"type": "text", "text": task.text}], "run": True}
        self._api.call("POST", f"/api/conversations/{session}/events", sent)

    def request(self, session: str, cursor: str) -> bytes:
        return upgrade(self._place.port, f"/sockets/session/{session}?after_seq={cursor or -1}")

    def said(self, session: str, block: Block) -> Said:
        frame: dict[str, Any] = block.data
        event: dict[str, Any] = frame.get("event", {})
        cursor = str(frame["seq"]) if frame["type"] == "durable" else ""
        if frame["type"] == "delta" and frame.get("kind") == "text":
            return Said(more=frame["content"])
        if event.get("kind") == "MessageEvent" and event.get("source") == "agent":
            return Said(whole=_text(event), cursor=cursor)
        return Said(cursor=cursor, ended=event.get("value") == "finished")

    def state(self, session: str) -> str:
        return self._api.call("GET", f"/api/conversations/{session}")["execution_status"]

    def history(self, session: str) -> str:
        found = self._api.call("GET", f"/api/conversations/{session}/events/search", limit=100)["items"]
        return " ".join(_text(event) for event in found if event["kind"] == "MessageEvent")


def _text(event: Mapping[str, Any]) -> str:
    return "".join(part.get("text", "") for part in event["llm_message"]["content"])
