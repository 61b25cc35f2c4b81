"""Folders that sessions of a template begin with: made in the background, and never used half made.

A build is queued, then building, then ready or failed. What a hub left unfinished is begun anew by the next one. The
folder of the newest build that is ready stays in use while the next one is made, and some time longer: a session that
began with it may still be copying.
"""

from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import anyio
import structlog
from anyio.abc import TaskGroup
from msgspec import UNSET
from msgspec.structs import replace

from roost.core.decision import HUB
from roost.core.library.templates import Templates, config_of
from roost.model import events as e
from roost.model import library as lib
from roost.model.errors import NotInLibrary, RoostError
from roost.ports import Clock, Preparer

AT_ONCE: Final = 2
"""Builds that go on at the same time; the others wait."""
LEAVE_SECONDS: Final = 600.0
"""How long a folder stays that nobody needs any more."""
UNFINISHED: Final = ("queued", "building")

_log = structlog.get_logger("roost.library")


class Preparing:
    """Builds of all templates. `place`: where their folders are."""

    def __init__(self, templates: Templates, preparer: Preparer, clock: Clock, place: Path, tasks: TaskGroup) -> None:
        self._templates = templates
        self._preparer = preparer
        self._clock = clock
        self._place = place
        self._tasks = tasks
        self._room = anyio.CapacityLimiter(AT_ONCE)
        self._going: dict[str, anyio.CancelScope] = {}
        templates.stale = self._stop

    async def open(self) -> None:
        """Begin anew what the last hub did not finish, forget folders that are gone, and clear away what no template
        needs."""
        templates = await self._templates.all(None)
        there = await self._preparer.tidy(
            self._place, {build for each in templates for build in _kept(each.preparation)}
        )

        def taken_up(template: lib.SavedTemplate) -> lib.Preparation:
            made = template.preparation
            if made.ready is not UNSET and made.ready not in there:  # its store came from elsewhere, by a backup
                made = lib.Preparation() if made.status == "ready" else replace(made, ready=UNSET)
            return self._queued(replace(template, preparation=made)) if made.status in UNFINISHED else made

        for template in templates:
            if taken_up(template) != template.preparation:
                after = await self._templates.prepare(template.id, HUB, taken_up, "prepared")
                if after.preparation.status in UNFINISHED:
                    self._begin(after)

    async def refresh(self, template: str, by: e.Principal) -> lib.SavedTemplate:
        """Prepare its folder anew, in the background. A build that waits or goes on is not doubled.

        Raises: NotInLibrary, Forbidden."""

        def queued(before: lib.SavedTemplate) -> lib.Preparation:
            return before.preparation if before.preparation.status in UNFINISHED else self._queued(before)

        found = await self._templates.prepare(template, by, queued, "refreshed")
        if found.preparation.build not in self._going:
            self._begin(found)
        return found

    async def begun(self, spec: e.WorkspaceSpec, kit: e.Kit) -> e.WorkspaceSpec:
        """The same workspace, begun with the folder of the kit's template, if that is ready and the session works in
        nothing else."""
        if kit.template is UNSET or spec.root is UNSET or spec.kind != ("clone" if kit.repos else "folder"):
            return spec
        try:
            template = await self._templates.find(kit.template.id, HUB)
        except NotInLibrary:
            return spec
        ready = template.preparation.ready
        return (
            spec if ready is UNSET or kit.repos != template.repos else replace(spec, prepared=str(self._place / ready))
        )

    # --- one build ----------------------------------------------------------------------------------------------------

    def _queued(self, template: lib.SavedTemplate) -> lib.Preparation:
        now = self._clock.now_ms()
        return lib.Preparation(
            status="queued",
            build=f"{template.id}.{token_hex(4)}",
            ready=template.preparation.ready,
            config=config_of(template),
            requested_at=now,
            updated_at=now,
        )

    def _begin(self, template: lib.SavedTemplate) -> None:
        build = template.preparation.build
        assert build is not UNSET
        self._going[build] = anyio.CancelScope()
        self._tasks.start_soon(self._build, template.id, build)

    async def _build(self, template: str, build: str) -> None:
        """From beginning to end. If the hub goes meanwhile, its status stays."""
        try:
            with self._going[build]:
                async with self._room:
                    begun = await self._told(template, build, status="building", created_at=self._clock.now_ms())
                    if begun is not None:
                        await self._make(begun, build)
        except RoostError as error:
            _log.error("a template stays unfinished until the next start", template=template, detail=error.message)
        finally:
            del self._going[build]

    async def _make(self, template: lib.SavedTemplate, build: str) -> None:
        try:
            await self._preparer.make(self._place / build, template.repos, template.setup_script)
        except (RoostError, OSError, ValueError) as error:  # the last: what no file or process can be named
            _log.warning("a template was not prepared", template=template.id, build=build, detail=str(error))
            await self._told(template.id, build, status="failed", error=str(error))
            return
        done = await self._told(template.id, build, status="ready", ready=build)
        before = template.preparation.ready
        if done is None:
            await self._clear(build)
        elif before is not UNSET:
            self._tasks.start_soon(self._leave, before)

    async def _told(self, template: str, build: str, **now_so: Any) -> lib.SavedTemplate | None:
        """Note how this build stands. None: nobody wants it any more."""

        def stands(before: lib.SavedTemplate) -> lib.Preparation:
            made = before.preparation
            return made if made.build != build else replace(made, **now_so, updated_at=self._clock.now_ms())

        try:
            after = await self._templates.prepare(template, HUB, stands, "prepared")
        except NotInLibrary:
            return None
        return after if after.preparation.build == build else None

    def _stop(self, made: lib.Preparation) -> None:
        """Its template was deleted, or is another one now."""
        if made.build is not UNSET and (going := self._going.get(made.build)) is not None:
            going.cancel()
        if made.ready is not UNSET:
            self._tasks.start_soon(self._leave, made.ready)

    async def _leave(self, build: str) -> None:
        await self._clock.sleep(LEAVE_SECONDS)
        await self._clear(build)

    async def _clear(self, build: str) -> None:
        try:
            await self._preparer.clear(self._place / build)
        except OSError as error:
            _log.warning("the folder of a template is left", build=build, detail=str(error))


def _kept(made: lib.Preparation) -> set[str]:
    """Builds of which something is needed: a folder, or the log of one that failed."""
    unfinished = made.status in UNFINISHED
    return {build for build in (made.ready, UNSET if unfinished else made.build) if build is not UNSET}
