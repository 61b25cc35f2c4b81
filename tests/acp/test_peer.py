"""How an agent is read, and what it is known to be able to do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost.drivers.acp.abilities import MAX_TOLD_BYTES, Abilities
from roost.drivers.acp.agents import AGENTS, AcpAgent, Quirk, acp_agent
from roost.drivers.acp.memory import INTRODUCTION, MAX_CHARS, MAX_MESSAGE_CHARS, recollection
from roost.drivers.acp.needs import needs_of
from roost.drivers.acp.peer import lines
from roost.drivers.acp.terminals import Terminal
from roost.model import events as e
from roost.model.envelope import Event, encode_body
from roost.model.ids import MessageId, PartId, RunId
from roost.model.values import McpServer
from roost.settings import AgentSettings
from tests.contract.turns import Finished, MemoryPast

OWN = AcpAgent(name="own", command=("own",))


async def read(*chunks: bytes, most: int = 4) -> list[bytes | None]:
    async def given() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [line async for line in lines(given(), most)]


async def test_lines_are_found_however_they_come() -> None:
    assert await read(b"ab\nc", b"d\n", b"\n\nef") == [b"ab", b"cd", b"", b"", b"ef"]


async def test_a_line_that_is_too_long_is_left_out_and_the_next_is_read() -> None:
    assert await read(b"abcd\n") == [b"abcd"]
    assert await read(b"abcde\nf\n") == [None, b"f"]
    assert await read(b"abc", b"de", b"fg\nhi\n") == [None, b"hi"]


def test_what_clients_are_told_is_bounded_and_the_least_is_left_out() -> None:
    abilities = Abilities(OWN, {"agentCapabilities": {"loadSession": True}})
    commands = [{"name": f"c{n}", "description": "d" * 300} for n in range(300)]
    abilities.update({"sessionUpdate": "available_commands_update", "availableCommands": commands[:2]})
    assert [command["description"] for command in abilities.told()["commands"]] == ["d" * 200] * 2
    abilities.update({"sessionUpdate": "available_commands_update", "availableCommands": commands})
    assert "commands" not in abilities.told()
    assert abilities.told()["acp"] == {"loadSession": True}
    assert len(msgspec.json.encode(abilities.told())) <= MAX_TOLD_BYTES


OPTIONS = [
    {"id": "m", "category": "model", "type": "select", "options": [{"group": "g", "options": [{"value": "large"}]}]},
    {"id": "fast", "type": "boolean", "currentValue": False},
]
MODELS = {"availableModels": [{"modelId": "tiny"}]}


@pytest.mark.parametrize(
    ("name", "value", "call"),
    [
        ("mode", "plan", ("session/set_mode", {"modeId": "plan"})),
        ("model", "large", ("session/set_config_option", {"configId": "m", "value": "large"})),
        ("model", "tiny", ("session/set_model", {"modelId": "tiny"})),
        ("fast", True, ("session/set_config_option", {"configId": "fast", "type": "boolean", "value": True})),
        ("mode", "none", None),
        ("fast", "yes", None),
        ("slow", True, None),
    ],
)
def test_each_setting_is_made_as_the_agent_offers_it(name: str, value: Any, call: object) -> None:
    abilities = Abilities(OWN, {})
    abilities.opened({"modes": {"availableModes": [{"id": "plan"}]}, "configOptions": OPTIONS, "models": MODELS})
    assert abilities.setting(name, value) == call


def test_an_agent_that_cannot_be_relied_upon_to_load_is_not_asked_to() -> None:
    answer = {"agentCapabilities": {"loadSession": True}}
    assert Abilities(OWN, answer).loads
    assert not Abilities(AGENTS["gemini"], answer).loads


def test_settings_make_an_agent_or_change_one() -> None:
    assert acp_agent("own", None) is None
    assert acp_agent("own", AgentSettings()) is None
    assert acp_agent("own", AgentSettings(command=("own",))) == msgspec.structs.replace(OWN, insist=True)
    changed = acp_agent("pi", AgentSettings(env={"X": "1"}, insist=True))
    assert changed is not None
    assert (changed.command, changed.env["X"], changed.insist) == (AGENTS["pi"].command, "1", True)
    assert Quirk.NEVER_ASKS in changed.quirks


def test_a_terminal_keeps_the_end_of_what_it_printed() -> None:
    terminal = Terminal(Finished(b"", 0), 4)
    terminal.print("abcd")
    assert terminal.output() == {"output": "abcd", "truncated": False}
    terminal.print("e")
    assert terminal.output() == {"output": "bcde", "truncated": True}


class Log(MemoryPast):
    """Runs, each with what was said by both."""

    def __init__(self, *runs: tuple[str, str], open_run: str = "") -> None:
        super().__init__()
        self._bodies: list[tuple[str, e.Body]] = []
        for n, (asked, answer) in enumerate(runs):
            message, part = MessageId(f"a{n}"), PartId(f"p{n}")
            self._bodies += [
                (f"r{n}", e.RunStart(message=MessageId(f"u{n}"), input=(e.TextInput(text=asked),))),
                (f"r{n}", e.TextDelta(message=message, part=part, delta=answer)),
                (f"r{n}", e.MessageDone(message=message)),
                (f"r{n}", e.RunComplete()),
            ]
        if open_run:
            self._bodies.append(("now", e.RunStart(message=MessageId("now"), input=(e.TextInput(text=open_run),))))

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        for seq, (run, body) in enumerate(self._bodies, 1):
            yield Event(seq=seq, at=seq, run=RunId(run), raw=msgspec.Raw(encode_body(body)))


async def test_an_agent_is_told_what_was_said_in_runs_that_have_ended() -> None:
    told = await recollection(Log(("hello", "hi"), ("and?", "so"), open_run="now what"))
    assert told == f"{INTRODUCTION}\nUser: hello\nYou: hi\nUser: and?\nYou: so\n"
    assert await recollection(Log(open_run="now what")) == ""


async def test_what_was_said_last_is_told_as_far_as_it_fits() -> None:
    told = await recollection(Log(*[(f"question {n}", "x" * MAX_MESSAGE_CHARS) for n in range(9)]))
    assert len(told) <= MAX_CHARS + len(INTRODUCTION) + 100
    assert "question 8" in told
    assert "question 1" not in told
    long = await recollection(Log(("q", "a" + "x" * MAX_MESSAGE_CHARS + "z")))
    assert "[...]" in long
    assert long.rstrip().endswith("z")


def test_a_sandbox_shows_the_servers_of_a_session_and_lets_their_addresses_through(tmp_path: Path) -> None:
    script = tmp_path / "server.js"
    script.touch()
    local = McpServer(name="a", command="node", args=(str(script), "/no/such/file", "-v"))
    away = McpServer(name="b", type="http", url="https://example.org:8443/mcp?***")
    for agent, hosts in (("claude", {*AGENTS["claude"].hosts, "https://example.org:8443/mcp"}), ("own", set[str]())):
        needs = needs_of(agent, AgentSettings(command=("own",)), tmp_path, (local, away))
        assert "node" in needs.programs
        assert str(script) in needs.paths
        assert "/no/such/file" not in needs.paths
        assert set(needs.hosts) == hosts  # of an agent whose hosts are not known the network is not narrowed


def test_every_row_names_where_to_get_its_agent() -> None:
    assert {name for name, row in AGENTS.items() if not (row.install and row.credentials and row.hosts)} == set()


def test_paths_of_credentials_are_relative_to_home() -> None:
    assert not any(Path(path).is_absolute() for row in AGENTS.values() for path in row.credentials)
