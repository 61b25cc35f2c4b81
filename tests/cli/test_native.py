"""`roost native`, against a home with the recorded session of each agent."""

import json
from collections.abc import AsyncIterator

import pytest

from roost.settings import AgentSettings
from roost.testing import running_hub
from tests.cli.conftest import Roost
from tests.natives.recorded import IDS, make_home


@pytest.fixture(scope="module")
async def roost(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roost]:
    place = tmp_path_factory.mktemp("machine")
    env = {"HOME": str(make_home(place))}
    async with running_hub(agents={name: AgentSettings(env=env) for name in IDS if name != "gemini"}) as hub:
        yield Roost(hub.data, place)


async def test_native_sessions_are_listed_a_line_each_and_imported_by_the_beginning_of_an_id(roost: Roost) -> None:
    listed = await roost("native", "--folder", "repo")
    assert sorted(line.split()[0] for line in listed.out.splitlines()) == ["claude", "codex", "opencode", "pi"]
    assert all("TASK=write" in line and str(roost.folder / "repo")[:20] in line for line in listed.out.splitlines())
    (told,) = (await roost("native", "ls", "--agent", "codex", "--json")).lines
    assert (told["id"], told["messages"]) == (IDS["codex"], 9)
    imported = await roost("native", "import", "ses_", "--json")
    assert imported.json["origin"]["id"] == IDS["opencode"]
    assert f"its session {IDS['opencode']}" in (await roost("show", imported.json["session"])).out
    again = await roost("native", "import", IDS["opencode"], "--json")
    assert (again.code, again.error["code"]) == (1, "session_exists")
    assert json.dumps(imported.json["session"]) in again.err
    assert (await roost("native", "import", IDS["opencode"], "--again")).code == 0
    assert "is codesess_" in (await roost("native", "--agent", "opencode")).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("import",), "needs the id"),
        (("ls", "something"), "`ls` nothing"),
        (("import", "00000000-"), "several sessions begin"),
        (("import", "nothing"), "no agent has a session 'nothing'"),
        (("ls", "--agent", "gemini"), "no records of 'gemini' can be read"),
        (("ls", "--limit", "501"), "not in the range 1<=x<=500"),
    ],
)
async def test_what_cannot_be_done_says_why(arguments: tuple[str, ...], told: str, roost: Roost) -> None:
    done = await roost("native", *arguments)
    assert done.code != 0
    assert told in done.err
