"""`make bench-agents`: what Roost adds to a prompt of each real agent, what a session weighs, how long waking takes.

The agents are those of `make test-agents`, with its model that is not, where there is no network. The same prompt goes,
in turns, to an agent that is driven directly over its protocol, and to one in a session of a hub, seen by a client that
follows it. The difference is Roost's, its client in Python included.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, PIPE
from typing import Any, Final

import anyio
import psutil
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from rich.console import Console

from bench import machine, report
from bench.bench import HERE
from bench.table import Row, Spread, percentile
from roost.client import AsyncSession
from roost.drivers.acp.agents import AGENTS, AcpAgent
from roost.installs.places import Installs
from roost.processes import COMMAND_MARK, HOST_MARK, marked, session_of
from roost.testing import HubProcess, hub_process
from tests.agents import installed
from tests.agents.worlds import KEPT, environment_of, fake_model, furnish, settle

PROMPT: Final = "TASK=usage"
"""Answered with one word."""
WARM: Final = 3
PROMPTS: Final = 50
WAKES: Final = 3
GOAL_MS: Final = 10.0
SECONDS: Final = 60.0
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
ENDS: Final = ("run-complete", "run-aborted", "run-error")

Times = tuple[float, float]
"""Milliseconds from the prompt to the first word of the answer, and to its end."""


class Direct:
    """One process of an agent and one session in it, without Roost."""

    def __init__(self, process: Process) -> None:
        assert process.stdin and process.stdout
        self._stdin, self._lines = process.stdin, BufferedByteReceiveStream(process.stdout)
        self._count = 0
        self._session = ""

    async def open(self, agent: AcpAgent, folder: Path) -> None:
        await self._ask("initialize", protocolVersion=1, clientCapabilities={})
        answer, _ = await self._ask("session/new", cwd=str(folder), mcpServers=[])
        self._session = answer["sessionId"]
        if agent.mode:
            await self._ask("session/set_mode", sessionId=self._session, modeId=agent.mode)

    async def prompt(self) -> Times:
        began = time.perf_counter()
        _, first = await self._ask("session/prompt", sessionId=self._session, prompt=[{"type": "text", "text": PROMPT}])
        ended = time.perf_counter()
        return (first - began) * 1000, (ended - began) * 1000

    async def _ask(self, method: str, **params: Any) -> tuple[Any, float]:
        """The result, and when the first word was said."""
        self._count += 1
        first = 0.0
        sent = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}
        await self._stdin.send(json.dumps(sent).encode() + b"\n")
        with anyio.fail_after(SECONDS):
            while True:
                said = json.loads(await self._lines.receive_until(b"\n", MAX_LINE_BYTES))
                if said.get("params", {}).get("update", {}).get("sessionUpdate") == "agent_message_chunk":
                    first = first or time.perf_counter()
                if said.get("id") == self._count and "method" not in said:
                    return said["result"], first


class Through:
    """The same agent in a session of a hub."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def prompt(self) -> Times:
        after = (await self.session.info()).seq
        linked = anyio.Event()
        began, moments = 0.0, list[float]()

        async def stands(is_up: bool) -> None:
            if is_up:
                linked.set()

        async def follow() -> None:
            async for event in self.session.events(after=after, until=ENDS, on_link=stands):
                if event.type in ("text-delta", *ENDS):
                    moments.append(time.perf_counter())

        with anyio.fail_after(SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(follow)
                await linked.wait()
                began = time.perf_counter()
                await self.session.start(PROMPT)
        return (moments[0] - began) * 1000, (moments[-1] - began) * 1000

    def host_mib(self) -> float:
        """Of the host with the driver in it, without the agent."""
        ours = self.session.id
        commands = marked(COMMAND_MARK, lambda mark: session_of(mark) == ours)
        hosts = [each for each in marked(HOST_MARK, lambda mark: session_of(mark) == ours) if each not in commands]
        return sum(psutil.Process(each.pid).memory_info().rss for each in hosts) / 2**20


async def measure(agent: AcpAgent, prompts: int) -> list[Row]:
    """Direct and through Roost, in turns; then what it weighs, and how it wakes."""
    with tempfile.TemporaryDirectory(prefix="bench-agents-") as name:
        folder = Path(name)
        async with fake_model() as model:
            data, config = settle(agent.name, folder / "hub", model)
            async with (
                _driven(agent, folder / "direct", model) as direct,
                _hub(agent, folder / "hub", data, config) as hub,
                hub.client() as client,
            ):
                through = Through(await client.create_session())
                for _ in range(WARM):
                    await direct.prompt()
                    await through.prompt()
                pairs = [(await direct.prompt(), await through.prompt()) for _ in range(prompts)]
                weight = through.host_mib()
                wakes = [await _wake(through) for _ in range(WAKES)]
    return [*_rows(agent.name, pairs), *_others(agent.name, weight, wakes)]


@asynccontextmanager
async def _hub(agent: AcpAgent, folder: Path, data: Path, config: Path) -> AsyncGenerator[HubProcess]:
    with environment_of(folder / "home"):
        async with hub_process(data, config=config, agent=agent.name, sandbox="none") as running:
            yield running


@asynccontextmanager
async def _driven(agent: AcpAgent, folder: Path, model: str) -> AsyncGenerator[Direct]:
    found = Installs(installed.CACHE).find(agent.name)
    assert found, f"{agent.name} is not installed"
    ours = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    env = found.env({**ours, **agent.env, **furnish(agent.name, folder, model)})
    command = [str(found.bin / agent.command[0]), *agent.command[1:]]
    process = await anyio.open_process(command, cwd=folder, env=env, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    async with process:
        try:
            direct = Direct(process)
            await direct.open(agent, folder)
            yield direct
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


async def _wake(through: Through) -> float:
    """Seconds from a prompt to a session that sleeps, to the first word."""
    await through.session.pause()
    first, _ = await through.prompt()
    return first / 1000


def _rows(agent: str, pairs: list[tuple[Times, Times]]) -> list[Row]:
    rows: list[Row] = []
    for at, what in enumerate(("first word", "end")):
        direct, ours = [pair[0][at] for pair in pairs], [pair[1][at] for pair in pairs]
        added = [mine - theirs for theirs, mine in zip(direct, ours, strict=True)]
        tails = percentile(ours, 0.99) - percentile(direct, 0.99)
        rows.append(
            Row(
                name=f"{agent}-{what.replace(' ', '-')}",
                what=f"{agent}: added to the {what}, p50 of {len(pairs)} prompts",
                unit="ms",
                measured=Spread.of(added),
                better="less",
                goal=GOAL_MS if at == 0 else None,
                note=f"p99 {tails:.1f} ms; direct p50 {median(direct):.1f} ms",
                details={"direct": direct, "through": ours},
            )
        )
    return rows


def _others(agent: str, weight: float, wakes: list[float]) -> list[Row]:
    return [
        Row(
            name=f"{agent}-memory",
            what=f"{agent}: resident memory of host and driver",
            unit="MiB",
            measured=Spread.of([weight]),
            better="less",
        ),
        Row(
            name=f"{agent}-wake",
            what=f"{agent}: from a prompt to a session that sleeps to the first word",
            unit="s",
            measured=Spread.of(wakes),
            better="less",
        ),
    ]


async def main(names: list[str]) -> int:
    assert set(psutil.net_if_addrs()) == {"lo"}, "there is a network: make bench-agents"
    console, rows = Console(highlight=False), list[Row]()
    for name in names or list(AGENTS):
        rows += await measure(AGENTS[name], PROMPTS)
        console.print(report.table(rows[-4:]), soft_wrap=not console.is_terminal)
    if not names:
        report.write_agents(HERE, rows, machine.describe(HERE))
    return 0


if __name__ == "__main__":
    sys.exit(anyio.run(main, sys.argv[1:]))
