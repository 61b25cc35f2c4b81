"""An agent that speaks the Agent Client Protocol, in a real host of a real hub."""

import base64
import json
import sys
from pathlib import Path

import anyio
import psutil
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.host.home import MAX_DIAGNOSTIC_BYTES
from roost.model import events as e
from roost.model.errors import CommandNotFound, OptionUnknown, PermissionNotFound
from roost.model.messages import ToolPart
from roost.processes import birth
from roost.testing import HubProcess
from tests.acp.conftest import TOOLS, agents, bodies, processes, script
from tests.behaviour.conftest import comes_true, stands, until

pytestmark = pytest.mark.process


async def taken_up(session: AsyncSession) -> list[object]:
    """How the agent has taken up its conversation, each time it started."""
    states = await bodies(session, e.AgentState)
    return [state.taken_up for state in states if state.taken_up is not UNSET]


async def remembered(session: AsyncSession) -> list[str]:
    """What the agent knows that it was told: its own record, and the prompt."""
    return json.loads((await session.send(script({"recall": True}))).text)


async def test_a_turn_is_told_as_our_events(client: AsyncClient, tmp_path: Path) -> None:
    steps = ({"think": "hm"}, {"say": "here it is"}, {"plan": ["look", "write"]}, {"edit": "a/b.txt"}, {"usage": 0.25})
    session = await client.create_session(workspace=tmp_path)
    result = await session.send(script(*steps, {"say": "done"}))
    assert result.text == "here it is done "
    (end,) = await bodies(session, e.RunComplete)
    assert end.result.data == {"context": {"used": 500, "size": 1000}}
    assert (tmp_path / "a/b.txt").read_text() == "new\n"
    message = (await session.messages())[-1]
    assert [part.__struct_config__.tag for part in message.parts] == [
        "reasoning",
        "text",
        "tool",
        "text",
        "step-finish",
    ]
    assert message.info.tokens == e.Tokens(input=10, output=5, cache_read=3)
    assert (message.info.agent, message.info.cost, message.info.finish) == ("resumes", 0.25, "stop")
    (tool,) = (part for part in message.parts if isinstance(part, ToolPart))
    assert (tool.tool, tool.state.title, tool.state.status) == ("edit", "Edit a/b.txt", "completed")
    path = str(tmp_path / "a/b.txt")
    diff = {"path": path, "oldText": None, "newText": "new\n"}
    assert tool.state.input == {"path": path}
    assert tool.state.metadata == {"diffs": [diff], "locations": [{"path": path, "line": 1}]}
    (todos,) = await bodies(session, e.TodosUpdated)
    assert todos == e.TodosUpdated(
        todos=(e.Todo(id="1", content="look", priority="high"), e.Todo(id="2", content="write", priority="high"))
    )
    assert (await session.send(script({"usage": 0.5}))).error is UNSET
    assert [step.cost for step in await bodies(session, e.StepFinish)] == [0.25, 0.5]


async def test_what_is_said_fast_stays_in_order(client: AsyncClient) -> None:
    session = await client.create_session()
    assert (await session.send(script({"count": 3000}))).text == "".join(f"{i} " for i in range(3000))


async def test_nothing_that_an_agent_says_is_dropped(client: AsyncClient) -> None:
    novel = {"sessionUpdate": "novel", "x": 1}
    odd = {"sessionUpdate": "plan", "entries": [], "mood": "good"}
    wrong = {"sessionUpdate": "plan", "entries": 7}
    steps = ({"raw": "not json"}, {"raw": "[1]"}, {"update": novel}, {"update": odd}, {"update": wrong})
    other = {"raw": '{"jsonrpc": "2.0", "method": "_x/y", "params": {"z": 1}}'}
    half = {"show": {"type": "text", "text": "\ud800"}}
    session = await client.create_session()
    assert (await session.send(script(*steps, other, half, {"say": "well"}))).text == "?well "
    found = [(native.raw, native.source) for native in await bodies(session, e.Native)]
    mood = {"sessionUpdate": "plan", "mood": "good"}
    said = ["not json", "[1]", novel, mood, wrong, {"method": "_x/y", "params": {"z": 1}}]
    assert found == [(each, "acp") for each in said]


async def test_what_is_said_between_two_runs_comes_with_the_next(client: AsyncClient, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    session = await client.create_session()
    await session.send(script({"later": str(gone)}))
    gone.touch()
    with anyio.fail_after(10):
        while (await session.info()).capabilities["modes"]["currentModeId"] != "late":  # noqa: ASYNC110  # no event
            await anyio.sleep(0.01)
    assert (await session.send("hello")).text == "hello "
    (native,) = await bodies(session, e.Native)
    assert (native.raw["update"]["content"]["text"], native.reason) == ("late ", "said outside of a run")


async def test_a_terminal_is_run_by_the_host_and_shown_by_its_tool_call(client: AsyncClient, tmp_path: Path) -> None:
    session = await client.create_session(workspace=tmp_path)
    await session.send(script({"terminal": "echo $GREETING; pwd; exit 3"}))
    (tool,) = (part for part in (await session.messages())[-1].parts if isinstance(part, ToolPart))
    assert (tool.tool, tool.state.status, tool.state.output) == ("bash", "completed", f"hi\n{tmp_path}\n")


async def test_files_are_read_and_written_inside_the_workspace_only(client: AsyncClient, tmp_path: Path) -> None:
    outside, inside = tmp_path / "secret", tmp_path / "work"
    inside.mkdir()
    outside.write_text("one\ntwo\n")
    (inside / "text").write_text("one\ntwo\nthree\n")
    (inside / "link").symlink_to(outside)
    session = await client.create_session(workspace=inside)
    for path, answer in (("text", "two\n"), ("link", "refused -32602"), ("../secret", "refused -32602")):
        assert (await session.send(script({"read": str(inside / path)}))).text.strip() == answer.strip()
    assert (await session.send(script({"read": str(inside / "nothing")}))).text == "refused -32002 "
    await session.send(script({"edit": "link"}))
    assert outside.read_text() == "one\ntwo\n"
    (tool,) = (part for part in (await session.messages())[-1].parts if isinstance(part, ToolPart))
    assert tool.state.status == "error"


async def test_files_of_a_prompt_reach_the_agent_as_it_can_take_them(client: AsyncClient) -> None:
    png, text = b"\x89PNG", b"some words"
    given = [
        e.FileInput(url="data:image/png;base64," + base64.b64encode(png).decode(), mime="image/png", filename="a.png"),
        e.FileInput(url="data:text/plain,some%20words", mime="text/plain", filename="b.txt"),
        e.TextInput(text=script({"blocks": True})),
    ]
    _, image, resource = json.loads((await (await client.create_session(agent="sees")).send(given)).text)
    assert image == {"type": "image", "data": base64.b64encode(png).decode(), "mimeType": "image/png"}
    assert resource["resource"] == {"uri": "file:///b.txt", "mimeType": "text/plain", "text": "some words"}
    session = await client.create_session()
    _, *links = json.loads((await session.send(given)).text)
    assert [link["name"] for link in links] == ["a.png", "b.txt"]
    places = [Path(link["uri"].removeprefix("file://")) for link in links]
    assert [place.read_bytes() for place in places] == [png, text]
    root = Path(str((await session.info()).workspace.root))
    assert all(place.is_relative_to(root / ".roost") for place in places)
    assert (root / ".roost/.gitignore").read_text().endswith("*\n")
    await session.delete()  # that is nobody's work


async def test_input_that_joins_a_run_is_its_next_turn(client: AsyncClient, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    session = await client.create_session(task=script({"say": "first"}, {"wait": str(gone)}))
    await until(session, "text-delta")
    await session.start("second", delivery="steer")
    gone.touch()
    await until(session, "run-complete")
    assert [m.text for m in await session.messages() if m.info.role == "assistant"] == ["first ", "second "]
    assert len(await bodies(session, e.RunStart)) == 1


async def test_how_an_agent_is_set_is_shown_and_changed(client: AsyncClient) -> None:
    session = await client.create_session(model="large")
    first = json.loads((await session.send(script({"config": True}))).text)
    assert [server["name"] for server in first.pop("servers")] == ["roost"]
    assert first == {"mode": "ask", "model": "large"}
    told = (await session.info()).capabilities
    assert told["acp"]["somethingNew"] == {"x": 1}
    assert told["agent"] == {"name": "test-agent", "version": "1.0"}
    assert [command["name"] for command in told["commands"]] == ["review"]
    assert [mode["id"] for mode in told["modes"]["availableModes"]] == ["ask", "plan"]
    await session.configure(mode="plan", model="small")
    again = json.loads((await session.send(script({"config": True}))).text)
    assert (again["mode"], again["model"]) == ("plan", "small")
    told = (await session.info()).capabilities
    assert (told["modes"]["currentModeId"], told["options"][0]["currentValue"]) == ("plan", "small")
    offered = {option.name: [choice.value for choice in option.choices] for option in (await session.options()).options}
    assert offered == {"model": ["small", "large"], "mode": ["ask", "plan"]}
    with pytest.raises(OptionUnknown) as unknown:
        await session.configure(model="enormous")
    assert unknown.value.details["choices"] == ["small", "large"]
    said = await bodies(session, e.AgentConfigured)
    assert [(each.cause, each.settings) for each in said] == [
        ("started", {"model": "large", "mode": "ask"}),
        ("asked", {"model": "small", "mode": "plan"}),
    ]


async def test_what_an_agent_that_was_away_cannot_be_set_to_is_told_in_the_log(client: AsyncClient) -> None:
    session = await client.create_session(model="enormous")
    await session.send("hello")
    refusal = e.Refusal(name="model", value="enormous", reason="resumes has no model 'enormous'; it has: small, large")
    settings = {"model": "small", "mode": "ask"}
    told = e.AgentConfigured(settings=settings, cause="started", refused=(refusal,))
    assert await bodies(session, e.AgentConfigured) == [told]
    await session.pause()
    options = await session.options()
    assert (options.live, options.options, options.settings) == (False, (), settings)


async def test_what_an_agent_changes_of_itself_is_told_at_once(client: AsyncClient, tmp_path: Path) -> None:
    session = await client.create_session(task=script({"switch": "plan"}, {"wait": str(tmp_path / "gone")}))
    started = await until(session, "agent-configured")
    changed = await until(session, "agent-configured", after=started.seq)
    assert changed.body == e.AgentConfigured(settings={"model": "small", "mode": "plan"}, cause="agent")
    (tmp_path / "gone").touch()
    await until(session, "run-complete")


async def test_a_command_of_the_agent_is_a_run_and_an_unknown_one_is_refused(client: AsyncClient) -> None:
    session = await client.create_session(agent="forgets", task="hello")
    await until(session, "run-complete")
    (known,) = await session.commands()
    assert (known.name, known.description) == ("review", "Looks at it")
    assert await session.run_command("review", "the tests") == "reviewed the tests "
    (asked,) = (m for m in await session.messages() if m.text == "/review the tests")
    assert asked.info.role == "user"
    with pytest.raises(CommandNotFound) as refused:
        await session.start_command("revue")
    assert refused.value.details["known"] == ["review"]
    await session.pause()
    assert await session.commands() == ()
    with pytest.raises(CommandNotFound, match="it has: review"):  # nobody knew, until it was awake
        await session.run_command("revue")
    assert await session.run_command("review") == "reviewed  "  # what it was told before does not stand before it
    assert "This conversation began earlier" in (await remembered(session))[-1]


# --- servers of tools ---


async def test_an_agent_says_its_goal_publishes_and_asks_by_roosts_own_tools(
    hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    def call(tool: str, **arguments: object) -> dict[str, object]:
        return {"tool": {"server": "roost", "tool": tool, "arguments": arguments}}

    (tmp_path / "r.html").write_text("<p>")
    steps = (
        call("goal", status="complete", summary="all green"),
        call("publish_artifact", key="report", path="r.html"),
        call("publish_artifact", key="note", text="hi"),
        call("publish_artifact", key="both", path="r.html", text="hi"),
        call("ask_question", question="Which?", options=["this", "that"]),
    )
    session = await client.create_session(workspace=tmp_path, task=script(*steps))
    await stands(session, lambda info: info.pending == 1)
    (entry,) = await session.pending()
    await hub.restart()
    await session.answer_question(entry.request, [["that"]])
    await until(session, "run-complete")
    said = (await session.messages())[-1].text
    assert said == (
        "It is written down. report is published. note is published. "
        "publish_artifact: give either `path` or `text` that "
    )
    assert await bodies(session, e.GoalUpdated) == [e.GoalUpdated(status="complete", summary="all green")]
    assert await session.get_artifact("report") == "<p>"
    assert [(each.key, each.mime) for each in await session.list_artifacts()] == [
        ("report", "text/html"),
        ("note", "text/plain"),
    ]
    assert (await session.info()).capabilities["questions"] is True


async def test_a_local_server_is_started_with_its_secrets_which_nobody_is_shown(client: AsyncClient) -> None:
    server = {"name": "local", "command": sys.executable, "args": [str(TOOLS)], "env": {"TOKEN": "s3cret-value"}}
    call = {"server": "local", "tool": "echo", "arguments": {"text": "hello"}}
    session = await client.create_session(mcp=[server])
    assert (await session.send(script({"tool": call}))).text == "hello s3cret-value "
    assert not [value for value in agents(session)[0].environ().values() if "s3cret" in value]
    await session.pause()
    (shown,) = (await session.info()).mcp
    assert (shown.name, shown.env) == ("local", {"TOKEN": "***"})
    log = b"".join(bytes(event.raw) for event in (await session.read(limit=5000)).events)
    assert log.count(b"s3cret-value") == 2  # the agent said it, and it is its result: text cannot be masked
    (created,) = await bodies(session, e.SessionCreated)
    assert (created.mcp, created.env) == ((shown,), UNSET)
    assert (await session.send(script({"tool": call}))).text == "hello s3cret-value "  # also after a sleep


async def test_roosts_tools_and_its_own_server_are_reached_from_a_sandbox_without_a_network(
    client: AsyncClient, tmp_path: Path
) -> None:
    local = {"name": "local", "command": sys.executable, "args": [str(TOOLS)], "env": {"TOKEN": "s3cret-value"}}
    echo = {"server": "local", "tool": "echo", "arguments": {"text": "hello"}}
    goal = {"server": "roost", "tool": "goal", "arguments": {"status": "continue"}}
    session = await client.create_session(
        agent="enclosed", workspace=tmp_path, sandbox={"kind": "bubblewrap", "network": "none"}, mcp=[local]
    )
    result = await session.send(script({"tool": echo}, {"tool": goal}))
    assert (result.text, result.error) == ("hello s3cret-value It is written down. ", UNSET)
    assert await bodies(session, e.GoalUpdated) == [e.GoalUpdated(status="continue")]


async def test_a_server_elsewhere_is_reached_with_its_headers_by_an_agent_that_can(
    client: AsyncClient, http_tools: str
) -> None:
    server = {"name": "away", "type": "http", "url": f"{http_tools}?key=k3y", "headers": {"Authorization": "Bearer b"}}
    call = {"server": "away", "tool": "echo", "arguments": {"text": "hello"}}
    session = await client.create_session(mcp=[server])
    assert (await session.send(script({"tool": call}))).text == "hello Bearer b /mcp?key=k3y "
    (shown,) = (await session.info()).mcp
    assert (shown.url, shown.headers) == (f"{http_tools}?***", {"Authorization": "***"})


async def test_a_server_that_the_agent_cannot_use_stops_it_from_starting(client: AsyncClient) -> None:
    server = {"name": "away", "type": "http", "url": "http://127.0.0.1:1/mcp"}
    result = await (await client.create_session(agent="loads", mcp=[server])).send("hello")
    assert result.error and result.error.code == "mcp_unsupported"
    assert result.error.message == "loads cannot use the server 'away': it takes none of type `http`"


async def test_standard_error_is_drained_into_the_diagnostics_up_to_a_limit(
    hub: HubProcess, client: AsyncClient
) -> None:
    session = await client.create_session()
    assert (await session.send(script({"flood": MAX_DIAGNOSTIC_BYTES + 100_000}, {"say": "on"}))).text == "on "
    log = hub.data / "logs" / f"{session.id}.log"
    await comes_true(lambda: b"more than is kept" in log.read_bytes())
    assert MAX_DIAGNOSTIC_BYTES < log.stat().st_size < MAX_DIAGNOSTIC_BYTES + 64 * 1024


# --- permissions ---


async def test_a_permission_is_decided_once_or_always_by_a_hub_that_was_killed_meanwhile(
    hub: HubProcess, client: AsyncClient
) -> None:
    session = await client.create_session(task=script({"ask": "rm [x]"}, {"ask": "rm [x]"}, {"ask": "rm [x]"}))
    for reply in ("once", "always"):
        await stands(session, lambda info: info.pending == 1)
        (entry,) = await session.pending()
        asked = entry.asked
        assert isinstance(asked, e.PermissionAsked)
        assert (asked.permission, asked.patterns, asked.always) == ("bash", ("rm [x]",), ("rm [[]x]",))
        assert asked.metadata is not UNSET
        assert [option["optionId"] for option in asked.metadata["options"]] == ["y", "a", "n"]
        await hub.restart()
        await session.reply_to_permission(entry.request, reply)
    await until(session, "run-complete")
    assert (await session.messages())[-1].text == "chosen y " * 3
    replies = await bodies(session, e.PermissionReplied)
    assert [(body.reply, body.why) for body in replies] == [("once", UNSET), ("always", UNSET), ("once", "granted")]


async def test_a_rejection_without_a_word_ends_the_run(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"ask": "rm"}, {"wait": "never"}))
    await stands(session, lambda info: info.pending == 1)
    (entry,) = await session.pending()
    await session.reply_to_permission(entry.request, "reject")
    end = await until(session, "run-aborted")
    assert isinstance(end.body, e.RunAborted)
    assert end.body.reason == "permission-rejected"
    assert (await session.send("go on")).text == "go on "


@pytest.mark.parametrize("agent", ["resumes", "ends"])
async def test_the_words_of_a_rejection_are_the_agents_next_turn(client: AsyncClient, agent: str) -> None:
    session = await client.create_session(agent=agent, task=script({"ask": "rm -r ."}))
    await stands(session, lambda info: info.pending == 1)
    (entry,) = await session.pending()
    await session.reply_to_permission(entry.request, "reject", message="use trash")
    await until(session, "run-complete")
    rejected, told = [m.text for m in await session.messages() if m.info.role == "assistant"]
    assert rejected == "chosen n "
    assert told.strip() == "The user did not allow `bash` on rm -r ., and said: use trash"


async def test_a_request_that_is_withdrawn_or_unknown_is_answered_so(client: AsyncClient) -> None:
    session = await client.create_session()
    result = await session.send(script({"withdraw": "rm"}, {"unknown": "elicitation/create"}))
    assert result.text == "withdrawn -32800 answered -32601 "


async def test_a_request_that_is_withdrawn_is_settled_while_its_run_goes_on(
    hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    session = await client.create_session(task=script({"withdraw": "rm"}, {"wait": str(tmp_path / "gone")}))
    settled = await until(session, "request-withdrawn")
    (asked,) = await bodies(session, e.PermissionAsked)
    assert settled.body == e.RequestWithdrawn(request=asked.request)
    assert (await session.info()).run is not UNSET
    await hub.restart()
    assert await session.pending() == ()
    with pytest.raises(PermissionNotFound):
        await session.reply_to_permission(asked.request, "once")
    (tmp_path / "gone").touch()
    await until(session, "run-complete")


# --- ends ---


async def test_an_abort_leaves_the_agent_and_nothing_that_the_run_has_started(
    client: AsyncClient, tmp_path: Path
) -> None:
    session = await client.create_session(task="hello", workspace=tmp_path)
    await until(session, "run-complete")
    (agent,) = agents(session)
    before = {process.pid for process in processes(session)}
    for steps in (({"say": "so far"}, {"wait": "never"}), ({"bash": "sleep 900 & sleep 901"},), ({"ask": "rm"},)):
        seen = (await session.info()).seq
        await session.start(script(*steps))
        await until(session, "text-delta", "tool-start", after=seen)
        await session.abort()
        await until(session, "run-aborted", after=seen)
        assert {process.pid for process in processes(session)} <= before
    assert [each.pid for each in agents(session)] == [agent.pid]
    assert (await session.send("go on")).text == "go on "


async def test_an_agent_that_does_not_obey_is_killed_and_taken_up_again(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"say": "blue"}, {"deaf": True}))
    await until(session, "text-delta")
    (deaf,) = agents(session)
    born = birth(deaf.pid)
    await session.abort()
    assert birth(deaf.pid) != born
    assert "blue" in (await remembered(session))[0]
    assert await taken_up(session) == ["new", "resumed"]


async def test_an_agent_that_dies_fails_its_run_and_is_taken_up_by_the_next(client: AsyncClient) -> None:
    session = await client.create_session()
    result = await session.send(script({"say": "blue"}, {"bash": "sleep 902 & true"}, {"die": 7}))
    assert result.error and result.error.code == "agent_gone"
    message = (await session.messages())[-1]
    assert (message.text, message.info.finish) == ("blue ", "error")
    assert "blue" in (await remembered(session))[0]
    assert not [process for process in processes(session) if "902" in process.cmdline()]


async def test_an_error_of_the_agent_is_the_runs(client: AsyncClient) -> None:
    result = await (await client.create_session()).send(script({"say": "now"}, {"fail": "no quota"}))
    assert result.error and result.error.code == "agent_failed"
    assert result.error.message == "resumes: no quota (scripted)"


@pytest.mark.parametrize(
    ("agent", "code"),
    [
        ("missing", "agent_not_installed"),
        ("dies", "start_failed"),
        ("old", "start_failed"),
        ("locked", "agent_login_required"),
        ("pi", "agent_unattended"),
    ],
)
async def test_an_agent_that_cannot_start_says_why(client: AsyncClient, agent: str, code: str) -> None:
    session = await client.create_session(agent=agent)
    result = await session.send("hello")
    assert result.error and result.error.code == code
    assert agents(session) == []


# --- sleep and wake ---


@pytest.mark.parametrize(("agent", "way"), [("resumes", "resumed"), ("loads", "loaded"), ("forgets", "seeded")])
async def test_an_agent_that_wakes_knows_what_was_said(client: AsyncClient, agent: str, way: str) -> None:
    session = await client.create_session(agent=agent, task="blue")
    await until(session, "run-complete")
    await session.pause()
    await comes_true(lambda: not processes(session))
    before = len(await session.messages())
    known = await remembered(session)
    assert await taken_up(session) == ["new", way]
    assert "blue" in (known[0] if way != "seeded" else known[-1])
    assert ("This conversation began earlier" in known[-1]) == (way == "seeded")
    assert len(await session.messages()) == before + 2  # what it said again while it loaded is not said twice


async def test_an_agent_whose_hub_and_host_are_killed_goes_on(hub: HubProcess, client: AsyncClient) -> None:
    session = await client.create_session(task="blue")
    await until(session, "run-complete")
    seen = (await session.info()).seq
    await session.start(script({"say": "half"}, {"wait": "never"}))
    await until(session, "text-delta", after=seen)
    (agent,) = agents(session)
    host = agent.parent()
    assert host is not None
    await hub.kill()
    host.kill()
    await hub.start()
    end = await until(session, "run-error", after=seen)
    assert isinstance(end.body, e.RunError)
    assert end.body.error.code == "interrupted"
    await until(session, "session-paused")
    assert (await remembered(session))[0] == "blue"
    assert await taken_up(session) == ["new", "resumed"]
    assert not psutil.pid_exists(agent.pid) or birth(agent.pid) is None
