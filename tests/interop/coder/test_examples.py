"""examples/coder: each program, in both languages, does what its first line says."""

import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from roost.testing import RunningHub
from tests.docs.pages import snippets
from tests.interop.coder import packages
from tests.interop.coder.conftest import key_of
from tests.interop.coder.polling import idle, session_when
from tests.interop.coder.published import Published

HOWTO = "docs/howto/use-the-typescript-client.md"
EXAMPLES = packages.ROOT / "examples" / "coder"
SECONDS = 60.0
Run = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
def app(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of somebody's with the examples in it, and the published client."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(installed / "node_modules")
    return folder


async def printed_by(hub: RunningHub, file: Path, *arguments: str) -> str:
    """What this program prints. It knows the hub as the pages say."""
    key = key_of(hub.data)
    environment = packages.environment() | {
        "AGENTUITY_CODER_URL": hub.url, "AGENTUITY_SDK_KEY": key, "ROOST_URL": hub.url, "ROOST_API_KEY": key,
    }  # fmt: skip
    node = [str(packages.node()), "--disable-warning=ExperimentalWarning"]
    command = node if file.suffix == ".ts" else [sys.executable]
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [*command, str(file), *arguments], env=environment, stderr=subprocess.STDOUT, check=False
        )
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


@pytest.fixture(params=["typescript", "python"])
def run(request: pytest.FixtureRequest, app: Path, hub: RunningHub) -> Run:
    """Run an example, in this language: what it prints."""
    language, suffix = request.param, {"typescript": "ts", "python": "py"}[request.param]
    return lambda name, *arguments: printed_by(hub, app / language / f"{name}.{suffix}", *arguments)


async def test_lifecycle_prints_the_hub_the_session_and_its_flags(run: Run, hub: RunningHub) -> None:
    printed = await run("lifecycle")
    for part in (hub.url, "codesess_", "Say hello", "example", "creating", "provisioning"):
        assert part in printed


async def test_app_starts_a_session_that_it_finds_again(run: Run, sdk: Published) -> None:
    session, *words = (await run("app")).split()
    assert words == ["reviews", "pull", "request", "7"]
    detail = await sdk.call("getSession", session)
    assert (detail["label"], detail["metadata"]) == ("Review #7", {"app": "reviews", "pullRequest": 7})
    assert "secret" not in str(detail)


async def test_state_prints_what_was_said(run: Run, sdk: Published) -> None:
    session = await sdk.session("hello there", label="a state")
    await idle(sdk, session)
    printed = await run("state", session)
    assert "a state active" in printed and printed.count("hello there") == 2


@pytest.fixture(scope="module")
async def crowd(sdk: Published) -> list[str]:
    """More sessions than stand on one page, the first one archived."""
    sessions = [await sdk.session() for _ in range(11)]
    await sdk.call("archiveSession", sessions[0])
    return sessions


async def test_dashboard_prints_every_session_also_archived_ones(run: Run, sdk: Published, crowd: list[str]) -> None:
    lines = (await run("dashboard")).splitlines()
    rows = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
    assert rows[crowd[0]] == "history" and {*crowd} <= {*rows}
    assert len(rows) == len(lines) == (await sdk.call("listSessions", {"includeArchived": True}))["total"]


@pytest.mark.usefixtures("github")
async def test_repository_pins_a_session_to_a_branch(run: Run) -> None:
    printed = await run("repository", "acme", "acme/repo-003")
    assert "acme/repo-003" in printed and printed.rstrip().endswith("at main")


@pytest.mark.parametrize(("end", "last"), [("archive", "archived"), ("delete", "deleted")])
async def test_change_changes_and_ends_a_session(run: Run, sdk: Published, end: str, last: str) -> None:
    session = await sdk.session(tags=["new"], metadata={"kept": "yes"})
    printed = await run("change", session, end)
    for part in ("reviewed", "organization", "anna", "kept"):
        assert part in printed
    assert printed.rstrip().endswith(last)


async def test_connectable_lists_who_is_live_or_asleep(run: Run, sdk: Published) -> None:
    live, past = [await sdk.session(timeout={"idle": "1h"}) for _ in range(2)]
    await idle(sdk, live)
    await sdk.call("archiveSession", past)
    printed = await run("connectable")
    assert live in printed and past not in printed


async def test_attach_says_what_can_be_done(run: Run, sdk: Published, tmp_path: Path) -> None:
    asleep, past = [await sdk.session(timeout={"idle": "1s"}) for _ in range(2)]
    await session_when(sdk, asleep, status="paused")
    await sdk.call("archiveSession", past)
    assert (await run("attach", asleep)).startswith("attach:")
    assert (await run("attach", past)).startswith("history:")


async def test_what_the_how_to_shows_prints_what_it_says(app: Path, hub: RunningHub) -> None:
    program = "".join(snippet.text for snippet in snippets(HOWTO) if snippet.language == "ts")
    page = app / "howto.ts"
    page.write_text(program)
    said = [line.rpartition(" // ")[2] for line in program.splitlines() if "console.log" in line]
    assert (await printed_by(hub, page)).splitlines() == said == ["sandbox", "and again"]
