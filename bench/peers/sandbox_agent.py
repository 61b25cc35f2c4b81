"""sandbox-agent: a server that runs agents of the Agent Client Protocol. With opencode, and with its own mock."""

from collections.abc import Mapping
from itertools import count
from socket import socket
from typing import Any, ClassVar, Final
from uuid import uuid4

from bench.peers.installs import npm_command, npm_packages
from bench.peers.peer import About, Api, Launch, Place, Said, Task
from bench.peers.watch import Block, get, post
from bench.reader import dial
from tests.agents.worlds import furnish

AGENTS: Final = ".local/share/sandbox-agent/bin"
"""In its HOME: where it looks for agents before it fetches them."""
MOCK: Final = "mock-agent-process"
STREAM: Final = "SSE of one agent process; `Last-Event-ID`, an integer"
KEEPS: Final = "nothing: the last 1,024 messages of each process are held in memory"
FIRST: Final = "the oldest message that is held, which is the first of a process that has said little"


class SandboxAgent:
    about: ClassVar[About] = About(
        title="sandbox-agent, opencode",
        agent="opencode over the Agent Client Protocol, one process to a session, and the model that counts",
        stream=STREAM,
        event="one message of the protocol, as the agent wrote it",
        keeps=KEEPS,
        first=FIRST,
    )
    marks: ClassVar[tuple[bytes, ...]] = (b'"stopReason"',)
    lacks: ClassVar[Mapping[str, str]] = {}
    agent: ClassVar[str] = "opencode"

    def __init__(self, place: Place) -> None:
        self._place, self._api = place, Api(place)
        self._program = npm_command("sandbox-agent", "sandbox-agent")
        self._ids = count(1)
        self._inner: dict[str, str] = {}
        """Sessions of the protocol, by the agent processes that they are in."""
        self._asked: list[socket] = []
        self._env = furnish("opencode", place.folder, place.model)
        agents = place.folder / "home" / AGENTS
        (agents / "agent_processes").mkdir(parents=True)
        (agents / "opencode").symlink_to(npm_command("opencode", "opencode"))
        programs = {"opencode": f'"{npm_command("opencode", "opencode")}" acp', "mock": f'"{self._program}" {MOCK}'}
        for name, program in programs.items():
            launcher = agents / "agent_processes" / f"{name}-acp"
            launcher.write_text(f"#!/bin/sh\nexec {program}\n")
            launcher.chmod(0o755)

    def versions(self) -> dict[str, str]:
        return {**npm_packages("sandbox-agent"), **npm_packages("opencode")}

    def close(self) -> None:
        self._api.close()
        for asked in self._asked:
            asked.close()

    def launch(self) -> Launch:
        options = ("server", "--no-token", "--no-telemetry", "--host", "127.0.0.1", "--port", str(self._place.port))
        return Launch(command=(str(self._program), *options), env=self._env, cwd=self._place.folder)

    def is_ready(self) -> bool:
        return self._api.answers("/v1/acp")

    def create(self) -> str:
        session = uuid4().hex
        self._ask(session, "initialize", {"protocolVersion": 1, "clientCapabilities": {}}, agent=self.agent)
        made = self._ask(session, "session/new", {"cwd": str(self._place.folder), "mcpServers": []})
        self._inner[session] = made["result"].get("sessionId", "")
        return session

    def settle(self, session: str) -> None:
        """Nothing goes on: the request was answered by the agent."""

    def listed(self) -> int:
        return len(self._api.call("GET", "/v1/acp")["servers"])

    def prompt(self, session: str, task: Task) -> None:
        """Nobody waits for its answer, which comes with the end of the run; it is in the stream, too."""
        prompt = [{"type": "text", "text": self.text(task)}]
        params = {"sessionId": self._inner[session], "prompt": prompt}
        sent = {"jsonrpc": "2.0", "id": self.prompt_id(), "method": "session/prompt", "params": params}
        self._asked.append(dial(self._place.port, post(self._place.port, f"/v1/acp/{session}", sent)))

    def prompt_id(self) -> int:
        return next(self._ids)

    def text(self, task: Task) -> str:
        return task.text

    def request(self, session: str, cursor: str) -> bytes:
        return get(self._place.port, f"/v1/acp/{session}", cursor=cursor)

    def said(self, session: str, block: Block) -> Said:
        update = block.data.get("params", {}).get("update", {})
        more = update["content"].get("text", "") if update.get("sessionUpdate") == "agent_message_chunk" else ""
        return Said(more=more, cursor=block.id, ended="stopReason" in (block.data.get("result") or {}))

    def state(self, session: str) -> str:
        found = [server["serverId"] for server in self._api.call("GET", "/v1/acp")["servers"]]
        return "listed" if session in found else "not listed"

    def history(self, session: str) -> str:
        """It has none of its own: what it still holds is in the stream."""
        raise ValueError("there is no history to read")

    def _ask(self, session: str, method: str, params: Any, **query: Any) -> Any:
        sent = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return self._api.call("POST", f"/v1/acp/{session}", sent, **query)


class Mock(SandboxAgent):
    """Its agent that needs nothing: it sends back what it is sent, at once."""

    about: ClassVar[About] = About(
        title="sandbox-agent, mock",
        agent="its mock, one process to a session, which asks no model: it sends a prompt back as one message",
        stream=STREAM,
        event="one message; the answer to a prompt is one, whatever its length",
        keeps=KEEPS,
        first=FIRST,
    )
    marks: ClassVar[tuple[bytes, ...]] = (b'"result":{"echoed":{"id":0,',)
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(("attach", "reconnect", "kill"), "it has no mid-run")
    agent: ClassVar[str] = "mock"

    def versions(self) -> dict[str, str]:
        return npm_packages("sandbox-agent")

    def prompt_id(self) -> int:
        return 0

    def text(self, task: Task) -> str:
        return "".join(f"{number:08d} " for number in range(task.words))

    def said(self, session: str, block: Block) -> Said:
        echoed = (block.data.get("result") or {}).get("echoed", {})
        parts = echoed.get("params", {}).get("prompt", ())
        return Said(more="".join(part["text"] for part in parts), cursor=block.id, ended=bool(parts))
