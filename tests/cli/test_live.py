"""The live view in a real terminal: text flows, Ctrl-C leaves, a second one stops."""

import json
import re
import socket

import anyio
import pytest

from roost.cli import codes
from roost.cli.live import LiveView
from roost.client import AsyncClient, AsyncSession
from roost.model.envelope import decode_event
from tests.cli.conftest import Roost
from tests.cli.terminal import CTRL_C, terminal
from tests.cli.test_sessions import ASK, SLOW, script, short, waiting_for


async def only_session(client: AsyncClient, label: str) -> AsyncSession:
    found = [info for info in (await client.list_sessions()).sessions if info.label == label]
    return client.session(found[0].session)


async def test_in_a_narrow_terminal_labels_are_cut_and_what_names_a_session_is_whole(
    roost: Roost, client: AsyncClient
) -> None:
    made = [await client.create_session(label=letter * 190, workspace=roost.folder) for letter in ("x", "世")]
    for columns in (60, 100):
        listing = ("ls", "--folder", str(roost.folder))
        async with terminal(*listing, environment=roost.environment(), folder=roost.folder, columns=columns) as tty:
            assert await tty.end() == codes.OK
        head, *lines = tty.screen.splitlines()
        assert head.split() == ["ID", "STATUS", "AGE", "AGENT", "LABEL", "FOLDER"]
        assert sorted(line.split()[0] for line in lines) == sorted(map(short, made))
        assert all("scripted" in line and "…" in line for line in lines)
    for session in made:
        await session.delete()


async def test_the_live_view_reads_like_a_conversation(roost: Roost) -> None:
    task = script(
        {"reasoning": "Let me look."},
        {"text": "I run the tests."},
        {"bash": {"command": "echo one; echo two"}},
        {"bash": {"command": "echo oops; exit 3"}},
        {"todos": [{"id": "1", "content": "mend it", "status": "completed"}]},
        {"text": "All done."},
    )
    async with terminal(
        "run", task, "--label", "conversation", environment=roost.environment(), folder=roost.folder
    ) as tty:
        assert await tty.end() == codes.OK
    lines = tty.screen.splitlines()
    wanted = [
        "Let me look.",
        "I run the tests.",
        "● bash echo one; echo two",
        "  ✓ two",
        "  ✗",
        "  ☑ mend it",
        "All done.",
    ]
    places = [next(n for n, line in enumerate(lines) if line.startswith(part)) for part in wanted]
    assert places == sorted(places)
    assert lines[-1].startswith("✓ done")
    assert b"\x1b[" in tty.raw


async def test_colour_can_be_refused(roost: Roost) -> None:
    task, environment = script({"reasoning": "hm"}, {"text": "hi"}), roost.environment(NO_COLOR="1")
    async with terminal("run", task, environment=environment, folder=roost.folder) as tty:
        assert await tty.end() == codes.OK
    assert b"\x1b[2" not in tty.raw
    assert "hm" in tty.screen


async def test_ctrl_c_leaves_and_the_run_goes_on(roost: Roost, client: AsyncClient) -> None:
    async with terminal(
        "run", SLOW, "--label", "left alone", environment=roost.environment(), folder=roost.folder
    ) as tty:
        await tty.until("00000003")
        tty.press(CTRL_C)
        await tty.until("Ctrl-C once more")
        assert await tty.end() == codes.DETACHED
    session = await only_session(client, "left alone")
    back = re.search(r"roost (attach \S+ --after (\d+))", tty.screen)
    assert back
    assert "Traceback" not in tty.screen
    assert (await session.info()).status == "busy"
    assert (await session.info()).run
    async with terminal(*back[1].split(), environment=roost.environment(), folder=roost.folder) as tty:
        await tty.until(re.compile(r"000000\d\d").search)  # pyright: ignore[reportArgumentType]
        tty.press(CTRL_C)
        assert await tty.end() == codes.DETACHED
    assert (await session.info()).status == "busy"
    await session.abort()


async def test_a_second_ctrl_c_stops_the_run(roost: Roost, client: AsyncClient) -> None:
    async with terminal("run", SLOW, "--label", "stopped", environment=roost.environment(), folder=roost.folder) as tty:
        await tty.until("00000003")
        tty.press(CTRL_C)
        await tty.until("Ctrl-C once more")
        tty.press(CTRL_C)
        assert await tty.end() == codes.RUN_ABORTED
    assert "The run was stopped." in tty.screen
    info = await (await only_session(client, "stopped")).info()
    assert (info.status, info.phase) == ("idle", "active")
    assert info.last_run
    assert info.last_run.status == "cancelled"


async def test_a_run_aborted_by_somebody_else_ends_the_view(roost: Roost, client: AsyncClient) -> None:
    async with terminal(
        "run", SLOW, "--label", "by others", environment=roost.environment(), folder=roost.folder
    ) as tty:
        await tty.until("00000003")
        await (await only_session(client, "by others")).abort()
        assert await tty.end() == codes.RUN_ABORTED
    assert "■ aborted" in tty.screen


async def test_a_permission_is_shown_with_the_command_that_answers_it(roost: Roost, client: AsyncClient) -> None:
    async with terminal("run", ASK, "--label", "asks", environment=roost.environment(), folder=roost.folder) as tty:
        screen = await tty.until("refuse it")
        assert "? may it bash: make" in screen
        command = re.search(r"roost (answer \S+ once)", screen)
        assert command
        answered = await roost(*command[1].split())
        assert answered.code == codes.OK
        assert await tty.end() == codes.OK
    assert "→ once" in tty.screen


async def test_a_long_wait_shows_that_it_goes_on(roost: Roost) -> None:
    task = script({"bash": {"command": "sleep 1.6"}})
    async with terminal("run", task, environment=roost.environment(), folder=roost.folder) as tty:
        await tty.until("the tool runs")
        await tty.end()
    assert "the tool runs" not in tty.screen


async def test_two_people_see_the_same(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=script({"deltas": {"count": 30, "bytes": 9, "per_second": 60}}))
    both = ("attach", short(session))
    async with (
        terminal(*both, environment=roost.environment(), folder=roost.folder) as one,
        terminal(*both, environment=roost.environment(), folder=roost.folder) as other,
    ):
        for tty in (one, other):
            await tty.until("✓ done")
            tty.press(CTRL_C)
            assert await tty.end() == codes.DETACHED
    assert one.screen == other.screen


async def test_json_goes_on_until_ctrl_c_and_says_where_to_come_back(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task="hello")
    await waiting_for(session, "run-complete")
    head = (await session.info()).seq
    async with terminal(
        "attach", short(session), "--json", environment=roost.environment(), folder=roost.folder, columns=2000
    ) as tty:
        await tty.until(f'"seq":{head},')
        tty.press(CTRL_C)
        assert await tty.end() == codes.DETACHED
    assert json.loads(tty.screen.splitlines()[-1].removeprefix("^C")) == {
        "detached": {"session": session.id, "after": head}
    }


async def test_replay_follows_when_told(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session()
    async with terminal("replay", "-f", short(session), environment=roost.environment(), folder=roost.folder) as tty:
        await tty.until("runtime-ready")
        with anyio.fail_after(20):
            await session.send("hello")
        await tty.until("run-complete")
        tty.press(CTRL_C)
        assert await tty.end() == codes.DETACHED


@pytest.mark.parametrize("command", [["ls"], ["show", "0123"], ["attach", "0123456789ab"], ["run", "x"], ["version"]])
async def test_ctrl_c_is_clean_while_a_hub_says_nothing(command: list[str], roost: Roost) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = roost.environment(ROOST_URL=url, ROOST_API_KEY="agc_x")
        async with terminal(*command, environment=environment, folder=roost.folder) as tty:
            await anyio.wait_readable(silent)
            with silent.accept()[0]:
                tty.press(CTRL_C)
                assert await tty.end() == codes.DETACHED
    assert "Traceback" not in tty.screen


def event(seq: int, **body: object) -> bytes:
    return json.dumps({"seq": seq, "at": 1000 + seq, "run": "run_1", "body": body}).encode()


def test_what_an_agent_says_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    view = LiveView("0123")
    said = {"message": "m", "part": "p"}
    nasty = "\x1b]52;c;aGk=\x07\x1b[2J\r"
    for body in (
        {"type": "text-delta", **said, "delta": nasty},
        {"type": "tool-start", **said, "call": "c", "tool": nasty, "input": {"command": nasty}},
        {"type": "tool-complete", **said, "call": "c", "output": nasty},
        {"type": "permission-asked", "request": "r", "permission": nasty, "patterns": [nasty]},
        {"type": "run-error", "error": {"code": nasty, "message": nasty}},
        {"type": "native", "reason": nasty},
        {"type": "todos-updated", "todos": [{"id": "1", "content": nasty}]},
        {"type": f"new-{nasty}"},
    ):
        view.show(decode_event(event(1, **body)))
    view.finish()
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\r" not in out


def test_requests_are_named_once_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    view = LiveView("0123")
    for n in (1, 2):
        view.show(decode_event(event(n, type="permission-asked", request=f"req_{n}", permission="bash")))
    view.show(decode_event(event(3, type="permission-replied", request="req_1", reply="once")))
    view.show(decode_event(event(4, type="permission-replied", request="req_2", reply="once")))
    view.show(decode_event(event(5, type="question-asked", request="req_3", questions=[{"question": "Which?"}])))
    ways = [line.split(":   ")[1].strip() for line in capsys.readouterr().out.splitlines() if " it:" in line]
    assert ways == [
        "roost answer 0123 once",
        'roost answer 0123 reject --message "do this instead"',
        "roost answer 0123 --request req_2 once",
        'roost answer 0123 --request req_2 reject --message "do this instead"',
        'roost answer 0123 "your words"',
        "roost answer 0123 --reject",
    ]


def test_a_part_that_is_begun_again_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    view = LiveView("0123")
    said = {"message": "m", "part": "p"}
    for n, body in enumerate(
        [
            {"type": "text-delta", **said, "delta": "half"},
            {"type": "part-reset", **said},
            {"type": "text-delta", **said, "delta": "whole"},
            {"type": "part-done", **said},
            {"type": "run-complete"},
        ]
    ):
        view.show(decode_event(event(n + 1, **body)))
    view.finish()
    assert capsys.readouterr().out.splitlines() == ["half", "— begins this part again —", "whole", "✓ done"]
