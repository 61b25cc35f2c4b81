"""Steering, queueing, deciding, sleeping: each command through the real entry point, against a real hub."""

import anyio

from roost.cli import codes
from roost.client import AsyncClient, AsyncSession
from roost.model.events import FileInput, RunStart
from roost.testing import RunningHub
from tests.cli.conftest import Roost
from tests.cli.test_sessions import ASK, script, short, waiting_for

HANG = script({"hang": True})


async def asking(client: AsyncClient) -> AsyncSession:
    session = await client.create_session(task=ASK)
    await waiting_for(session, "permission-asked")
    return session


async def test_a_run_is_steered_and_what_came_too_late_is_run_after_it(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=script({"sleep": 0.5}))
    done = await roost("steer", short(session), "to the left")
    assert done.code == codes.OK and "to the left" in done.out
    busy = await client.create_session(task=HANG)
    recorded = await roost("steer", short(busy), "and on", "--detach", "--json")
    assert recorded.json["session"] == busy.id


async def test_the_queue_is_listed_filled_and_emptied(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=HANG)
    assert (await roost("queue", short(session))).out == ""
    assert (await roost("queue", short(session), "first one")).out.startswith("recorded as event ")
    await roost("queue", short(session), "-", stdin="second one")
    listed = (await roost("queue", short(session))).out.splitlines()
    assert [line.split(maxsplit=3)[-1] for line in listed] == ["first one", "second one"]
    as_json = (await roost("queue", short(session), "--json")).lines
    assert [entry["input"][0]["text"] for entry in as_json] == ["first one", "second one"]
    assert (await roost("queue", short(session), "--remove", "1")).out == "removed\n"
    gone = await roost("queue", short(session), "--remove", as_json[0]["message"], "--json")
    assert (gone.code, gone.error["code"]) == (codes.NOT_FOUND, "message_not_found")
    assert (await roost("queue", short(session), "--remove", "7", "--json")).error["code"] == "message_not_found"
    await session.abort()
    assert "roost resume" in (await roost("queue", short(session))).out
    assert (await roost("queue", short(session), "x", "--remove", "1")).code == codes.USAGE


async def test_what_is_asked_is_approved_or_rejected_in_one_word(roost: Roost, client: AsyncClient) -> None:
    session = await asking(client)
    assert (await roost("approve", short(session))).out == "allowed once\n"
    await waiting_for(session, "run-complete")
    none = await roost("approve", short(session), "--json")
    assert (none.code, none.error["code"]) == (codes.NOT_FOUND, "permission_not_found")
    session = await asking(client)
    assert (await roost("reject", short(session), "-m", "use make")).out == "rejected\n"
    await waiting_for(session, "run-complete")
    session = await asking(client)
    assert (await roost("reject", short(session), "--json")).json["session"] == session.id
    await waiting_for(session, "run-aborted")
    session = await client.create_session(task=script({"question": "Which?"}))
    await waiting_for(session, "question-asked")
    assert (await roost("approve", short(session))).code == codes.USAGE
    assert (await roost("reject", short(session))).code == codes.OK


async def test_always_is_a_rule_that_can_be_seen_and_taken_back(roost: Roost, client: AsyncClient) -> None:
    session = await asking(client)
    assert (await roost("approve", short(session), "--always")).out == "allowed always\n"
    assert (await roost("rules", short(session))).out == "  1  allow  bash: make  granted by an answer\n"
    added = await roost("rules", short(session), "--deny", "bash:rm *", "--allow", "edit", "--grant", "bash:ls *")
    assert added.out.splitlines() == [
        "  1  allow  edit: *",
        "  2  deny   bash: rm *",
        "  3  allow  bash: make  granted by an answer",
        "  4  allow  bash: ls *  granted by an answer",
    ]
    config = (await roost("rules", short(session), "--remove", "1", "--remove", "3", "--json")).json
    assert config["policy"]["rules"] == [{"permission": "bash", "action": "deny", "pattern": "rm *"}]
    assert [rule["pattern"] for rule in config["granted"]] == ["ls *"]
    wrong = await roost("rules", short(session), "--remove", "3")
    assert wrong.code == codes.USAGE


async def test_answer_takes_always_too(roost: Roost, client: AsyncClient) -> None:
    session = await asking(client)
    assert (await roost("answer", short(session), "always")).code == codes.OK
    assert len((await session.config()).granted) == 1


async def test_sessions_are_put_to_sleep_and_woken(roost: Roost, client: AsyncClient, hub: RunningHub) -> None:
    sessions = [await client.create_session() for _ in range(2)]
    for session in sessions:
        await waiting_for(session, "runtime-ready")
    names = [short(session) for session in sessions]
    assert (await roost("pause", *names)).out == "".join(f"{name} sleeps\n" for name in names)
    assert {(await session.info()).phase for session in sessions} == {"paused"}
    woken = await roost("resume", *names, "--json")
    assert [line["session"] for line in woken.lines] == [session.id for session in sessions]
    with anyio.fail_after(20):
        for session in sessions:
            await session.wait_idle()
    assert {(await session.info()).phase for session in sessions} == {"active"}


async def test_files_are_handed_over_with_an_input(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session()
    (roost.folder / "shot.png").write_bytes(b"\x89PNG\0\xff")
    (roost.folder / "notes").write_text("as they are")
    taking = 'script: [{"files": "in"}]'
    files = ("--attach", "shot.png", "--attach", "notes")
    for command in (("send",), ("steer",), ("queue",)):
        done = await roost(*command, short(session), taking, *files, "--json")
        assert done.code == codes.OK, done.err
        await session.wait_idle()
        assert await session.get_file_buffer("in/shot.png") == b"\x89PNG\0\xff"
        assert await session.get_file("in/notes") == "as they are"
        await session.shell("rm -r in")
    given = [event.body.input for event in (await session.read()).events if isinstance(event.body, RunStart)]
    assert [(part.mime, part.filename) for part in given[0] if isinstance(part, FileInput)] == [
        ("image/png", "shot.png"), ("application/octet-stream", "notes"),
    ]  # fmt: skip
    began = script({"files": "in"}, {"bash": {"command": 'echo "$(cat in/notes) by $WHO" > made'}})
    assert (await roost("run", began, "--in-place", *files, "--env", "WHO=me")).code == codes.OK
    assert (roost.folder / "made").read_text() == "as they are by me\n"
    missing = await roost("send", short(session), "x", "--attach", "nowhere", "--json")
    assert (missing.code, missing.error["code"]) == (codes.USAGE, "usage")
    assert (await roost("queue", short(session), "--attach", "notes")).code == codes.USAGE


async def test_a_session_is_configured_and_says_how_it_works(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session()
    name = short(session)
    assert (await roost("rules", name)).out == "no rules\n"
    await roost("rules", name, "--deny", "bash:rm *")
    times = ("--idle", "5m", "--execution", "1h", "--deadline", "10m")
    told = await roost("configure", name, *times, "--headless", "reject", "--visibility", "collaborate",
        "--option", "effort=high", "--option", "n=2", "--metadata", "ticket=7", "--metadata", "who=me", "--json",
    )  # fmt: skip
    assert told.code == codes.OK, told.err
    config, info = await session.config(), await session.info()
    assert (config.timeouts.idle, config.timeouts.execution, config.policy.deadline) == (300, 3600, 600)
    assert (config.policy.headless, config.options) == ("reject", {"effort": "high", "n": 2})
    assert [rule.pattern for rule in config.policy.rules] == ["rm *"]
    assert (info.visibility, info.metadata) == ("collaborate", {"ticket": 7, "who": "me"})
    assert told.json["metadata"] == info.metadata
    assert "idle             300 s\n" in (await roost("configure", name)).out
    for wrong in (("--headless", "maybe"), ("--metadata", "ticket")):
        assert (await roost("configure", name, *wrong)).code == codes.USAGE
    assert (await roost("configure", name, "--idle", "soon", "--json")).error["code"] == "invalid_body"
