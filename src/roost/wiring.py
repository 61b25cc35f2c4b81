"""The only module that names concrete classes: a hub from its settings, a host from its ticket.

`python -m roost.wiring host FD [AGENT]` is a host; with AGENT it imports what it may need before it waits for a ticket.
`hatchery` instead of `host`: the process that such hosts are forked from.
What only a hub needs is imported where a hub is made: hosts start fast.
"""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from roost.model.errors import DataUnwritable
from roost.model.ticket import Ticket
from roost.settings import AgentSettings, LinkSettings, Settings

if TYPE_CHECKING:
    from roost.core.enclosing import Enclosing
    from roost.core.hub import Hub
    from roost.model.events import WorkspaceSpec
    from roost.ports import Sandbox, Workspaces


@asynccontextmanager
async def hub_from(settings: Settings) -> AsyncGenerator["Hub"]:
    """A hub that has taken up its sessions, holding its data folder until the block ends.

    Raises: DataLocked, DataUnwritable, SchemaTooNew, StorageUnavailable.
    """
    import anyio

    from roost.core.bell import LocalBell
    from roost.core.clock import SystemClock
    from roost.core.hub import Hub
    from roost.drivers import drivers_of, survey_agents
    from roost.forges import forge_of
    from roost.host.preparing import LocalPreparer
    from roost.natives.places import homes_of
    from roost.runtimes.process.runtime import ProcessRuntime
    from roost.storage import lock_folder, open_store

    data = data_folder(settings)
    settings = msgspec.structs.replace(settings, data=str(data))
    with lock_folder(data):
        store = await open_store(settings.store, data)
        try:
            async with anyio.create_task_group() as tasks:
                runtime = ProcessRuntime(data, warm=settings.warm_hosts, agent=settings.agent)
                hub = Hub(
                    settings, store=store, bell=LocalBell(), clock=SystemClock(), runtime=runtime,
                    preparer=LocalPreparer(), workspaces=workspaces_of(settings), agents=drivers_of(settings.agents),
                    survey=partial(survey_agents, settings), tasks=tasks, forge=forge_of(settings),
                    enclosing=await enclosing_from(settings),
                )  # fmt: skip
                hub.homes = lambda agent: homes_of(os.environ | own_env(settings, agent))
                try:
                    await hub.open()
                    tasks.start_soon(runtime.keep_warm)
                    yield hub
                finally:
                    hub.stop()
                    tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await store.close()


def own_env(settings: Settings, agent: str) -> dict[str, str]:
    """What the settings say of the environment of this agent."""
    own = settings.agents.get(agent)
    return {} if own is None else own.env


async def enclosing_from(settings: Settings) -> "Enclosing":
    """What settles how sessions are enclosed; it has looked at what there can be on this machine."""
    from roost.core.enclosing import Enclosing
    from roost.sandboxes import load_probe

    enclosing = Enclosing(settings, load_probe("bubblewrap"))
    await enclosing.look()
    return enclosing


def data_folder(settings: Settings) -> Path:
    """The data folder, absolute. Whoever locks it makes it."""
    return Path(settings.data).expanduser().absolute()


async def run_hub(settings: Settings, *, on_ready: Callable[[str], None], on_sleep: Callable[[int], None]) -> bool:
    """Serve a hub until it is told to stop. SIGTERM leaves the hosts at work for the next hub; SIGINT and `roost down`
    put every session to sleep first; a second SIGINT kills all hosts instead, and is the only reason for False.

    `on_ready` is given the hub's URL, `on_sleep` how many sessions are still awake, while they are put to sleep."""
    import anyio

    from roost.api.app import make_app
    from roost.api.server import serve
    from roost.core.decisions import HUB

    hurried = anyio.Event()
    async with hub_from(settings) as hub, anyio.create_task_group() as tasks:
        hub.ending.on_sleep = on_sleep
        hub_file = Path(hub.settings.data) / "hub.json"

        def bound(port: int) -> None:
            url = f"http://{_reachable(settings.host)}:{port}"
            _publish(hub_file, url)
            on_ready(url)

        async def signals() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
                interrupts = 0
                async for number in received:
                    interrupts += number == signal.SIGINT
                    if number == signal.SIGTERM:
                        hub.ending.leave()
                    elif interrupts == 1:
                        tasks.start_soon(hub.ending.shut_down, HUB)
                    elif not hurried.is_set():
                        hurried.set()
                        tasks.start_soon(hub.ending.kill_hosts)

        tasks.start_soon(signals)
        tasks.start_soon(partial(serve, make_app(hub, hub.settings), settings.host, settings.port, on_ready=bound))
        await hub.ending.wanted.wait()
        hub.stop()
        with suppress(OSError):  # it names a process that is gone, which says as much
            hub_file.unlink()
        tasks.cancel_scope.cancel()
    return not hurried.is_set()


def _reachable(host: str) -> str:
    """An address that programs on this machine can use for a hub bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


def _publish(file: Path, url: str) -> None:
    """Write where the hub is, for hosts and clients on this machine. Raises: DataUnwritable."""
    draft = file.with_suffix(".new")
    try:
        draft.write_text(json.dumps({"url": url, "pid": os.getpid(), "started": int(time.time() * 1000)}) + "\n")
        draft.replace(file)
    except OSError as error:
        raise DataUnwritable(f"The data folder {file.parent} cannot be written: {error.strerror}.") from None


async def host_from_ticket(ticket: Ticket) -> int:
    """Run the host that this ticket is for; returns its exit code: 0 left in peace, 3 refused."""
    from roost.drivers import load_driver
    from roost.host.host import Host, Leaving
    from roost.host.workspace import LocalWorkspaces

    seconds = msgspec.convert(ticket.settings, LinkSettings).clone_seconds
    workspaces = LocalWorkspaces(Path(ticket.data), clone_seconds=seconds)
    own = msgspec.convert(ticket.agent_settings, AgentSettings) if ticket.agent_settings else None
    sandbox = sandbox_from(ticket, own)
    host = Host(ticket, load_driver(ticket.agent, own, ticket.driver, data=Path(ticket.data)), workspaces, sandbox)
    return 3 if await host.run() is Leaving.REFUSED else 0


def sandbox_from(ticket: Ticket, own: AgentSettings | None) -> "Sandbox":
    """What encloses the agent of this host."""
    from roost.drivers import needs_of
    from roost.model.sandbox import Enclosure
    from roost.sandboxes import load_sandbox

    asked, data = ticket.sandbox, Path(ticket.data)
    if asked.kind != "bubblewrap":
        return load_sandbox("none")(Enclosure(reason=ticket.unenclosed or msgspec.UNSET))
    needs = needs_of(ticket.agent, own, data, ticket.mcp)
    place = data / "sandboxes" / ticket.session
    return load_sandbox("bubblewrap")(asked, needs, spec=ticket.workspace, data=data, place=place)


def workspaces_of(settings: Settings) -> "Workspaces":
    """Those of a hub, which looks at what agents have done: no freer than they were."""
    from roost.host.workspace import LocalWorkspaces

    data = Path(settings.data)
    return LocalWorkspaces(data, confine=None if settings.sandbox == "none" else partial(confined, data))


@asynccontextmanager
async def confined(data: Path, spec: "WorkspaceSpec", root: Path) -> AsyncGenerator[None]:
    """Git runs in a sandbox in this folder, if there can be one: an agent may have written what git obeys."""
    from tempfile import TemporaryDirectory

    from anyio import to_thread

    from roost.host.git import CONFINED, Confinement
    from roost.model.sandbox import Needs, SandboxSpec
    from roost.sandboxes import load_probe, load_sandbox

    if (await to_thread.run_sync(load_probe("bubblewrap"))).reason:
        yield
        return
    with TemporaryDirectory(prefix="roost-look-") as place:
        asked, needs, confinement = SandboxSpec(network="none"), Needs(network="none"), Confinement()
        sandbox = load_sandbox("bubblewrap")(asked, needs, spec=spec, data=data, place=Path(place))
        async with sandbox.opened():
            await sandbox.surround(root)
            confinement.sandbox, confinement.root = sandbox, root
            before = CONFINED.set(confinement)
            try:
                yield
            finally:
                CONFINED.reset(before)


def read_ticket(descriptor: int) -> Ticket | None:
    """The ticket handed over by an inherited descriptor, which is closed; None: the hub went without giving one."""
    with os.fdopen(descriptor, "rb") as file:
        given = file.read()
    return msgspec.json.decode(given, type=Ticket) if given else None


SANDBOX: Final = "roost.sandboxes.bubblewrap.sandbox"
"""Most hosts need it."""


def warm_up(agent: str) -> None:
    """Import what a host needs, and the driver of the agent that it will probably be."""
    from importlib import import_module

    from roost.drivers import agent_names, load_driver

    for module in ("uvloop", "anyio._backends._asyncio", "roost.host.host", "roost.host.workspace", SANDBOX):
        import_module(module)
    if agent in agent_names(()):
        load_driver(agent)


def log_to(ticket: Ticket) -> None:
    """A host that waited has its own log once it has a session."""
    path = Path(ticket.data) / "logs" / f"{ticket.session}.log"
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)


def mark_children(ticket: Ticket) -> None:
    """Whatever this process starts is found by its mark, git too; a host that waited was started without one."""
    from roost.processes import HOST_MARK, new_host_mark

    os.environ.setdefault(HOST_MARK, new_host_mark(ticket.session, ticket.epoch))


def main(arguments: list[str]) -> int:
    match arguments:
        case ["host" | "hatchery" as role, descriptor, *waits]:
            os.closerange(int(descriptor) + 1, os.sysconf("SC_OPEN_MAX"))  # whatever a hub's event loop let through
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
            for agent in waits:
                warm_up(agent)
            if role == "hatchery":
                bring_forth(int(descriptor))
            return host_from(int(descriptor), waited=bool(waits))
        case _:
            sys.stderr.write("usage: python -m roost.wiring host|hatchery FD [AGENT]\n")
            return 2


def bring_forth(control: int) -> None:
    """Returns in each new host."""
    from socket import socket

    from roost.runtimes.process.hatchery import brood

    brood(socket(fileno=control))


def host_from(descriptor: int, *, waited: bool) -> int:
    """Be the host whose ticket comes by the descriptor; the exit code."""
    import anyio

    ticket = read_ticket(descriptor)
    if ticket is None:
        return 0
    if waited:
        log_to(ticket)
    mark_children(ticket)
    os.chdir(ticket.data)
    return anyio.run(host_from_ticket, ticket, backend_options={"use_uvloop": sys.platform != "win32"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
