"""Who decides: a rule, an earlier "always", a policy, a deadline, or one of many people; once, and it stays decided."""

import anyio
import httpx
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.commands import MAX_RULES
from roost.model.errors import ConfigConflict, InvalidBody, PermissionNotFound, SessionNotFound
from roost.model.events import PermissionReplied, QuestionReplied, Rule
from roost.model.info import Accepted
from roost.model.record import Pending
from roost.testing import HubProcess
from tests.behaviour.conftest import Mark, ask, script, stands, types, until


async def asked(session: AsyncSession, count: int = 1) -> tuple[Pending, ...]:
    """What the session asks, once it asks so much."""
    await stands(session, lambda info: info.pending == count)
    return await session.pending()


async def replies(session: AsyncSession) -> list[tuple[str, str, object, str]]:
    """Each answer in the log: the reply, why, what was said with it, and by whom."""
    found: list[tuple[str, str, object, str]] = []
    for event in (await session.read(limit=5000)).events:
        body = event.body
        if isinstance(body, PermissionReplied | QuestionReplied):
            assert event.by is not UNSET
            message = body.message if isinstance(body, PermissionReplied) else UNSET
            found.append((body.reply, body.why or "", message or "", event.by.user))
    return found


async def test_a_permission_is_answered_once_and_the_run_goes_on(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(task=script(ask("make"), {"text": " went on"}))
    (entry,) = await asked(session)
    await mark()
    assert await session.pending_permissions() == (entry,)
    accepted = await session.reply_to_permission(entry.request, "once")
    assert accepted.run is not UNSET
    result = await session.result(accepted.run)
    assert (result.text, result.error) == ("bash: allowed once went on", UNSET)
    with pytest.raises(PermissionNotFound):
        await session.reply_to_permission(entry.request, "once")
    me = (await session.info()).owner.user
    assert await replies(session) == [("once", "", "", me)]


async def test_an_answer_may_be_repeated_under_its_key(client: AsyncClient, mark: Mark) -> None:
    """A client that does not know whether its answer arrived asks again, and is told the same."""
    session = await client.create_session(task=script(ask("make"), {"text": "went on"}))
    (entry,) = await asked(session)
    accepted = await session.reply_to_permission(entry.request, "once", key=f"answer {session.id}")
    await mark()
    assert await session.reply_to_permission(entry.request, "once", key=f"answer {session.id}") == accepted


async def test_of_two_clients_that_answer_at_once_one_wins(hub: HubProcess, mark: Mark) -> None:
    async with hub.client() as one, hub.client() as two:
        session = await one.create_session(task=script(ask("make"), {"text": "went on"}))
        (entry,) = await asked(session)
        await mark()
        outcomes: list[Accepted | PermissionNotFound] = []

        async def answer(client: AsyncClient) -> None:
            try:
                outcomes.append(await client.session(session.id).reply_to_permission(entry.request, "once"))
            except PermissionNotFound as error:
                outcomes.append(error)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(answer, one)
                tasks.start_soon(answer, two)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted", "PermissionNotFound"]
        await until(session, "run-complete")
        assert len(await replies(session)) == 1


@pytest.mark.parametrize(
    ("message", "end", "text"),
    [(None, "run-aborted", ""), ("use make", "run-complete", "bash: rejected: use make went on")],
)
async def test_a_rejection_stops_the_run_or_tells_the_agent_what_to_do_instead(
    client: AsyncClient, message: str | None, end: str, text: str, mark: Mark
) -> None:
    session = await client.create_session(task=script(ask("rm x"), {"text": " went on"}))
    (entry,) = await asked(session)
    await mark()
    accepted = await session.reply_to_permission(entry.request, "reject", message)
    assert accepted.run is not UNSET
    result = await session.result(accepted.run)
    assert ((await types(session, after=result.seq - 1))[0], result.text) == (end, text)


async def test_always_allows_it_for_the_session_and_can_be_taken_back(client: AsyncClient, mark: Mark) -> None:
    twice = script(ask("git push", always=("git *",)), ask("git pull"), {"text": "."})
    session = await client.create_session(task=twice)
    (entry,) = await asked(session)
    accepted = await session.reply_to_permission(entry.request, "always")
    assert accepted.run is not UNSET
    await session.result(accepted.run)
    me = (await session.info()).owner.user
    assert await replies(session) == [("always", "", "", me), ("once", "granted", "", "roost")]
    await mark()
    config = await session.config()
    assert config.granted == (Rule(permission="bash", pattern="git *", action="allow"),)
    await session.pause()  # what was granted outlives the host
    assert (await session.send(script(ask("git status")))).text == "bash: allowed once"
    assert (await session.configure(granted=[])).granted == ()
    await session.start(script(ask("git status")))
    await asked(session)


def rule(pattern: str) -> Rule:
    return Rule(permission="bash", pattern=pattern, action="allow")


async def test_of_two_who_change_rules_at_once_both_are_heard(hub: HubProcess, client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(policy={"rules": [rule("old")], "headless": "reject", "deadline": "10m"})
    async with hub.client() as other, anyio.create_task_group() as tasks:

        async def change(mine: AsyncSession, name: str) -> None:
            for number in range(10):
                await mine.configure(add_rules=[rule(f"{name} {number}")], grant=[rule(f"{name} {number}")])
            await mine.configure(remove_rules=[rule(f"{name} 0"), rule("old")], revoke=[rule(f"{name} 0")])

        tasks.start_soon(change, session, "one")
        tasks.start_soon(change, other.session(session.id), "two")
    await mark()
    config = await session.config()
    left = {f"{name} {number}" for name in ("one", "two") for number in range(1, 10)}
    assert {each.pattern for each in config.policy.rules} == {each.pattern for each in config.granted} == left
    assert (config.policy.headless, config.policy.deadline) == ("reject", 600)
    again = await session.configure(add_rules=[rule("one 1")], remove_rules=[rule("never there")])
    assert again == config


async def test_a_change_that_was_meant_for_an_older_configuration_is_refused(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session()
    seen = (await session.config()).version
    changed = await session.configure(policy={"rules": [rule("make")]}, expect=seen)
    await mark()
    assert (await session.config()).version == changed.version != seen
    with pytest.raises(ConfigConflict) as refused:
        await session.configure(policy={"rules": []}, model="other", expect=seen)
    assert refused.value.details["version"] == changed.version
    assert await session.config() == changed


async def test_rules_that_are_added_have_the_limit_of_a_policy(client: AsyncClient) -> None:
    session = await client.create_session(policy={"rules": [rule(f"{number}") for number in range(MAX_RULES - 1)]})
    full = await session.configure(add_rules=[rule("the last")])
    assert len(full.policy.rules) == MAX_RULES
    with pytest.raises(InvalidBody):
        await session.configure(add_rules=[rule("one more")])
    assert await session.config() == full


async def test_rules_decide_before_a_person_and_deny_goes_first(client: AsyncClient, mark: Mark) -> None:
    rules = [
        {"permission": "bash", "pattern": "git *", "action": "allow"},
        {"permission": "bash", "pattern": "git push *", "action": "ask"},
        {"permission": "bash", "pattern": "* --force", "action": "deny"},
    ]
    session = await client.create_session(policy={"rules": rules})
    await mark()
    result = await session.send(script(ask("git status"), {"text": ", "}, ask("git push --force"), {"text": "."}))
    assert result.error is UNSET
    assert result.text == ("bash: allowed once, bash: rejected: a rule of this session denies bash: git push --force.")
    assert [why for _, why, _, by in await replies(session) if by == "roost"] == ["rule", "rule"]
    await session.start(script(ask("git push origin")))
    await asked(session)
    await session.configure(policy={"rules": [{"permission": "bash", "action": "allow"}]})
    await until(session, "run-complete", after=result.seq)


@pytest.mark.parametrize(("headless", "text"), [("allow", "bash: allowed once."), ("reject", "bash: rejected: nobody")])
async def test_a_headless_session_asks_nobody(client: AsyncClient, headless: str, text: str, mark: Mark) -> None:
    session = await client.create_session(policy={"headless": headless})
    await mark()
    result = await session.send(script(ask("rm x"), {"text": "."}, {"question": "Which?"}))
    assert result.text.startswith(text) and result.text.endswith("question: reject")
    assert [(why, by) for _, why, _, by in await replies(session)] == [("headless", "roost")] * 2


@pytest.mark.parametrize(("action", "text"), [("allow", "bash: allowed once"), ("reject", "bash: rejected: nobody")])
async def test_nobody_answers_in_time(client: AsyncClient, action: str, text: str) -> None:
    session = await client.create_session(policy={"deadline": "400ms", "action": action})
    result = await session.send(script(ask("rm x"), {"question": "Which?"}))
    assert result.text.startswith(text)
    assert [(why, by) for _, why, _, by in await replies(session)] == [("deadline", "roost")] * 2


@pytest.mark.parametrize("stop", ["terminate", "kill"])
async def test_a_deadline_that_passes_while_the_hub_is_down_is_acted_on_when_it_starts(
    hub: HubProcess, client: AsyncClient, stop: str
) -> None:
    session = await client.create_session(task=script(ask("rm x")), policy={"deadline": 2, "action": "allow"})
    (entry,) = await asked(session)
    await (hub.terminate() if stop == "terminate" else hub.kill())
    await anyio.sleep(2.1)  # the deadline itself
    await hub.start()
    end = await until(session, "run-complete")
    assert [(reply, why) for reply, why, _, _ in await replies(session)] == [("once", "deadline")]
    assert end.at - entry.at >= 2000


async def test_before_its_deadline_a_person_decides(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(task=script(ask("rm x")), policy={"deadline": "1h"})
    (entry,) = await asked(session)
    await mark()
    await session.reply_to_permission(entry.request, "once")
    await until(session, "run-complete")
    assert [why for _, why, _, _ in await replies(session)] == [""]


async def test_a_question_is_answered_with_labels_or_own_words_or_rejected(client: AsyncClient, mark: Mark) -> None:
    choice = {"question": {"question": "Which?", "options": ["left", "right"]}}
    session = await client.create_session(task=script(choice, {"question": "Why?"}))
    (entry,) = await asked(session)
    await mark()
    with pytest.raises(InvalidBody):
        await session.reply_to_question(entry.request, [["left"], ["right"]])
    await session.reply_to_question(entry.request, [["left"]])
    await until(session, "question-asked", after=entry.seq)
    (entry,) = await asked(session)
    accepted = await session.reply_to_question(entry.request, None)
    assert accepted.run is not UNSET
    assert (await session.result(accepted.run)).text == "answered: leftquestion: reject"


async def test_an_abort_rejects_what_the_run_had_asked(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(task=script(ask("rm x")))
    (entry,) = await asked(session)
    await mark()
    await session.abort()
    assert await session.pending() == ()
    with pytest.raises(PermissionNotFound):
        await session.reply_to_permission(entry.request, "once")
    assert [reply for reply, _, _, _ in await replies(session)] == ["reject"]


async def test_a_lost_host_settles_what_it_had_asked_as_interrupted(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"bash": {"command": "sleep 1; kill -9 $PPID"}}, ask("rm x")))
    await until(session, "session-paused")
    assert (await session.info()).pending == 0
    assert all(reply == "interrupted" and by == "roost" for reply, _, _, by in await replies(session))


async def test_a_request_that_nobody_answers_parks_the_session_and_its_input_is_offered_again(
    client: AsyncClient, mark: Mark
) -> None:
    session = await client.create_session(task=script(ask("rm x"), {"text": "."}), timeouts={"parked": "500ms"})
    await until(session, "session-paused")
    info = await session.info()
    assert (info.phase, info.queued, info.pending, info.queue_held) == ("paused", 1, 0, True)
    await mark()
    await session.configure(timeouts={"parked": 0})
    await session.resume()
    (entry,) = await asked(session)
    await session.reply_to_permission(entry.request, "once")
    await until(session, "run-complete")
    assert [m.info.role for m in await session.messages()].count("user") == 1  # it was said once
    assert [reply for reply, _, _, _ in await replies(session)] == ["interrupted", "once"]


async def test_who_needs_me_lists_the_open_requests_of_all_sessions(client: AsyncClient, mark: Mark) -> None:
    before = {entry.request.request for entry in await client.pending()}
    first = await client.create_session(task=script(ask("make")), label="first")
    (one,) = await asked(first)
    second = await client.create_session(task=script({"question": "Which?"}), label="second")
    (two,) = await asked(second)
    await mark()
    found = [entry for entry in await client.pending() if entry.request.request not in before]
    assert [(entry.session, entry.label, entry.request) for entry in found] == [
        (first.id, "first", one),
        (second.id, "second", two),
    ]
    for session in (first, second):
        await session.archive()
    assert {entry.request.request for entry in await client.pending()} <= before


@pytest.mark.parametrize(
    ("policy", "fits"),
    [
        ({"rules": [{"permission": "x", "action": "allow"}] * 200}, True),
        ({"rules": [{"permission": "x", "action": "allow"}] * 201}, False),
        ({"rules": [{"permission": "x" * 1000, "action": "allow"}]}, True),
        ({"rules": [{"permission": "x" * 1001, "action": "allow"}]}, False),
        ({"rules": [{"permission": "x", "pattern": "", "action": "allow"}]}, False),
        ({"rules": [{"permission": "x", "action": "alow"}]}, False),
        ({"headles": "reject"}, False),
        ({"deadline": "10 parsecs"}, False),
        ({"deadline": -1}, False),
    ],
)
async def test_a_policy_is_checked_before_it_counts(client: AsyncClient, policy: dict[str, object], fits: bool) -> None:
    if fits:
        session = await client.create_session(policy=policy)
        await session.archive()
    else:
        with pytest.raises(InvalidBody):
            await client.create_session(policy=policy)


async def test_what_is_said_with_a_rejection_is_at_most_32_ki_characters(client: AsyncClient) -> None:
    session = await client.create_session(task=script(ask("rm x")))
    (entry,) = await asked(session)
    with pytest.raises(InvalidBody):
        await session.reply_to_permission(entry.request, "reject", "x" * (32 * 1024 + 1))
    await session.reply_to_permission(entry.request, "reject", "x" * 32 * 1024)
    await until(session, "run-complete")


async def test_who_needs_me_shows_only_what_one_may_see(hub: HubProcess, client: AsyncClient) -> None:
    address = client.address
    headers = {"Authorization": f"Bearer {address.api_key}"}
    async with httpx.AsyncClient(base_url=address.url, headers=headers, timeout=10, trust_env=False) as http:
        other = (await http.post("/v1/keys", json={"user": "somebody-else"})).json()["secret"]
    sessions = [await client.create_session(task=script(ask("make")), visibility=v) for v in ("private", "collaborate")]
    for session in sessions:
        await asked(session)
    async with AsyncClient(address.url, other) as theirs:
        seen = {entry.session for entry in await theirs.pending()}
        assert seen & {session.id for session in sessions} == {sessions[1].id}
        (entry,) = await sessions[0].pending()
        with pytest.raises(SessionNotFound):
            await theirs.session(sessions[0].id).reply_to_permission(entry.request, "once")
    for session in sessions:
        await session.archive()
