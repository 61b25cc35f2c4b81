"""The driver that docs/howto/write-a-driver.md shows keeps what every driver keeps."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from roost.host.home import AgentHome
from roost.ports import Driver
from tests.contract import test_driver as contract
from tests.contract.test_driver import ROOT, Case
from tests.contract.turns import MemoryPast, MemoryTurn, agent_home
from tests.docs.pages import snippets

PAGE = "docs/howto/write-a-driver.md"
SHARED = (
    contract.test_a_run_says_its_answer_and_returns_it,
    contract.test_a_driver_takes_every_change_of_its_configuration,
    contract.test_a_driver_says_only_what_a_host_may_say_and_never_a_runs_end,
    contract.test_messages_parts_and_tools_are_opened_before_use_and_closed_once,
    contract.test_a_driver_works_on_after_an_abort,
    contract.test_a_run_can_be_cancelled_and_the_driver_used_again,
    contract.test_a_driver_has_no_memory_of_events_between_runs,
)
"""What is tested of every driver, with a driver, its case and its turns."""


@pytest.fixture
def case() -> Case:
    return Case(agent="echo", driver="echo", quick="hello there", answer="hello there", endless="so far ...")


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[AgentHome]:
    async with agent_home(tmp_path) as home:
        yield home


@pytest.fixture
def turn(tmp_path: Path) -> Callable[[str], MemoryTurn]:
    return lambda prompt: MemoryTurn(prompt, tmp_path)


def written() -> Driver:
    (code,) = (snippet.text for snippet in snippets(PAGE) if snippet.language == "python")
    names: dict[str, object] = {}
    exec(compile(code, PAGE, "exec"), names)
    made = names["EchoDriver"]
    assert isinstance(made, type)
    return made()


@pytest.fixture
async def driver(home: AgentHome, tmp_path: Path) -> AsyncGenerator[Driver]:
    driver = written()
    await driver.start(tmp_path, {}, {"model": None}, MemoryPast(), home)
    yield driver
    await driver.close()
    await driver.close()


@pytest.mark.parametrize("keeps", SHARED, ids=lambda test: test.__name__.removeprefix("test_"))
async def test_the_written_driver_keeps_what_every_driver_keeps(
    keeps: Callable[[Driver, Case, Callable[[str], MemoryTurn]], Awaitable[None]],
    driver: Driver,
    case: Case,
    turn: Callable[[str], MemoryTurn],
) -> None:
    await keeps(driver, case, turn)


async def test_it_goes_on_from_what_another_has_kept(
    home: AgentHome, turn: Callable[[str], MemoryTurn], tmp_path: Path
) -> None:
    past = MemoryPast()
    for times in (1, 2):
        driver = written()
        await driver.start(tmp_path, {}, {}, past, home)
        await driver.run(turn("again"))
        assert past.state == {"times": times}


def test_its_page_is_short() -> None:
    assert len((ROOT / PAGE).read_text(encoding="utf-8").splitlines()) < 100
