"""LangGraph's server as `langgraph dev` starts it, with everything in its memory."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from bench.peers.installs import python_of, python_packages
from bench.peers.peer import About, Api, Launch, Place, Said, Task
from bench.peers.watch import Block, get

GRAPH: Final = '''\
import os
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph

@tool
def nothing() -> str:
    """Does nothing."""
    return ""

model = ChatOpenAI(model="fake-1", base_url=os.environ["MODEL"], api_key="x", streaming=True).bind_tools([nothing])

async def answer(state: MessagesState):
    return {"messages": [await model.ainvoke(state["messages"])]}

graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
'''
"""An agent of one step: it asks the model, and offers it a tool."""


class LangGraph:
    about: ClassVar[About] = About(
        title="LangGraph, in memory",
        agent="a graph of one node in the server's process, which asks the model that counts",
        stream="SSE of one thread, of runs made with `stream_resumable`; `Last-Event-ID`, of time and a number",
        event="a piece of text as the model sent it, with what is known of its message; the state after a step",
        keeps="threads and states in memory, written to files now and then; pieces of text in memory",
        first="the first piece that is held of the thread's runs, asked for with `Last-Event-ID: 0-0`",
    )
    lacks: ClassVar[Mapping[str, str]] = {}
    marks: ClassVar[tuple[bytes, ...]] = (b'"run_done"',)

    def __init__(self, place: Place) -> None:
        self._place, self._api = place, Api(place)
        self._python = python_of("langgraph")
        self._work = place.folder / "work"
        for folder in (self._work, place.folder / "home"):
            folder.mkdir()
        (self._work / "graph.py").write_text(GRAPH)
        (self._work / "langgraph.json").write_text(
            json.dumps({"dependencies": ["."], "graphs": {"agent": "./graph.py:graph"}})
        )

    def versions(self) -> dict[str, str]:
        return python_packages("langgraph")

    def close(self) -> None:
        self._api.close()

    def launch(self) -> Launch:
        options = ("-m", "langgraph_cli", "dev", "--no-browser", "--no-reload", "--host", "127.0.0.1")
        off = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
        env = {"HOME": str(self._place.folder / "home"), "MODEL": f"{self._place.model}/v1", **off}
        return Launch(command=(str(self._python), *options, "--port", str(self._place.port)), env=env, cwd=self._work)

    def is_ready(self) -> bool:
        return self._api.answers("/ok")

    def create(self) -> str:
        return self._api.call("POST", "/threads", {})["thread_id"]

    def settle(self, session: str) -> None:
        """Nothing goes on: a thread is a row."""

    def listed(self) -> int:
        return len(self._api.call("POST", "/threads/search", {"limit": 100}))

    def prompt(self, session: str, task: Task) -> None:
        said = {"messages": [{"role": "user", "content": task.text}]}
        asked = {"assistant_id": "agent", "input": said, "stream_mode": ["messages-tuple"], "stream_resumable": True}
        self._api.call("POST", f"/threads/{session}/runs", asked)

    def request(self, session: str, cursor: str) -> bytes:
        return get(self._place.port, f"/threads/{session}/stream", cursor=cursor or "0-0")

    def said(self, session: str, block: Block) -> Said:
        if block.name == "messages":
            piece: dict[str, Any] = block.data[0]
            if piece["type"] in ("ai", "AIMessageChunk"):
                return Said(more=_text(piece["content"]), cursor=block.id)
        ended = block.name == "metadata" and block.data.get("status") == "run_done"
        return Said(cursor=block.id, ended=ended)

    def state(self, session: str) -> str:
        return self._api.call("GET", f"/threads/{session}")["status"]

    def history(self, session: str) -> str:
        values = self._api.call("GET", f"/threads/{session}/state").get("values") or {}
        return " ".join(_text(message["content"]) for message in values.get("messages", ()))


def _text(content: Any) -> str:
    """A message's text, or that of its parts."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
