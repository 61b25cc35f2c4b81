"""An agent for tests that speaks the Agent Client Protocol: JSON-RPC by hand, a message a line, nothing of Roost.

    python tests/acp/agent.py [FLAG...]

A prompt whose last text is a JSON list is carried out, step by step; any other is said back. Steps are objects with one
key, the names of methods of `Turn`. What it remembers lies in `$ACP_AGENT_HOME`, a file for each session. Flags: what
it can do (`resume`, `load`, `image`, `http`) and how it misbehaves (`dies`, `old`, `locked`, `end_on_reject`).
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from queue import Queue
from typing import Any

FLAGS = frozenset(sys.argv[1:])
HOME = Path(os.environ.get("ACP_AGENT_HOME", "."))
MODES = {"currentModeId": "ask", "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "plan", "name": "Plan"}]}
MODELS = [{"value": "small", "name": "Small"}, {"value": "large", "name": "Large"}]


class Wire:
    """Standard input and output. Requests are handled on threads of their own; answers go to whoever waits."""

    def __init__(self):
        self.lock = threading.Lock()
        self.waiting: dict[int, Queue] = {}
        self.number = 100

    def send(self, **message):
        self.raw(json.dumps({"jsonrpc": "2.0", **message}))

    def raw(self, line: str):
        with self.lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def ask(self, method, **params):
        """The answer of the client: its `result`, or its `error`."""
        number, queue = self.begin(method, **params)
        return self.end(number, queue)

    def begin(self, method, **params):
        self.number += 1
        queue = self.waiting[self.number] = Queue()
        self.send(id=self.number, method=method, params=params)
        return self.number, queue

    def end(self, number, queue):
        answer = queue.get(timeout=60)
        del self.waiting[number]
        return answer.get("result", answer.get("error"))


WIRE = Wire()


class Session:
    """One conversation. `said` outlives the process."""

    def __init__(self, name: str, said: list[str] | None = None, servers: Any = ()):
        self.name, self.said, self.servers = name, said or [], servers
        self.cancelled = threading.Event()
        self.mode, self.model, self.cost = "ask", "small", 0.0

    def update(self, what, /, **fields):
        WIRE.send(method="session/update", params={"sessionId": self.name, "update": {"sessionUpdate": what, **fields}})

    def options(self):
        one = {"id": "model", "name": "Model", "category": "model", "type": "select"}
        return [{**one, "currentValue": self.model, "options": MODELS}]

    def opened(self):
        return {"modes": {**MODES, "currentModeId": self.mode}, "configOptions": self.options()}

    def save(self):
        (HOME / f"{self.name}.json").write_text(json.dumps(self.said))


class Tools:
    """A server of tools that its session was given, while the block lasts."""

    def __init__(self, server: dict):
        self.server = server
        self.child: Any = None

    def __enter__(self):
        if "command" in self.server:
            env = os.environ | {each["name"]: each["value"] for each in self.server["env"]}
            command = [self.server["command"], *self.server["args"]]
            self.child = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "t", "version": "1"})
        self.tell("notifications/initialized")
        return self

    def __exit__(self, *_):
        if self.child is not None:
            self.child.stdin.close()
            self.child.wait(timeout=30)

    def ask(self, method, **params):
        answer = json.loads(self.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, True))
        return answer.get("result") or answer["error"]

    def tell(self, method, **params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params}, False)

    def send(self, message, answers):
        if self.child is not None:
            self.child.stdin.write(json.dumps(message) + "\n")
            self.child.stdin.flush()
            return self.child.stdout.readline() if answers else ""
        headers = {"Content-Type": "application/json", **{h["name"]: h["value"] for h in self.server["headers"]}}
        wanted = urllib.request.Request(self.server["url"], json.dumps(message).encode(), headers)
        with urllib.request.urlopen(wanted, timeout=30) as answer:
            return answer.read()


class Turn:
    """The steps of one prompt. Each method is a step; what it returns, if anything, is the reason to stop."""

    def __init__(self, session: Session, prompt: list):
        self.session, self.prompt = session, prompt
        self.calls = 0

    def all(self):
        text = self.prompt[-1].get("text", "")
        self.session.cancelled.clear()
        self.session.said.append(text)
        self.session.save()
        if text.startswith("/review"):
            text = json.dumps([{"say": f"reviewed {text.removeprefix('/review').strip()}"}])
        steps = json.loads(text) if text.startswith("[{") else [{"say": text}]
        for step in steps:
            if self.session.cancelled.is_set():
                return "cancelled"
            ((name, value),) = step.items()
            if reason := getattr(self, name)(value):
                return reason
        return "cancelled" if self.session.cancelled.is_set() else "end_turn"

    def say(self, text):
        for word in text.split(" "):
            self.session.update("agent_message_chunk", content={"type": "text", "text": word + " "})

    def think(self, text):
        self.session.update("agent_thought_chunk", content={"type": "text", "text": text})

    def count(self, number):
        for i in range(number):
            self.session.update("agent_message_chunk", content={"type": "text", "text": f"{i} "})

    def show(self, block):
        self.session.update("agent_message_chunk", content=block)

    def raw(self, line):
        WIRE.raw(line)

    def huge(self, size):
        WIRE.raw('{"x": "' + "x" * size + '"}')

    def update(self, fields):
        self.session.update(fields.pop("sessionUpdate"), **fields)

    def plan(self, items):
        self.session.update("plan", entries=[{"content": i, "status": "pending", "priority": "high"} for i in items])

    def usage(self, cost):
        self.session.cost += cost
        self.session.update("usage_update", used=500, size=1000, cost={"amount": self.session.cost, "currency": "USD"})

    def edit(self, path):
        """Writes a file through the client, with the diff that it makes, in updates as untidy as real ones."""
        call, full = self.call(), str(Path.cwd() / path)
        self.session.update("tool_call", toolCallId=call, title="Edit", kind="edit", status="pending", rawInput={})
        diff = {"type": "diff", "path": full, "oldText": None, "newText": "new\n"}
        self.session.update("tool_call_update", toolCallId=call, title=f"Edit {path}", content=[diff],
                            locations=[{"path": full, "line": 1}], rawInput={"path": full})  # fmt: skip
        answer = WIRE.ask("fs/write_text_file", sessionId=self.session.name, path=full, content="new\n")
        done = "completed" if "code" not in answer else "failed"
        self.session.update("tool_call_update", toolCallId=call, status=done)

    def read(self, path):
        answer = WIRE.ask("fs/read_text_file", sessionId=self.session.name, path=path, line=2, limit=1)
        self.say(answer.get("content") or f"refused {answer['code']}")

    def terminal(self, command):
        """Runs a command through the client, and waits."""
        call, name = self.call(), self.session.name
        made = WIRE.ask("terminal/create", sessionId=name, command="sh", args=["-c", command],
                        env=[{"name": "GREETING", "value": "hi"}])  # fmt: skip
        self.session.update("tool_call", toolCallId=call, title=command, kind="execute", status="in_progress",
                            content=[{"type": "terminal", **made}], rawInput={"command": command})  # fmt: skip
        WIRE.ask("terminal/wait_for_exit", sessionId=name, **made)
        seen = WIRE.ask("terminal/output", sessionId=name, **made)
        WIRE.ask("terminal/release", sessionId=name, **made)
        self.session.update("tool_call_update", toolCallId=call, status="completed", rawOutput=seen)

    def bash(self, command):
        """Runs a command by itself; a child of it may be left behind."""
        call = self.call()
        self.session.update("tool_call", toolCallId=call, title=command, kind="execute", status="in_progress",
                            rawInput={"command": command})  # fmt: skip
        child = subprocess.Popen(["sh", "-c", command], start_new_session=True)
        while child.poll() is None and not self.session.cancelled.is_set():
            time.sleep(0.01)
        if child.poll() is None:
            return "cancelled"
        self.session.update("tool_call_update", toolCallId=call, status="completed")
        return None

    def ask(self, command):
        """Asks for a permission, and says what was answered. `end_on_reject`: as Codex does."""
        call = self.call()
        options = [{"optionId": "y", "name": "Yes", "kind": "allow_once"}, {"optionId": "a", "name": "Always",
                   "kind": "allow_always"}, {"optionId": "n", "name": "No", "kind": "reject_once"}]  # fmt: skip
        given = {"toolCallId": call, "title": command, "kind": "execute", "rawInput": {"command": command}}
        self.session.update("tool_call", status="pending", **given)
        answer = WIRE.ask("session/request_permission", sessionId=self.session.name, toolCall=given, options=options)
        chosen = answer["outcome"].get("optionId", answer["outcome"]["outcome"])
        self.session.update("tool_call_update", toolCallId=call, status="completed" if chosen == "y" else "failed")
        self.say(f"chosen {chosen}")
        return "cancelled" if chosen == "n" and "end_on_reject" in FLAGS else None

    def withdraw(self, command):
        """Asks for a permission, and takes that back."""
        given = {"toolCallId": self.call(), "title": command, "kind": "execute"}
        option = {"optionId": "y", "name": "Yes", "kind": "allow_once"}
        asked = {"sessionId": self.session.name, "toolCall": given, "options": [option]}
        number, queue = WIRE.begin("session/request_permission", **asked)
        WIRE.send(method="$/cancel_request", params={"requestId": number})
        self.say(f"withdrawn {WIRE.end(number, queue)['code']}")

    def unknown(self, method):
        self.say(f"answered {WIRE.ask(method, sessionId=self.session.name)['code']}")

    def recall(self, _):
        self.say(json.dumps([*self.session.said[:-1], *(block.get("text", "") for block in self.prompt[:-1])]))

    def blocks(self, _):
        self.say(json.dumps(self.prompt[:-1]))

    def config(self, _):
        self.say(json.dumps({"mode": self.session.mode, "model": self.session.model, "servers": self.session.servers}))

    def tool(self, wanted):
        """Calls a tool of a server that the session was given, and says what it answers."""
        (server,) = (each for each in self.session.servers if each["name"] == wanted["server"])
        with Tools(server) as tools:
            answer = tools.ask("tools/call", name=wanted["tool"], arguments=wanted["arguments"])
        self.say("\n".join(block["text"] for block in answer["content"]))

    def switch(self, mode):
        """Its mode is another, because it says so."""
        self.session.mode = mode
        self.session.update("current_mode_update", currentModeId=mode)

    def flood(self, size):
        sys.stderr.write(("e" * 99 + "\n") * (size // 100))
        sys.stderr.flush()

    def wait(self, path):
        """Until this file is there, or the turn is cancelled."""
        while not Path(path).exists() and not self.session.cancelled.is_set():
            time.sleep(0.01)

    def deaf(self, _):
        """Does not hear that it is cancelled."""
        threading.Event().wait()

    def die(self, code):
        os._exit(code)

    def fail(self, message):
        raise RuntimeError(message)

    def later(self, path):
        """Says something, and then that its mode is another, when the turn is over and this file is there."""

        def speak():
            while not Path(path).exists():
                time.sleep(0.01)
            self.say("late")
            self.session.update("current_mode_update", currentModeId="late")

        threading.Thread(target=speak, daemon=True).start()

    def call(self):
        self.calls += 1
        return f"call_{len(self.session.said)}_{self.calls}"


class Agent:
    """Methods by their names in the protocol."""

    def __init__(self):
        self.sessions: dict[str, Session] = {}

    def initialize(self, given):
        able = {"resume": {}} if "resume" in FLAGS else {}
        prompt = {"image": True, "embeddedContext": True} if "image" in FLAGS else {}
        return {
            "protocolVersion": 0 if "old" in FLAGS else given["protocolVersion"],
            "agentInfo": {"name": "test-agent", "version": "1.0"},
            "agentCapabilities": {"loadSession": "load" in FLAGS, "promptCapabilities": prompt,
                                  "mcpCapabilities": {"http": "http" in FLAGS},
                                  "sessionCapabilities": able, "somethingNew": {"x": 1}},
        }  # fmt: skip

    def session_new(self, given):
        if "locked" in FLAGS:
            raise PermissionError("log in first")
        name = f"s{len(list(HOME.glob('s*.json'))) + 1}"
        session = self.sessions[name] = Session(name, servers=given["mcpServers"])
        session.save()
        session.update(
            "available_commands_update", availableCommands=[{"name": "review", "description": "Looks at it"}]
        )
        return {"sessionId": name, **session.opened()}

    def session_resume(self, given):
        return self.again(given).opened()

    def session_load(self, given):
        session = self.again(given)
        for text in session.said:
            session.update("user_message_chunk", content={"type": "text", "text": text})
            session.update("agent_message_chunk", content={"type": "text", "text": f"again: {text}"})
        return session.opened()

    def again(self, given):
        said = json.loads((HOME / f"{given['sessionId']}.json").read_text())
        session = self.sessions[given["sessionId"]] = Session(given["sessionId"], said, given["mcpServers"])
        return session

    def session_set_mode(self, given):
        self.sessions[given["sessionId"]].mode = given["modeId"]
        return {}

    def session_set_config_option(self, given):
        session = self.sessions[given["sessionId"]]
        session.model = given["value"]
        return {"configOptions": session.options()}

    def session_prompt(self, given):
        session = self.sessions[given["sessionId"]]
        reason = Turn(session, given["prompt"]).all()
        usage = {"totalTokens": 15, "inputTokens": 10, "outputTokens": 5, "cachedReadTokens": 3}
        return {"stopReason": reason, "usage": usage}


def serve(agent, message):
    try:
        result = getattr(agent, message["method"].replace("/", "_"))(message["params"])
        WIRE.send(id=message["id"], result=result)
    except PermissionError as error:
        WIRE.send(id=message["id"], error={"code": -32000, "message": str(error)})
    except Exception as error:  # noqa: BLE001  # whatever a script does
        WIRE.send(id=message["id"], error={"code": -32603, "message": f"{error}", "data": {"details": "scripted"}})


def main():
    agent = Agent()
    if "dies" in FLAGS:
        sys.exit(3)
    for line in sys.stdin:
        message = json.loads(line)
        if "method" not in message:
            WIRE.waiting[message["id"]].put(message)
        elif message["method"] == "session/cancel":
            agent.sessions[message["params"]["sessionId"]].cancelled.set()
        else:
            threading.Thread(target=serve, args=(agent, message), daemon=True).start()


if __name__ == "__main__":
    main()
