"""The command that a session begins with: told whatever comes of it, waited for, broken off, run beside the agent."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from roost.host.initial import TOLD_BYTES, Initial
from roost.host.tree import Tree
from roost.model.events import CommandUpdated, InitialCommand, Kit, WorkspaceSpec
from roost.model.ids import SessionId
from roost.model.ticket import Ticket
from roost.processes import birth, new_host_mark

TICKET = Ticket(
    session=SessionId("codesess_000000000011"), epoch=1, token="", data="", agent="scripted",
    workspace=WorkspaceSpec(kind="folder", path="."), env={}, settings={},
)  # fmt: skip


class Site:
    """A real tree of processes, and what was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = Tree(new_host_mark(TICKET.session, 1), folder.parent / "mark")
        self.told: list[CommandUpdated] = []
        self.heard = anyio.Event()

    def hear(self, said: CommandUpdated) -> None:
        self.told.append(said)
        self.heard.set()

    def initial(self, *words: str, mode: str = "oneshot", begun: bool = False, seconds: float = 60) -> Initial:
        command = InitialCommand(exec=words, mode="interactive" if mode == "interactive" else "oneshot")
        ticket = replace(TICKET, kit=Kit(command=command), begun=begun)
        return Initial(ticket, self.tree, {"GIVEN": "to the session"}, self.hear, seconds=seconds)

    async def has(self, name: str) -> str:
        """The content of a file, once there is some."""
        with anyio.fail_after(30):
            while not ((path := self.folder / name).exists() and path.read_text().endswith("\n")):  # noqa: ASYNC110
                await anyio.sleep(0.01)
        return path.read_text()

    async def gone(self, pid: str) -> None:
        with anyio.fail_after(30):
            while birth(int(pid)) is not None:  # noqa: ASYNC110  # no event tells of it
                await anyio.sleep(0.01)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    folder = tmp_path / "folder"
    folder.mkdir()
    site = Site(folder)
    yield site
    await site.tree.kill()


async def test_it_runs_in_the_workspace_with_what_the_session_was_given_and_its_end_is_told(site: Site) -> None:
    await site.initial("sh", "-c", 'echo "$GIVEN" > it; echo done').begin(site.folder)
    assert (site.folder / "it").read_text() == "to the session\n"
    words = ("sh", "-c", 'echo "$GIVEN" > it; echo done')
    assert site.told == [
        CommandUpdated(status="running", exec=words),
        CommandUpdated(status="ended", exit_code=0, output="done\n"),
    ]


async def test_another_exit_code_is_told_with_the_end_of_what_was_printed_and_nothing_is_raised(site: Site) -> None:
    await site.initial("sh", "-c", f"head -c {2 * TOLD_BYTES} /dev/zero; echo no rule >&2; exit 7").begin(site.folder)
    end = site.told[-1]
    assert (end.status, end.exit_code) == ("ended", 7)
    assert end.output is not UNSET and len(end.output) == TOLD_BYTES and end.output.endswith("\0no rule\n")


async def test_what_cannot_be_started_has_failed_and_nothing_is_raised(site: Site) -> None:
    await site.initial("no-such-program").begin(site.folder)
    error = site.told[-1].error
    assert error is not UNSET and error.code == "start_failed" and "no-such-program" in error.message


async def test_one_that_takes_too_long_is_killed_with_what_it_printed_told(site: Site) -> None:
    await site.initial("sh", "-c", "echo $$ > pid; echo so far; sleep 600", seconds=1).begin(site.folder)
    end = site.told[-1]
    assert end.error is not UNSET and end.error.code == "timed_out" and end.output == "so far\n"
    await site.gone(await site.has("pid"))


async def test_whoever_aborts_what_waits_for_it_ends_it_too_and_it_is_not_begun_again(site: Site) -> None:
    initial = site.initial("sh", "-c", "echo $$ > pid; sleep 600")
    pid = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(initial.begin, site.folder)
        pid = await site.has("pid")
        initial.stop()
    error = site.told[-1].error
    assert error is not UNSET and error.code == "aborted"
    await site.gone(pid)
    await initial.begin(site.folder)
    assert len(site.told) == 2


async def test_cut_off_with_its_host_it_leaves_nothing_and_tells_no_end(site: Site) -> None:
    pid = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(site.initial("sh", "-c", "echo $$ > pid; sleep 600").begin, site.folder)
        pid = await site.has("pid")
        tasks.cancel_scope.cancel()
    await site.gone(pid)
    assert [said.status for said in site.told] == ["running"]


async def test_it_runs_once_in_the_life_of_a_session(site: Site) -> None:
    await site.initial("touch", "it", begun=True).begin(site.folder)
    assert site.told == [] and not (site.folder / "it").exists()


async def test_an_interactive_one_runs_beside_the_agent_with_each_host(site: Site) -> None:
    initial = site.initial("sh", "-c", "echo $$ > pid; sleep 600", mode="interactive", begun=True)
    pid = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(initial.keep)
        await initial.begin(site.folder)
        pid = await site.has("pid")
        initial.stop()
        assert birth(int(pid)) is not None, "no run waits for it"
        tasks.cancel_scope.cancel()
    await site.gone(pid)
