"""The library's skills, and buckets of them."""

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.shapes import Shape
from roost.api.coder.times import iso
from roost.model import library as lib


class SkillBody(Shape, frozen=True, kw_only=True):
    """`content`: its SKILL.md."""

    repo: str
    skill_id: str
    name: str
    description: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    source: str = "registry"
    content: str | UnsetType = UNSET


class SkillShape(Shape, frozen=True, kw_only=True):
    id: str
    source: str
    repo: str
    skill_id: str
    name: str
    created_at: str
    updated_at: str
    description: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class SkillAnswer(Shape, frozen=True, kw_only=True):
    skill: SkillShape


class SkillsAnswer(Shape, frozen=True, kw_only=True):
    skills: list[SkillShape]


class BucketBody(Shape, frozen=True, kw_only=True):
    name: str
    description: str | UnsetType = UNSET
    saved_skill_ids: tuple[str, ...] = ()


class BucketShape(Shape, frozen=True, kw_only=True):
    id: str
    name: str
    created_at: str
    updated_at: str
    skill_count: int
    skills: list[SkillShape]
    description: str | UnsetType = UNSET


class BucketAnswer(Shape, frozen=True, kw_only=True):
    bucket: BucketShape


class BucketsAnswer(Shape, frozen=True, kw_only=True):
    buckets: list[BucketShape]


class Done(Shape, frozen=True, kw_only=True):
    """The answer to a deletion: clients check that it says so."""

    ok: bool = True


@get("/api/hub/skills/library")
async def list_coder_skills(request: Call) -> SkillsAnswer:
    """The saved skills you may see, oldest first."""
    return SkillsAnswer(skills=[skill_of(skill) for skill in await request.hub.library.skills.all(request.by)])


@post("/api/hub/skills/library", status_code=200)
async def save_coder_skill(request: Call, data: JSONBody[SkillBody]) -> SkillAnswer:
    """Save a skill. The same repository and skill again is the same entry."""
    wanted = lib.SkillRequest(
        repo=data.repo,
        skill=data.skill_id,
        name=data.name,
        description=data.description,
        url=data.url,
        source=data.source,
        content=data.content,
    )
    return SkillAnswer(skill=skill_of(await request.hub.library.skills.save(wanted, request.by)))


@delete("/api/hub/skills/library/{skill:str}", status_code=200)
async def delete_coder_skill(request: Call, skill: FromPath[str]) -> Done:
    """Sessions that were given it keep their copy."""
    await request.hub.library.skills.delete(skill, request.by)
    return Done()


@get("/api/hub/skills/buckets")
async def list_coder_buckets(request: Call) -> BucketsAnswer:
    """The buckets you may see, oldest first, with those of their skills that are still saved."""
    return BucketsAnswer(
        buckets=[await _bucket_of(request, bucket) for bucket in await request.hub.library.skills.buckets(request.by)]
    )


@post("/api/hub/skills/buckets", status_code=200)
async def create_coder_bucket(request: Call, data: JSONBody[BucketBody]) -> BucketAnswer:
    """Name several saved skills."""
    wanted = lib.BucketRequest(name=data.name, description=data.description, skills=data.saved_skill_ids)
    made = await request.hub.library.skills.add_bucket(wanted, request.by)
    return BucketAnswer(bucket=await _bucket_of(request, made))


@delete("/api/hub/skills/buckets/{bucket:str}", status_code=200)
async def delete_coder_bucket(request: Call, bucket: FromPath[str]) -> Done:
    """Its skills stay saved."""
    await request.hub.library.skills.delete_bucket(bucket, request.by)
    return Done()


def skill_of(skill: lib.SavedSkill) -> SkillShape:
    return SkillShape(
        id=skill.id,
        source=skill.source,
        repo=skill.repo,
        skill_id=skill.skill,
        name=skill.name,
        created_at=iso(skill.created_at),
        updated_at=iso(skill.updated_at),
        description=skill.description,
        url=skill.url,
        content=skill.content,
    )


async def _bucket_of(request: Call, bucket: lib.Bucket) -> BucketShape:
    skills = [skill_of(skill) for skill in await request.hub.library.skills.members(bucket.skills, bucket.owner)]
    return BucketShape(
        id=bucket.id,
        name=bucket.name,
        created_at=iso(bucket.created_at),
        updated_at=iso(bucket.updated_at),
        skill_count=len(skills),
        skills=skills,
        description=bucket.description,
    )


routes = [
    list_coder_skills,
    save_coder_skill,
    delete_coder_skill,
    list_coder_buckets,
    create_coder_bucket,
    delete_coder_bucket,
]
