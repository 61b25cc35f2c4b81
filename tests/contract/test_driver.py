"""What every driver keeps. A new one adds a `Case` and must pass unchanged."""

import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import pytest
from msgspec import Struct

from roost.drivers import DRIVERS, load_driver
from roost.host.home import AgentHome
from roost.model import events as e
from roost.model.envelope import DELTAS, tag_of
from roost.model.errors import AgentUnknown
from roost.model.lifecycle import FROM_HOST, RUN_ENDS
from roost.ports import Driver
from roost.settings import AgentSettings
from tests.contract.turns import MemoryPast, MemoryTurn, agent_home

ROOT = Path(__file__).resolve().parent.parent.parent


class Case(Struct, frozen=True, kw_only=True):
    """How to make one kind of agent do what the contract is about."""

    agent: str
    driver: str
    own: AgentSettings | None = None
    quick: str
    """A prompt that is answered at once, with this text"""
    answer: str
    endless: str
    """A prompt whose run does not end by itself, but says something first."""


CASES = [
    Case(
        agent="scripted",
        driver="scripted",
        quick='script:[{"reasoning": "hm"}, {"text": "hello there"}, {"bash": {"command": "ls"}}, {"usage": {}}]',
        answer="hello there",
        endless='script:[{"text": "so far"}, {"sleep": 3600}]',
    ),
    Case(
        agent="tested",
        driver="acp",
        own=AgentSettings(command=(sys.executable, str(ROOT / "tests/acp/agent.py"), "resume")),
        quick='[{"think": "hm"}, {"say": "hello there"}, {"bash": "true"}, {"usage": 0.5}]',
        answer="hello there ",
        endless='[{"say": "so far"}, {"wait": "never"}]',
    ),
    Case(
        agent="shown",
        driver="terminal",
        own=AgentSettings(terminal=(sys.executable, str(ROOT / "tests/terminal/program.py")), ready="^>$"),
        quick="say hello there",
        answer="hello there\n>",
        endless="flood 60\nnever",
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.agent)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[AgentHome]:
    async with agent_home(tmp_path) as home:
        yield home


@pytest.fixture
async def driver(case: Case, home: AgentHome, tmp_path: Path) -> AsyncGenerator[Driver]:
    driver = load_driver(case.agent, case.own)
    await driver.start(tmp_path, {}, {"model": None}, MemoryPast(), home)
    yield driver
    await driver.close()
    await driver.close()


@pytest.fixture
def turn(tmp_path: Path) -> Callable[[str], MemoryTurn]:
    return lambda prompt: MemoryTurn(prompt, tmp_path)


def test_every_driver_has_its_case() -> None:
    assert {case.driver for case in CASES} == set(DRIVERS)


def test_an_agent_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(AgentUnknown, match="scripted"):
        load_driver("nobody")


async def test_a_run_says_its_answer_and_returns_it(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    made = turn(case.quick)
    result = await driver.run(made)
    text = "".join(body.delta for body in made.said if isinstance(body, e.TextDelta))
    assert text == result.text == case.answer
    assert result.message in {body.message for body in made.said if isinstance(body, e.MessageStart)}


async def test_a_driver_goes_on_from_what_another_has_kept(
    case: Case, turn: Callable[[str], MemoryTurn], home: AgentHome, tmp_path: Path
) -> None:
    past = MemoryPast()
    for _ in range(2):
        driver = load_driver(case.agent, case.own)
        await driver.start(tmp_path, {}, {"model": None}, past, home)
        assert (await driver.run(turn(case.quick))).text == case.answer
        await driver.close()
        past = MemoryPast(past.state)


async def test_a_driver_takes_every_change_of_its_configuration(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    changes = (e.ConfigChanged(model="other"), e.ConfigChanged(mode="plan", options={"x": {"y": 1}}), e.ConfigChanged())
    for changed in (*changes, *changes):
        await driver.configure(changed)
    assert (await driver.run(turn(case.quick))).text == case.answer


async def test_a_driver_says_only_what_a_host_may_say_and_never_a_runs_end(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    made = turn(case.quick)
    await driver.run(made)
    assert {type(body) for body in made.said} <= FROM_HOST - set(RUN_ENDS)


async def test_messages_parts_and_tools_are_opened_before_use_and_closed_once(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    made = turn(case.quick)
    await driver.run(made)
    messages, parts, calls = set[str](), set[str](), set[str]()
    for body in made.said:
        match body:
            case e.MessageStart():
                assert body.message not in messages
                messages.add(body.message)
            case e.PartStart():
                assert body.message in messages
                assert body.part not in parts
                parts.add(body.part)
            case e.ToolStart():
                assert body.part in parts
                calls.add(body.call)
            case e.ToolComplete() | e.ToolError():
                calls.remove(body.call)
                parts.remove(body.part)
            case e.PartDone():
                parts.remove(body.part)
            case e.MessageDone():
                messages.remove(body.message)
            case e.TextDelta() | e.ReasoningDelta() | e.ToolInputDelta() | e.ToolDelta():
                assert body.part in parts, tag_of(body)
            case _:
                assert type(body) not in DELTAS
    assert (messages, parts, calls) == (set(), set(), set())


async def test_an_abort_ends_the_run_within_its_grace(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    made = turn(case.endless)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(driver.run, made)
        await made.until(lambda: any(isinstance(body, e.TextDelta) for body in made.said))
        tasks.cancel_scope.deadline = anyio.current_time() + 2
        await driver.abort()
        await driver.abort()
    assert not tasks.cancel_scope.cancelled_caught


async def test_a_driver_works_on_after_an_abort(driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]) -> None:
    await test_an_abort_ends_the_run_within_its_grace(driver, case, turn)
    assert (await driver.run(turn(case.quick))).text == case.answer


async def test_an_abort_without_a_run_does_nothing(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    await driver.abort()
    assert (await driver.run(turn(case.quick))).text == case.answer
    await driver.abort()


async def test_a_run_can_be_cancelled_and_the_driver_used_again(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    made = turn(case.endless)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(driver.run, made)
            await made.until(lambda: any(isinstance(body, e.TextDelta) for body in made.said))
            tasks.cancel_scope.cancel()
    assert (await driver.run(turn(case.quick))).text == case.answer


async def test_a_driver_has_no_memory_of_events_between_runs(
    driver: Driver, case: Case, turn: Callable[[str], MemoryTurn]
) -> None:
    first, second = turn(case.quick), turn(case.quick)
    await driver.run(first)
    await driver.run(second)
    ids = [{body.part for body in made.said if isinstance(body, e.PartStart)} for made in (first, second)]
    assert ids[0].isdisjoint(ids[1])
