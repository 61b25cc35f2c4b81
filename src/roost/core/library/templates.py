"""Templates: saved workspaces. What their folders are made from is what a change of them makes stale."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from roost.core.library.catalog import Catalog
from roost.core.library.checks import check_sizes
from roost.core.library.skills import Skills
from roost.model import library as lib
from roost.model.errors import InvalidBody
from roost.model.events import Principal
from roost.ports import Clock, Store

HELD: Final = (
    "repos", "dependencies", "setup_script", "system_prompt", "skills", "buckets", "enabled_agents",
)  # fmt: skip
"""What a template may hold; it holds one of them at least."""


class Templates:
    """Everybody's templates. Who may see one may start sessions from it."""

    def __init__(self, store: Store, clock: Clock, skills: Skills) -> None:
        self._catalog = Catalog(store, clock, "template", lib.SavedTemplate)
        self._skills = skills
        self.stale: Callable[[lib.Preparation], None] = lambda _preparation: None
        """Told what nobody needs any more."""

    async def all(self, by: Principal | None) -> list[lib.SavedTemplate]:
        return await self._catalog.all(by)

    async def find(self, template: str, by: Principal) -> lib.SavedTemplate:
        """Raises: NotInLibrary."""
        return await self._catalog.find(template, by)

    async def add(self, request: lib.TemplateRequest, by: Principal) -> lib.SavedTemplate:
        """Raises: InvalidBody: also one that holds nothing; NotInLibrary: one of its skills or buckets; LibraryFull."""
        check_sizes(request)
        await self._skills.check(request.skills, request.buckets, by)
        now = self._catalog.now()
        fresh = lib.SavedTemplate(
            id=self._catalog.new_id(), owner=by, created_at=now, updated_at=now, **asdict(request)
        )  # fmt: skip
        if not held(fresh):
            raise InvalidBody(f"a template holds something: one of {', '.join(HELD)}")
        return await self._catalog.add(fresh)

    async def change(self, template: str, change: lib.TemplateChange, by: Principal) -> lib.SavedTemplate:
        """Its prepared folder goes if it was made from something else.

        Raises: InvalidBody: also a change of nothing; NotInLibrary, Forbidden."""
        check_sizes(change)
        given = {name: value for name, value in asdict(change).items() if value is not UNSET}
        if not given:
            raise InvalidBody("a change changes something")
        await self._skills.check(given.get("skills", ()), given.get("buckets", ()), by)
        now, found = self._catalog.now(), await self.find(template, by)

        def changed(before: lib.SavedTemplate) -> lib.SavedTemplate:
            after = replace(before, updated_at=now, **given)
            if after.description == "":
                after = replace(after, description=UNSET)
            return after if config_of(after) == config_of(before) else replace(after, preparation=lib.Preparation())

        after = await self._catalog.change(template, by, changed)
        if config_of(after) != config_of(found):
            self.stale(found.preparation)
        return after

    async def delete(self, template: str, by: Principal) -> lib.SavedTemplate:
        """Sessions that were made from it stay as they are. Raises: NotInLibrary, Forbidden."""
        gone = await self._catalog.delete(template, by)
        self.stale(gone.preparation)
        return gone

    async def prepare(
        self, template: str, by: Principal, how: Callable[[lib.SavedTemplate], lib.Preparation], verb: str
    ) -> lib.SavedTemplate:
        """How its folder stands now. Raises: NotInLibrary, Forbidden."""
        return await self._catalog.change(template, by, lambda t: replace(t, preparation=how(t)), verb)


def held(template: lib.SavedTemplate) -> int:
    """How many things it holds: a text that is blank is none."""
    found = 0
    for name in HELD:
        value = getattr(template, name)
        found += bool(value.strip()) if isinstance(value, str) else len(value)
    return found


def config_of(template: lib.SavedTemplate) -> str:
    """A hash of what its folder is made from."""
    return sha256(msgspec.json.encode((template.repos, template.setup_script))).hexdigest()
