"""Saved skills, and buckets of them."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

from msgspec import UNSET
from msgspec.structs import asdict, replace

from roost.core.library.catalog import PREFIX, Catalog, name_within
from roost.core.library.checks import check_sizes
from roost.model import library as lib
from roost.model.access import org_of
from roost.model.errors import InvalidBody, NotInLibrary, StateConflict
from roost.model.events import Principal, Skill
from roost.ports import Clock, Store

T = TypeVar("T", bound=lib.Saved)


class Skills:
    """Skills and buckets of everybody. Who may see one may use it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._skills = Catalog(store, clock, "skill", lib.SavedSkill)
        self._buckets = Catalog(store, clock, "bucket", lib.Bucket)

    async def all(self, by: Principal) -> list[lib.SavedSkill]:
        return await self._skills.all(by)

    async def find(self, skill: str, by: Principal) -> lib.SavedSkill:
        """Raises: NotInLibrary."""
        return await self._skills.find(skill, by)

    async def save(self, request: lib.SkillRequest, by: Principal) -> lib.SavedSkill:
        """A new entry, or what this user's entry of the same repository and skill becomes. Raises: InvalidBody,
        BodyTooLarge, LibraryFull."""
        check_sizes(request)
        if request.source == "custom" and (request.content is UNSET or not request.content.strip()):
            raise InvalidBody("content: a custom skill has its SKILL.md in it")
        name, now = _skill_id(request, by), self._skills.now()
        fresh = lib.SavedSkill(id=name, owner=by, created_at=now, updated_at=now, **asdict(request))
        while True:
            try:
                return await self._skills.change(name, by, lambda old: replace(fresh, created_at=old.created_at))
            except NotInLibrary:
                pass
            try:
                return await self._skills.add(fresh)
            except StateConflict:
                continue  # it was saved twice at once

    async def delete(self, skill: str, by: Principal) -> lib.SavedSkill:
        """Sessions and published personas keep their copies. Raises: NotInLibrary, Forbidden."""
        return await self._skills.delete(skill, by)

    # --- buckets ------------------------------------------------------------------------------------------------------

    async def buckets(self, by: Principal) -> list[lib.Bucket]:
        return await self._buckets.all(by)

    async def bucket(self, bucket: str, by: Principal) -> lib.Bucket:
        """Raises: NotInLibrary."""
        return await self._buckets.find(bucket, by)

    async def add_bucket(self, request: lib.BucketRequest, by: Principal) -> lib.Bucket:
        """Raises: InvalidBody, NotInLibrary: one of its skills; LibraryFull."""
        check_sizes(request)
        await self.check(request.skills, (), by)
        now = self._buckets.now()
        return await self._buckets.add(
            lib.Bucket(id=self._buckets.new_id(), owner=by, created_at=now, updated_at=now, **asdict(request))
        )

    async def delete_bucket(self, bucket: str, by: Principal) -> lib.Bucket:
        """Its skills stay. Raises: NotInLibrary, Forbidden."""
        return await self._buckets.delete(bucket, by)

    # --- using them ---------------------------------------------------------------------------------------------------

    async def members(self, skills: Sequence[str], by: Principal) -> list[lib.SavedSkill]:
        """Those of them that are still there, in this order."""
        found = [await self._still(self._skills, skill, by) for skill in skills]
        return [skill for skill in found if skill is not None]

    async def check(self, skills: Sequence[str], buckets: Sequence[str], by: Principal) -> None:
        """Raises: NotInLibrary: one of them."""
        for skill in skills:
            await self._skills.find(skill, by)
        for bucket in buckets:
            await self._buckets.find(bucket, by)

    async def expand(
        self, inline: Sequence[Skill], skills: Sequence[str], buckets: Sequence[str], by: Principal
    ) -> tuple[Skill, ...]:
        """What a caller asks for: copies, one for each repository and skill, the first that is named.

        Raises: NotInLibrary: one of them; InvalidBody: too many."""
        await self.check(skills, buckets, by)
        return joined(inline, await self.copies(skills, buckets, by))

    async def copies(self, skills: Sequence[str], buckets: Sequence[str], by: Principal) -> tuple[Skill, ...]:
        """Copies of those that are still there: of what was checked when it was kept."""
        held = [await self._still(self._buckets, bucket, by) for bucket in buckets]
        named = [*skills, *(skill for bucket in held if bucket is not None for skill in bucket.skills)]
        return joined(copied(skill) for skill in await self.members(named, by))

    async def _still(self, catalog: Catalog[T], name: str, by: Principal) -> T | None:
        try:
            return await catalog.find(name, by)
        except NotInLibrary:
            return None


def joined(*several: Iterable[Skill]) -> tuple[Skill, ...]:
    """One entry for each repository and skill: the first. Raises: InvalidBody: too many."""
    found: dict[tuple[str, str], Skill] = {}
    for skills in several:
        for skill in skills:
            found.setdefault((skill.repo, skill.skill), skill)
    if len(found) > lib.MAX_PICKED:
        raise InvalidBody(f"skills: at most {lib.MAX_PICKED}, those of buckets and of the template among them")
    return tuple(found.values())


def copied(skill: lib.SavedSkill) -> Skill:
    """What a session is given of it."""
    return Skill(skill=skill.skill, repo=skill.repo, name=skill.name, url=skill.url, content=skill.content)


def _skill_id(request: lib.SkillRequest, by: Principal) -> str:
    """The same for the same user, repository and skill."""
    who = name_within(org_of(by), by.user, request.repo, request.skill)
    return PREFIX["skill"] + sha256(who.encode()).hexdigest()[:16]
