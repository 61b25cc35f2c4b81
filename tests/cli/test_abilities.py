"""What an agent is able to do, and what it is given, through the real entry point."""

import json
import sys
from pathlib import Path

import pytest

from roost.cli import codes
from roost.cli.live import LiveView
from roost.cli.mcp import servers_of
from roost.cli.problems import UsageWrong
from roost.client import AsyncClient
from roost.model.commands import McpRequest
from roost.model.envelope import decode_event
from tests.cli.conftest import Roost
from tests.cli.test_live import event
from tests.cli.test_sessions import short, waiting_for


async def test_options_and_commands_say_what_is_known(roost: Roost, client: AsyncClient, tmp_path: Path) -> None:
    session = await client.create_session(task="hello", workspace=tmp_path)
    await waiting_for(session, "run-complete")
    name = short(session)
    assert "nothing of this agent can be set" in (await roost("options", name)).out
    assert (await roost("options", name, "--json")).json == {"options": [], "settings": {}, "live": True}
    assert (await roost("command", name)).err == "no commands, or the agent is not here to say\n"
    ran = await roost("command", name, "review", "the", "tests")
    assert (ran.code, "/review the tests" in ran.out) == (codes.OK, True)
    await session.pause()
    assert "the agent is not here" in (await roost("options", name)).out


def test_servers_of_tools_are_named_or_listed_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    listed = {"docs": {"url": "https://example.org/mcp"}, "db": {"command": "db", "env": {"A": "1"}, "disabled": False}}
    file.write_text(json.dumps({"mcpServers": listed}))
    assert servers_of([str(file), "files=files-server --root '/a b'", "web=http://127.0.0.1:1/mcp"]) == (
        McpRequest(name="docs", type="http", url="https://example.org/mcp"),
        McpRequest(name="db", command="db", env={"A": "1"}),
        McpRequest(name="files", command="files-server", args=("--root", "/a b")),
        McpRequest(name="web", type="http", url="http://127.0.0.1:1/mcp"),
    )


@pytest.mark.parametrize(
    "given", ["no-such-file", "x=", "x='", '{"mcpServers": 7}', '{"mcpServers": {"a": {"args": 1}}}']
)
def test_what_is_no_server_of_tools_is_refused(given: str, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(given)
    with pytest.raises(UsageWrong):
        servers_of([str(file) if given.startswith("{") else given])


async def test_run_gives_a_session_its_servers(roost: Roost, tmp_path: Path) -> None:
    server = f"mine={sys.executable} -V"
    ran = await roost("run", "hello", "--repo", str(tmp_path), "--mcp", server, "--detach", "--json")
    assert ran.json["mcp"] == [{"name": "mine", "command": sys.executable, "args": ["-V"]}]


def test_a_reader_sees_what_is_not_set_and_what_the_agent_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    view = LiveView("abc")
    refused = [{"name": "model", "value": "huge", "reason": "there is none"}]
    for number, body in enumerate(
        (
            {"type": "agent-configured", "settings": {"mode": "ask"}, "cause": "started", "refused": refused},
            {"type": "agent-configured", "settings": {"mode": "plan"}, "cause": "agent"},
            {"type": "request-withdrawn", "request": "req_1"},
            {"type": "agent-state", "state": {}, "taken_up": "seeded"},
        ),
        1,
    ):
        view.show(decode_event(event(number, **body)))
    shown = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in shown] == [
        "✗ model not set: there is none",
        "— the agent now has mode plan —",
        "→ not asked any more",
        "— the agent knew nothing any more: it is told what the log holds —",
    ]
