"""Personas: custom agents. Their owner changes a draft; what is published is a copy of it that never changes."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from roost.core.library.catalog import Catalog, name_within
from roost.core.library.checks import check_sizes
from roost.core.library.skills import Skills
from roost.model import library as lib
from roost.model.access import is_owner, org_of
from roost.model.errors import InvalidBody, NotInLibrary, PersonaUnpublished
from roost.model.events import Principal, Skill
from roost.model.stored import Item
from roost.ports import Clock, Store

VERSION: Final = "persona-version"
SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class Personas:
    """Everybody's personas. Drafts are their owner's alone; what is published is for the whole organisation."""

    def __init__(self, store: Store, clock: Clock, skills: Skills) -> None:
        self._store = store
        self._catalog = Catalog(store, clock, "persona", lib.SavedPersona, _name_of)
        self._skills = skills

    async def all(self, by: Principal, *, archived: bool = False) -> list[lib.PersonaInfo]:
        """Oldest first. `archived`: those too."""
        found = [each for each in await self._catalog.all(by) if archived or each.lifecycle != "archived"]
        return [await self._seen(each, by) for each in found]

    async def find(self, name: str, by: Principal) -> lib.PersonaInfo:
        """By id or slug. Raises: NotInLibrary."""
        return await self._seen(await self._find(name, by), by)

    async def add(self, request: lib.PersonaRequest, by: Principal, persona: str | None = None) -> lib.PersonaInfo:
        """A draft; with an id that the caller has chosen, once. Raises: InvalidBody; NotInLibrary: one of its skills;
        NameTaken: its slug; StateConflict: its id; LibraryFull."""
        _check(request)
        await self._skills.check(request.skills, (), by)
        now, name = self._catalog.now(), persona or self._catalog.new_id()
        fresh = lib.SavedPersona(id=name, owner=by, created_at=now, updated_at=now, draft=request)
        return await self._seen(await self._catalog.add(fresh), by)

    async def change(self, name: str, change: lib.PersonaChange, by: Principal) -> lib.PersonaInfo:
        """The draft alone: what is published stays, and so does the slug it was published by. Raises: InvalidBody,
        NotInLibrary, Forbidden, NameTaken."""
        given = {field: value for field, value in asdict(change).items() if value is not UNSET}
        if not given:
            raise InvalidBody("a change changes something")
        if given.get("thinking") == "":
            given["thinking"] = UNSET
        await self._skills.check(given.get("skills", ()), (), by)
        now = self._catalog.now()

        def changed(before: lib.SavedPersona) -> lib.SavedPersona:
            draft = replace(before.draft, **given)
            _check(draft)
            if before.published is not UNSET and draft.slug != before.draft.slug:
                raise InvalidBody("slug: a persona that was published keeps its slug")
            return replace(before, draft=draft, updated_at=now, changed=before.published is not UNSET)

        return await self._change(name, by, changed, "changed")

    async def publish(self, name: str, by: Principal, proposal: str | None = None) -> lib.PersonaInfo:
        """The draft becomes the next version, with copies of its skills, and may be used by the whole organisation. The
        same `proposal` once more changes nothing.

        Raises: NotInLibrary, Forbidden; LibraryFull: it has too many versions."""
        found, now = await self._find(name, by), self._catalog.now()
        skills = await self._skills.copies(found.draft.skills, (), found.owner)

        def published(before: lib.SavedPersona) -> lib.SavedPersona:
            if proposal and before.published is not UNSET and before.published.proposal == proposal:
                return before
            number = 1 if before.published is UNSET else before.published.version + 1
            version = lib.PersonaVersion(
                id=f"{before.id}.{number}",
                persona=before.id,
                version=number,
                by=by,
                created_at=now,
                portrait=portrait(before.draft, skills),
                proposal=proposal or UNSET,
            )
            after = replace(before, published=version, lifecycle="published", changed=False, updated_at=now)
            return replace(after, visibility="organization")

        return await self._change(name, by, published, "published", lambda after: [_version(after)])

    async def archive(self, name: str, by: Principal) -> lib.PersonaInfo:
        """Off the lists, and of no use for new sessions. Repeat is success. Raises: NotInLibrary, Forbidden."""
        now = self._catalog.now()

        def archived(before: lib.SavedPersona) -> lib.SavedPersona:
            return before if before.lifecycle == "archived" else replace(before, lifecycle="archived", updated_at=now)

        return await self._change(name, by, archived, "archived")

    async def versions(self, name: str, by: Principal) -> list[lib.PersonaVersion]:
        """Newest first. Raises: NotInLibrary."""
        items = await self._store.items(VERSION, of=(await self._find(name, by)).id)
        found = [msgspec.json.decode(item.data, type=lib.PersonaVersion) for item in items]
        return sorted(found, key=lambda version: version.version, reverse=True)

    async def working_as(self, name: str, by: Principal) -> lib.PersonaVersion | None:
        """The version that a session with this agent works as; None: that is no persona's name. Raises:
        PersonaUnpublished."""
        try:
            found = await self._find(name, by)
        except NotInLibrary:
            return None
        if found.published is UNSET or found.lifecycle == "archived":
            raise PersonaUnpublished(slug=found.draft.slug)
        return found.published

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _find(self, name: str, by: Principal) -> lib.SavedPersona:
        for each in await self._catalog.all(by):
            if each.draft.slug == name:
                return each
        return await self._catalog.find(name, by)

    async def _change(
        self,
        name: str,
        by: Principal,
        how: Callable[[lib.SavedPersona], lib.SavedPersona],
        verb: str,
        along: Callable[[lib.SavedPersona], Sequence[Item]] = lambda _: (),
    ) -> lib.PersonaInfo:
        found = await self._find(name, by)
        return await self._seen(await self._catalog.change(found.id, by, how, verb, along), by)

    async def _seen(self, saved: lib.SavedPersona, by: Principal) -> lib.PersonaInfo:
        """What this principal sees of it: a draft is its owner's alone."""
        owned = is_owner(saved.owner, by)
        if owned or saved.published is UNSET:
            seen = portrait(saved.draft, await self._skills.copies(saved.draft.skills, (), saved.owner))
        else:
            seen = saved.published.portrait
        return lib.PersonaInfo(
            id=saved.id,
            owner=saved.owner,
            visibility=saved.visibility,
            created_at=saved.created_at,
            updated_at=saved.updated_at,
            portrait=seen,
            lifecycle=saved.lifecycle,
            draft=owned,
            picked=saved.draft.skills if owned else (),
            published=saved.published,
            changed=owned and saved.changed,
        )


def portrait(draft: lib.PersonaRequest, skills: tuple[Skill, ...]) -> lib.Portrait:
    drawn: dict[str, Any] = asdict(draft) | {"skills": skills}
    return lib.Portrait(**drawn)


def _check(draft: lib.PersonaRequest) -> None:
    """Raises: InvalidBody, BodyTooLarge."""
    check_sizes(draft)
    if not SLUG.fullmatch(draft.slug):
        raise InvalidBody("slug: 1 to 64 of a-z, 0-9 and -, and no - at its ends")


def _name_of(persona: lib.SavedPersona) -> str:
    return name_within(org_of(persona.owner), persona.draft.slug)


def _version(persona: lib.SavedPersona) -> Item:
    """The newest version as an item of its own, that goes with its persona and not before."""
    version = persona.published
    assert version is not UNSET
    return Item(
        kind=VERSION,
        id=version.id,
        name=version.id,
        of=persona.id,
        owner=persona.owner,
        visibility=persona.visibility,
        created_at=version.created_at,
        updated_at=version.created_at,
        data=msgspec.json.encode(version),
    )
