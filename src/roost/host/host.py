"""The process beside the workspace: follows its session's commands, runs the agent, and knows when to leave."""

import logging
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any, Final

import anyio
import msgspec
from msgspec import UNSET

from roost.host.agent import Agent
from roost.host.desk import Desk
from roost.host.errands import Errands
from roost.host.git import CONFINED, Confinement
from roost.host.given import Given
from roost.host.home import AgentHome
from roost.host.initial import Initial
from roost.host.once import Once
from roost.host.outbox import Outbox
from roost.host.past import SessionPast
from roost.host.proposals import Proposals
from roost.host.runner import INTERRUPTED, SPOOL_FULL, Runner
from roost.host.tree import Tree
from roost.host.wire import Wire
from roost.host.work_tree import LOOK_SECONDS, WorkTree
from roost.link.frames import Answer, Bye
from roost.link.host_end import HostEnd, Link
from roost.link.spool import Spool, spool_path
from roost.model.addresses import with_credentials
from roost.model.envelope import AnyBody, Event, encode_body
from roost.model.errors import BodyTooLarge, InvalidBody, RoostError, ScreenMissing, SpoolFull
from roost.model.events import (
    AbortRequested,
    AgentConfigured,
    Body,
    CommandUpdated,
    ConfigChanged,
    Kit,
    PauseRequested,
    PermissionReplied,
    QuestionReplied,
    RunStart,
    SessionUpdated,
    Steered,
    WorkspaceUpdated,
)  # fmt: skip
from roost.model.lifecycle import RUN_ENDS
from roost.model.mcp import whole, without_secrets
from roost.model.ticket import Ticket
from roost.ports import Driver, Sandbox, Screen, Workspaces
from roost.processes import HOST_MARK, mark_file, new_host_mark, screen_folder
from roost.settings import LinkSettings

log = logging.getLogger("roost.host")


class Leaving(StrEnum):
    """Why a host goes."""

    REFUSED = "refused"
    AWAY = "away"
    PAUSED = "paused"
    TERMINATED = "terminated"


WAIT_SECONDS: Final = {
    Leaving.REFUSED: 0.0,
    Leaving.AWAY: 0.0,
    Leaving.PAUSED: 10.0,
    Leaving.TERMINATED: 2.0,
}
"""How long a leaving host waits for its last acknowledgements."""
CLOSE_SECONDS = 2.0
"""How long its agent may take to close, beside the grace of an abort and a last look at the work tree."""


class Host:
    """One session's host in one epoch. `run` it once."""

    def __init__(self, ticket: Ticket, driver: Driver, workspaces: Workspaces, sandbox: Sandbox) -> None:
        self._ticket, self._driver, self._workspaces, self._sandbox = ticket, driver, workspaces, sandbox
        self._data = Path(ticket.data)
        self._settings = settings = msgspec.convert(ticket.settings, LinkSettings)
        path = spool_path(self._data, ticket.session, ticket.epoch)
        self._spool = Spool(
            path.with_name(path.name + ".tmp"),
            memory_bytes=settings.spool_memory_bytes,
            disk_bytes=settings.spool_disk_bytes,
            reserve_bytes=settings.spool_reserve_bytes,
        )
        self._end = HostEnd(ticket.session, ticket.epoch, self._spool, pid=os.getpid())
        self._end.sandbox = sandbox.enclosure
        mark = os.environ.get(HOST_MARK) or new_host_mark(ticket.session, ticket.epoch)
        self._tree = Tree(mark, mark_file(self._data, ticket.session), sandbox)
        self._env = with_credentials(without_secrets(ticket.env), ticket.workspace.url)
        self._folder = Once(self._make_folder)
        self._started = Once(self._start)
        self._work_tree = WorkTree()
        self._proposals = Proposals(ticket.kit)
        self._initial = Initial(ticket, self._tree, self._env, self._tell)
        self._runner = Runner(
            driver,
            ready=self._ready,
            begun=self._proposals.news,
            over=self._over,
            cursor=lambda: self._end.read,
            tree=self._tree,
            env=self._env,
            grace_seconds=settings.abort_grace_seconds,
        )
        options = {"model": ticket.model, **ticket.options} | ({} if ticket.kit == Kit() else {"kit": ticket.kit})
        options |= {"mcp": whole(ticket.mcp, ticket.env)} if ticket.mcp else {}
        self._home = AgentHome(self._tree, self._can, self._tell, folder=screen_folder(self._data, ticket.session))
        self._agent = Agent(driver, env=self._env, options=options, home=self._home)
        self._desk = Desk(
            ticket.workspace, ready=self._folder, screen=self._screen, tree=self._tree, env=self._env, say=self._say
        )
        self._why, self._confinement = Leaving.PAUSED, Confinement()
        self._left = anyio.Event()

    async def run(self) -> Leaving:
        """Serve the session until it is time to leave; every process started here is gone when this returns."""
        self._wire = Wire(
            self._end,
            data=self._data,
            token=self._ticket.token,
            settings=self._settings,
            commands=self._act,
            ask=self._desk.take,
            lost=self._desk.drop_all,
        )
        self._runner.errands = errands = Errands(self._wire)
        self._given = Given(self._ticket, errands.fetch)
        self._proposals.keep = errands.keep
        self._runner.outbox = outbox = Outbox(
            self._end,
            wake=self._wire.wake,
            progress=self._wire.progress,
            on_full=lambda: self._runner.stop_all(SPOOL_FULL),
        )
        self._agent.past = SessionPast(self._ticket.state, errands=errands, put=lambda raw: outbox.put([raw], UNSET))
        try:
            CONFINED.set(self._confinement)
            async with self._sandbox.opened():
                await self._serve()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._clear_away()
            raise
        return self._why

    async def _serve(self) -> None:
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._home.run)
            for task in (self._desk.run, self._keep_linked, self._runner.work, self._initial.keep):
                tasks.start_soon(task)
            for task in (self._watch_hub, self._watch_signals, self._warm_up, self._agent.keep_telling):
                tasks.start_soon(task)
            await self._left.wait()
            log.info("leaving: %s", self._why)
            await self._depart(self._why)
            tasks.cancel_scope.cancel()

    # --- commands ---

    def _act(self, events: Sequence[Event]) -> None:
        """Act on commands in the order of the log. A run whose end is already there is not begun."""
        ended = {event.run for event in events if isinstance(_body(event), RUN_ENDS)}
        for event in events:
            body, run = _body(event), event.run
            if isinstance(body, PermissionReplied | QuestionReplied):
                self._runner.answer(body)
            elif isinstance(body, ConfigChanged):
                self._agent.configure(body)
            elif isinstance(body, SessionUpdated) and body.kit is not UNSET:
                self._proposals.updated(body.kit)
            elif isinstance(body, PauseRequested):
                self._leave(Leaving.PAUSED)
            elif run is UNSET:
                continue
            elif isinstance(body, RunStart) and run not in ended:
                self._runner.start(run, body.input)
            elif isinstance(body, Steered):
                self._runner.steer(run, event.seq, body.input)
            elif isinstance(body, AbortRequested):
                self._initial.stop()
                self._runner.stop(run, body.reason)
            elif isinstance(body, RUN_ENDS):
                self._runner.close(run)

    def _say(self, answer: Answer) -> None:
        self._end.say(answer)
        self._wire.wake()

    async def _make_folder(self) -> Path:
        return await self._workspaces.prepare(self._ticket.workspace, without_secrets(self._ticket.env), self._tell)

    async def _start(self) -> Path:
        """The workspace, made, with the agent started in it."""
        workspace = await self._folder()
        await self._given.place(workspace)
        await self._sandbox.surround(workspace)
        self._confinement.sandbox, self._confinement.root = self._sandbox, workspace
        await self._initial.begin(workspace)
        self._proposals.workspace = workspace
        await self._work_tree.begin(workspace)
        await self._agent.start(workspace)
        return workspace

    async def _over(self) -> list[Body]:
        """What is told of a run that is over: what its agent proposes, and which files it has changed."""
        proposed = await self._proposals.taken()
        changed = await self._work_tree.changed()
        return [*proposed, *([] if changed is None else [changed])]

    async def _ready(self) -> Path:
        """The same, with the agent told of every change that was read so far."""
        workspace = await self._started()
        await self._agent.told()
        return workspace

    async def _screen(self) -> Screen:
        """That of an agent which has one, once it has started. Raises: ScreenMissing; why it has not started."""
        await self._ready()
        if self._home.screen is None:
            raise ScreenMissing
        return self._home.screen

    def _can(self, capabilities: dict[str, Any]) -> None:
        try:
            self._end.able(capabilities)
            self._wire.wake()
        except BodyTooLarge as error:
            log.warning("%s is not told: %s", error, error.details)

    def _tell(self, said: WorkspaceUpdated | CommandUpdated | AgentConfigured) -> None:
        """How far the workspace is, or how the agent is set, for the log. A host that leaves breaks it off itself, and
        has nothing to tell."""
        if not self._left.is_set():
            with suppress(SpoolFull):
                self._runner.outbox.put([encode_body(said)], UNSET)

    async def _warm_up(self) -> None:
        try:
            await self._ready()
        except RoostError as error:
            log.warning("not ready: %s", error)  # the first run tries again, and fails with the reason

    # --- coming and going ---

    def _leave(self, why: Leaving) -> None:
        if not self._left.is_set() or why is Leaving.REFUSED:
            self._why = why
        self._left.set()

    async def _keep_linked(self) -> None:
        await self._wire.keep()
        if self._refused:
            self._leave(Leaving.REFUSED)

    async def _watch_signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                self._leave(Leaving.TERMINATED)

    async def _watch_hub(self) -> None:
        """Leave when the hub has been away for too long; tidy up meanwhile."""
        settings = self._settings
        while not self._left.is_set():
            await anyio.sleep(min(1.0, settings.away_idle_seconds / 4))
            self._tree.reap()
            if (since := self._wire.away_since) is None:
                continue
            now = monotonic()
            idle = not self._runner.busy and now - max(since, self._runner.idle_since) >= settings.away_idle_seconds
            if idle or now - since >= settings.away_max_seconds:
                self._leave(Leaving.AWAY)

    async def _depart(self, why: Leaving) -> None:
        if why is not Leaving.REFUSED:
            self._runner.stop_all("paused" if why is Leaving.PAUSED else INTERRUPTED)
            with anyio.move_on_after(self._settings.abort_grace_seconds + LOOK_SECONDS + CLOSE_SECONDS):
                await self._runner.idle()
                await self._driver.close()
        await self._kill_all()
        if why is not Leaving.REFUSED:
            await self._say_goodbye(why)
        self._save()

    async def _clear_away(self) -> None:
        """What is left to do when this host itself has failed."""
        await self._kill_all()
        self._save()

    async def _kill_all(self) -> None:
        if not await self._tree.kill():
            log.error("some processes could not be killed")
        await self._home.clear()

    @property
    def _refused(self) -> bool:
        return self._end.link is Link.REFUSED

    async def _say_goodbye(self, why: Leaving) -> None:
        """Wait for the last acknowledgements, for a while, and take leave."""
        with anyio.move_on_after(WAIT_SECONDS[why]):
            while self._end.link is not Link.LIVE or len(self._spool):
                if self._refused:
                    return
                await self._wire.progress()
            await self._wire.part(Bye(reason=why))

    def _save(self) -> None:
        """Write down what no hub has acknowledged: for the next one to read, or aside if we were refused."""
        session, epoch = self._ticket.session, self._ticket.epoch
        if len(self._spool):
            path = spool_path(self._data, session, epoch)
            self._spool.save(self._data / "orphans" / path.name if self._refused else path, session, epoch)
        self._spool.close()


def _body(event: Event) -> AnyBody | None:
    """What the event says; None if this version cannot read it."""
    try:
        return event.body
    except InvalidBody:
        log.warning("event %s cannot be read", event.seq)
        return None
