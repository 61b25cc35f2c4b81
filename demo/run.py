"""`make demo`: one session, two observers, and a hub that is killed with -9 in mid-run. Nobody loses an event.

The agent is a script, so no key and no model are needed. Everything else is real: hub and host are processes, the
repository is a git repository, its tests run, the signal is SIGKILL. `Story` is the part to read. What it shows is
then counted and compared by `check`; the exit code is 1 if any of it does not hold.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roost.client import AsyncClient, AsyncSession
from roost.model import events as e
from roost.model.envelope import Event, encode_event
from roost.testing.leaving import end_hosts

BOUND_SECONDS: Final = 90
"""The story takes about six seconds. A machine that needs this long has a problem that should be seen."""

# --- what the agent is told -------------------------------------------------------------------------------------------

BROKEN: Final = '''"""What a basket of books costs."""


def total(prices: list[int]) -> int:
    return sum(prices[1:])
'''
MENDED: Final = BROKEN.replace("prices[1:]", "prices")
TESTS: Final = """import unittest

from prices import total


class TotalOfABasket(unittest.TestCase):
    def test_an_empty_basket_costs_nothing(self):
        self.assertEqual(total([]), 0)

    def test_a_free_book_costs_nothing(self):
        self.assertEqual(total([0, 12]), 12)

    def test_every_book_is_charged(self):
        self.assertEqual(total([10, 20, 30]), 60)
"""
PYTHON: Final = Path(sys.executable)
RUN_TESTS: Final = f"{PYTHON.name} -m unittest"
COMMIT: Final = "git commit -aqm 'Charge for every book'"
DELTAS: Final = 400
KILLED_AT: Final = 100
"""The agent streams this many numbered deltas, 150 a second; the hub is killed after so many of them."""

SCRIPT: Final = [
    {"text": "I read the code and run its tests."},
    {"bash": {"command": "cat prices.py"}},
    {"bash": {"command": RUN_TESTS}},
    {"deltas": {"count": DELTAS, "bytes": 24, "per_second": 150}},
    {"write": {"path": "prices.py", "content": MENDED}},
    {"bash": {"command": RUN_TESTS}},
    {"ask": {"permission": "commit", "patterns": [COMMIT]}},
    {"bash": {"command": COMMIT}},
    {"text": "The first book of a basket was not charged. It is now."},
]

# --- the story --------------------------------------------------------------------------------------------------------


class Story:
    """What happens, in order, in `tell`; what it leaves behind are the attributes that `check` reads."""

    def __init__(self, stage: "Stage", screen: "Screen") -> None:
        self.stage, self.screen = stage, screen
        self.first = Observer("observer 1", stage.data, Narrator(screen).tell)
        self.second = Observer("observer 2", stage.data)
        self.session: AsyncSession
        self.worktree, self.branch = Path(), ""
        self.killed_by, self.killed_at, self.edited_alone = 0, 0, False
        self.log: list[Event] = []
        self.agents: list[str] = []

    async def tell(self) -> None:
        self.a_repository_with_a_failing_test()
        await self.a_hub()
        async with AsyncClient(data=self.stage.data) as client, anyio.create_task_group() as tasks:
            await self.a_session(client)
            await self.two_observers(tasks)
            await self.the_hub_is_killed_in_mid_run()
            await self.the_agent_goes_on()
            await self.the_hub_comes_back()
            await self.somebody_allows_the_commit()
            await self.the_run_ends()
            await self.everything_stops(client)

    def a_repository_with_a_failing_test(self) -> None:
        make_repository(self.stage.repository)
        self.screen.line("repository", f"made for this; its tests say: {run_tests(self.stage.repository)[1]}")

    async def a_hub(self, words: str = "up") -> None:
        await self.stage.start_hub()
        self.screen.line("hub", f"{words} · pid {self.stage.hub.pid} · {self.stage.url}")

    async def a_session(self, client: AsyncClient) -> None:
        self.session = await client.create_session(
            task="script:" + json.dumps(SCRIPT),
            agent="scripted",
            workspace=self.stage.repository,
            env=agents_environment(),
        )
        workspace = (await self.session.info()).workspace
        self.worktree, self.branch = Path(str(workspace.root)), str(workspace.branch)
        self.screen.line("session", f"{self.session.id} · agent: scripted · worktree {self.branch}")

    async def two_observers(self, tasks: TaskGroup) -> None:
        self.screen.line(self.first.name, "attached from the first event; what the agent does is told from here")
        tasks.start_soon(self.first.follow, self.session.id)
        await self.first.sees(lambda event: isinstance(event.body, e.ToolError))
        self.screen.line(self.second.name, "attached later; it is given the past first")
        tasks.start_soon(self.second.follow, self.session.id)

    async def the_hub_is_killed_in_mid_run(self) -> None:
        for observer in (self.first, self.second):
            await observer.sees(delta(KILLED_AT))
        self.killed_by, self.killed_at = await self.stage.kill_hub(), max(self.first.last, self.second.last)
        self.screen.line("hub", f"killed with -9, in mid-run, after event {self.killed_at}", "bold red")

    async def the_agent_goes_on(self) -> None:
        """Its host outlives the hub: wait until its edit is on the disk, where it is not yet."""
        file = self.worktree / "prices.py"
        self.edited_alone = file.read_text() == BROKEN
        while file.read_text() != MENDED:  # noqa: ASYNC110  # a file tells nobody when it changes
            await anyio.sleep(0.05)
        self.screen.line("agent", "goes on without a hub: prices.py has changed on the disk", "green")

    async def the_hub_comes_back(self) -> None:
        await self.a_hub("up again, on the same data")

    async def somebody_allows_the_commit(self) -> None:
        """Anybody with a key may, from anywhere."""
        asked = await self.first.sees(lambda event: isinstance(event.body, e.PermissionAsked))
        assert isinstance(asked.body, e.PermissionAsked)
        await self.session.reply_to_permission(asked.body.request, "once")
        self.screen.line("you", "allow it, through the hub that runs now")

    async def the_run_ends(self) -> None:
        await self.session.wait_idle()
        while page := (await self.session.read(after=len(self.log), limit=5000)).events:
            self.log += page
        for observer in (self.first, self.second):
            await observer.sees(lambda event: event.seq == self.log[-1].seq)
        self.screen.line("session", f"its run has ended: {self.log[-1].type}")

    async def everything_stops(self, client: AsyncClient) -> None:
        self.agents = [agent.name for agent in await client.agents()]
        await client.shutdown()
        await self.stage.hub.wait()
        self.screen.line("hub", "down, as by `roost down`: the session sleeps, its host has left")


def delta(number: int) -> Callable[[Event], bool]:
    """Whether an event is this one of the numbered deltas."""
    return lambda event: isinstance(event.body, e.TextDelta) and event.body.delta.startswith(f"{number:08}")


# --- what it claims ---------------------------------------------------------------------------------------------------


def check(story: Story, screen: "Screen") -> None:
    """Every claim, counted and compared. Nothing here is taken from what was printed above."""
    log, count, numbers = story.log, len(story.log), numbered_deltas(story.log)
    passed, last_line = run_tests(story.worktree)
    untouched = (story.stage.repository / "prices.py").read_text() == BROKEN
    screen.title("What was claimed")
    screen.claim(story.killed_by == signal.SIGKILL, f"the hub died of signal {story.killed_by}")
    screen.claim(story.killed_at < count, f"it died in mid-run: {count - story.killed_at} of {count} events came later")
    screen.claim(story.edited_alone, "the agent went on: it edited the file while there was no hub")
    screen.claim(one_run_of_one_host(log), "the same run, in the same host process, is what completed")
    for observer in (story.first, story.second):
        has = f"{observer.name} has {len(observer.events)} of {count} events, 1..{observer.last}, each once"
        screen.claim(observer.has_each_once() and observer.last == count, has)
    equal = same(story.first.events, log) and same(story.second.events, log)
    screen.claim(equal, "what they have is the log, to the byte")
    screen.claim(numbers == list(range(DELTAS)), f"{len(numbers)} of {DELTAS} numbered deltas, in order")
    screen.claim(passed, f"the failing test passes, run again in the worktree: {last_line}")
    screen.claim(untouched, f"main is as it was; the work is a commit on {story.branch}")


def one_run_of_one_host(log: list[Event]) -> bool:
    """One run that completed, and one `runtime-ready`: no second host was started for it."""
    runs = {event.run for event in log if isinstance(event.body, e.RunStart)}
    hosts = [event for event in log if isinstance(event.body, e.RuntimeReady)]
    return len(runs) == len(hosts) == 1 and isinstance(log[-1].body, e.RunComplete) and {log[-1].run} == runs


def same(events: list[Event], log: list[Event]) -> bool:
    return [encode_event(event) for event in events] == [encode_event(event) for event in log]


def numbered_deltas(log: list[Event]) -> list[int]:
    texts = [event.body.delta for event in log if isinstance(event.body, e.TextDelta)]
    return [int(text[:8]) for text in texts if text[:8].isdigit()]


# --- who takes part ---------------------------------------------------------------------------------------------------


class DemoFailed(Exception):
    """The story cannot go on."""


class Stage:
    """The folders and processes of the demo. `clear_away` leaves nothing of them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="roost-demo-"))
        self.data, self.repository, self._log = (self.folder / name for name in ("data", "books", "hub.log"))
        self.hub: Process
        self.url = ""

    async def start_hub(self) -> None:
        """`roost up` in a process of its own, on a free port. Returns once it is ready."""
        command = [sys.executable, "-m", "roost", "up", "--json", "--data", str(self.data), "--port", "0"]
        command += ["--config", os.devnull]
        with self._log.open("ab") as log:
            self.hub = await anyio.open_process(command, stderr=log, env=plain_environment(), start_new_session=True)
        assert self.hub.stdout is not None
        try:
            with anyio.fail_after(30):
                ready = await BufferedByteReceiveStream(self.hub.stdout).receive_until(b"\n", 65_536)
        except (anyio.IncompleteRead, TimeoutError):
            raise DemoFailed(f"the hub did not start:\n{self._log.read_text()[-2000:]}") from None
        self.url = json.loads(ready)["url"]

    async def kill_hub(self) -> int:
        """No warning, no goodbye. Returns the signal that ended it."""
        self.hub.send_signal(signal.SIGKILL)
        return -await self.hub.wait()

    async def clear_away(self) -> None:
        """However far the story came. A host outlives its hub, so it is ended here."""
        if hasattr(self, "hub") and self.hub.returncode is None:
            await self.kill_hub()
        await end_hosts(self.data)
        await to_thread.run_sync(shutil.rmtree, self.folder, True)


@dataclass
class Observer:
    """Somebody who watches through a client of their own, and keeps every event that comes."""

    name: str
    data: Path
    tell: Callable[[Event], None] = lambda _event: None
    events: list[Event] = field(default_factory=list[Event])
    _came: anyio.Event = field(default_factory=anyio.Event)

    @property
    def last(self) -> int:
        return self.events[-1].seq if self.events else 0

    async def follow(self, session: str) -> None:
        """From the first event to the end of the run. The client reconnects by itself, to wherever the hub is."""
        async with AsyncClient(data=self.data) as client:
            async for event in client.session(session).events(until=("run-complete", "run-error", "run-aborted")):
                self.events.append(event)
                self.tell(event)
                self._came.set()
                self._came = anyio.Event()

    async def sees(self, wanted: Callable[[Event], bool]) -> Event:
        """The first event like this that it has, or will have."""
        looked_at = 0
        while True:
            came = self._came
            for event in self.events[looked_at:]:
                if wanted(event):
                    return event
            looked_at = len(self.events)
            await came.wait()

    def has_each_once(self) -> bool:
        return [event.seq for event in self.events] == list(range(1, self.last + 1)) != []


def make_repository(folder: Path) -> None:
    """A git repository with one commit, in which one of three tests fails. Your git settings do not reach it."""
    folder.mkdir()
    (folder / "prices.py").write_text(BROKEN)
    (folder / "test_prices.py").write_text(TESTS)
    settings = {"user.name": "Demo", "user.email": "demo@example.com", "commit.gpgSign": "false"}
    settings["core.hooksPath"] = os.devnull
    git(folder, "init", "-q", "-b", "main")
    for name, value in settings.items():
        git(folder, "config", name, value)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Sell books")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=plain_environment(), check=True)


def plain_environment() -> dict[str, str]:
    """Yours, without what would make this hub or this repository another one."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ROOST_", "GIT_"))}


def run_tests(folder: Path) -> tuple[bool, str]:
    """Whether the tests in this folder pass, and the last line they print."""
    done = subprocess.run([PYTHON, "-B", "-m", "unittest"], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr.strip().splitlines()[-1]


def agents_environment() -> dict[str, str]:
    """The agent's commands find the Python that runs this demo, and leave no caches in the worktree."""
    return {"PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}


# --- what is printed --------------------------------------------------------------------------------------------------


class Screen:
    """A line for each thing that happens: when, who, what. Colour only says again what the words say."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = 110
        self.failed = False
        self._start = monotonic()

    def title(self, text: str, *notes: str) -> None:
        self.console.print(Text(f"\n{text}", "bold"), *(Text(note, "dim") for note in notes), "", sep="\n")

    def line(self, who: str, what: str, style: str = "") -> None:
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=6, justify="right", style="dim")
        row.add_column(width=10, style={"hub": "cyan", "agent": "green", "you": "yellow"}.get(who, "bold"))
        row.add_column(style=style)
        row.add_row(f"{monotonic() - self._start:.1f} s", who, Text(what))
        self.console.print(row)

    def claim(self, holds: bool, text: str) -> None:
        self.failed |= not holds
        self.console.print(Text.assemble(("  ✓ ", "green") if holds else ("  ✗ ", "bold red"), text))

    def hint(self, what: str, command: str) -> None:
        self.console.print(Text(f"  {what}", "dim"), Text(f"    {command}"), sep="\n", soft_wrap=True)


class Narrator:
    """Tells what the agent does, from the events of one observer."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._said: dict[str, str] = {}
        self._calls: dict[str, str] = {}

    def tell(self, event: Event) -> None:
        match event.body:
            case e.TextDelta(part=part, delta=text) | e.ToolDelta(part=part, delta=text):
                self._said[part] = self._said.get(part, "") + text
            case e.PartDone(part=part):
                text = self._said.pop(part, "")
                self._screen.line("agent", f"{DELTAS} numbered deltas" if text.startswith("0000") else text)
            case e.ToolStart(part=part, tool=tool, title=str(title)):
                self._calls[part] = f"$ {title}" if tool == "bash" else title
            case e.ToolComplete(part=part) | e.ToolError(part=part):
                self._tool_ended(part)
            case e.PermissionAsked(permission=permission, patterns=patterns):
                self._screen.line("agent", f"asks: may I {permission}?  {', '.join(patterns)}")
            case _:
                pass

    def _tool_ended(self, part: str) -> None:
        printed = self._said.pop(part, "").strip().splitlines()
        result = f"  →  {printed[-1].strip()}" if printed else ""
        self._screen.line("agent", f"{self._calls.pop(part)}{result}")


def ways_on(agents: list[str], screen: Screen) -> None:
    roost = os.path.relpath(PYTHON.with_name("roost"))
    screen.title("Go on by yourself")
    screen.hint("the same agent, here; a hub is started if none runs", f'{roost} run "hello" --agent scripted')
    screen.hint(
        f"the same with a real agent, in your repository; this version can run: {', '.join(agents)}",
        f'{roost} run "Make the failing test pass." --repo FOLDER --agent AGENT',
    )
    screen.console.print()


# --- from start to end ------------------------------------------------------------------------------------------------


async def demo(screen: Screen) -> None:
    screen.title(
        "Roost: a session that survives",
        "One session, two observers, and a hub that is killed in mid-run.",
        "The agent is a script: no key, no model. Everything else is real.",
    )
    stage = Stage()
    try:
        story = Story(stage, screen)
        with anyio.fail_after(BOUND_SECONDS):
            await story.tell()
        check(story, screen)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what follows is short, and must not be cut off
        with anyio.CancelScope(shield=True):
            await stage.clear_away()
    ways_on(story.agents, screen)


def main() -> int:
    screen, stopped = Screen(), 0
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        anyio.run(demo, screen)
    except* KeyboardInterrupt:
        stopped = 130
        screen.console.print("\nStopped; everything is cleared away.")
    except* DemoFailed as failed:
        screen.claim(False, str(failed.exceptions[0]))
    return stopped or int(screen.failed)


if __name__ == "__main__":
    sys.exit(main())
