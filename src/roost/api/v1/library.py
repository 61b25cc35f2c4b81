"""The library: skills, buckets, templates, personas, and the kit that a session is given of them."""

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from roost.api.call import RECORDED, Call
from roost.model import library as lib
from roost.model.events import Kit
from roost.model.info import SessionInfo


class SkillList(Struct, frozen=True, kw_only=True):
    skills: list[lib.SavedSkill]


class BucketList(Struct, frozen=True, kw_only=True):
    buckets: list[lib.Bucket]


class TemplateList(Struct, frozen=True, kw_only=True):
    templates: list[lib.SavedTemplate]


class PersonaList(Struct, frozen=True, kw_only=True):
    personas: list[lib.PersonaInfo]


class VersionList(Struct, frozen=True, kw_only=True):
    versions: list[lib.PersonaVersion]


class PackageRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    packages: tuple[str, ...]


@post("/v1/library/kit", status_code=200)
async def make_kit(request: Call, data: JSONBody[lib.KitRequest]) -> Kit:
    """What a session would be given if `POST /v1/sessions` had this as its `kit`."""
    return await request.hub.library.kit(data, request.by)


@post("/v1/library/builder", opt=RECORDED)
async def build_persona(request: Call, data: JSONBody[lib.BuilderRequest]) -> SessionInfo:
    """A session whose agent builds a persona: it proposes, and its proposals are carried out (2.8)."""
    command, kit = await request.hub.building.begun(data, request.by)
    return (await request.hub.create_session(command, request.by, request.key, kit=kit)).info()


# --- skills -----------------------------------------------------------------------------------------------------------


@get("/v1/library/skills")
async def list_skills(request: Call) -> SkillList:
    """The saved skills you may see, oldest first."""
    return SkillList(skills=await request.hub.library.skills.all(request.by))


@post("/v1/library/skills", status_code=200)
async def save_skill(request: Call, data: JSONBody[lib.SkillRequest]) -> lib.SavedSkill:
    """Save a skill. The same repository and skill again is the same entry."""
    return await request.hub.library.skills.save(data, request.by)


@get("/v1/library/skills/{skill:str}")
async def get_skill(request: Call, skill: FromPath[str]) -> lib.SavedSkill:
    """One saved skill."""
    return await request.hub.library.skills.find(skill, request.by)


@delete("/v1/library/skills/{skill:str}", status_code=200)
async def delete_skill(request: Call, skill: FromPath[str]) -> lib.SavedSkill:
    """Sessions that were given it keep their copy."""
    return await request.hub.library.skills.delete(skill, request.by)


@get("/v1/library/buckets")
async def list_buckets(request: Call) -> BucketList:
    """The buckets you may see, oldest first."""
    return BucketList(buckets=await request.hub.library.skills.buckets(request.by))


@post("/v1/library/buckets")
async def add_bucket(request: Call, data: JSONBody[lib.BucketRequest]) -> lib.Bucket:
    """Name several saved skills."""
    return await request.hub.library.skills.add_bucket(data, request.by)


@get("/v1/library/buckets/{bucket:str}")
async def get_bucket(request: Call, bucket: FromPath[str]) -> lib.Bucket:
    """One bucket."""
    return await request.hub.library.skills.bucket(bucket, request.by)


@delete("/v1/library/buckets/{bucket:str}", status_code=200)
async def delete_bucket(request: Call, bucket: FromPath[str]) -> lib.Bucket:
    """Its skills stay saved."""
    return await request.hub.library.skills.delete_bucket(bucket, request.by)


# --- templates --------------------------------------------------------------------------------------------------------


@get("/v1/library/templates")
async def list_templates(request: Call) -> TemplateList:
    """The templates you may see, oldest first."""
    return TemplateList(templates=await request.hub.library.templates.all(request.by))


@post("/v1/library/templates")
async def add_template(request: Call, data: JSONBody[lib.TemplateRequest]) -> lib.SavedTemplate:
    """Save a workspace: something beside its name is in it."""
    return await request.hub.library.templates.add(data, request.by)


@get("/v1/library/templates/{template:str}")
async def get_template(request: Call, template: FromPath[str]) -> lib.SavedTemplate:
    """One template; `preparation` says how far its folder is."""
    return await request.hub.library.templates.find(template, request.by)


@patch("/v1/library/templates/{template:str}")
async def change_template(
    request: Call, template: FromPath[str], data: JSONBody[lib.TemplateChange]
) -> lib.SavedTemplate:
    """What is present is replaced. A folder that was made from something else goes."""
    return await request.hub.library.templates.change(template, data, request.by)


@delete("/v1/library/templates/{template:str}", status_code=200)
async def delete_template(request: Call, template: FromPath[str]) -> lib.SavedTemplate:
    """Sessions that were made from it stay as they are."""
    return await request.hub.library.templates.delete(template, request.by)


@post("/v1/library/templates/{template:str}/refresh", status_code=202)
async def refresh_template(request: Call, template: FromPath[str]) -> lib.SavedTemplate:
    """Prepare its folder anew: clone, run the setup script. Answers before that is done."""
    return await request.hub.library.preparing.refresh(template, request.by)


@post("/v1/library/packages", status_code=200)
async def check_packages(request: Call, data: JSONBody[PackageRequest]) -> lib.Dependencies:
    """Which of these Debian packages (`name` or `name=version`) there are, by the index of the hub's machine."""
    return await request.hub.library.dependencies(data.packages)


# --- personas ---------------------------------------------------------------------------------------------------------


@get("/v1/library/personas")
async def list_personas(request: Call, archived: FromQuery[bool] = False) -> PersonaList:
    """Your own personas, and those that were published in your organisation, oldest first."""
    return PersonaList(personas=await request.hub.library.personas.all(request.by, archived=archived))


@post("/v1/library/personas")
async def add_persona(request: Call, data: JSONBody[lib.PersonaRequest]) -> lib.PersonaInfo:
    """A draft, which is yours alone until it is published."""
    return await request.hub.library.personas.add(data, request.by)


@get("/v1/library/personas/{persona:str}")
async def get_persona(request: Call, persona: FromPath[str]) -> lib.PersonaInfo:
    """By its id or slug."""
    return await request.hub.library.personas.find(persona, request.by)


@patch("/v1/library/personas/{persona:str}")
async def change_persona(request: Call, persona: FromPath[str], data: JSONBody[lib.PersonaChange]) -> lib.PersonaInfo:
    """Change the draft; what is published stays."""
    return await request.hub.library.personas.change(persona, data, request.by)


@post("/v1/library/personas/{persona:str}/publish", status_code=200)
async def publish_persona(request: Call, persona: FromPath[str]) -> lib.PersonaInfo:
    """The draft becomes the next version, for your whole organisation."""
    return await request.hub.library.personas.publish(persona, request.by)


@post("/v1/library/personas/{persona:str}/archive", status_code=200)
async def archive_persona(request: Call, persona: FromPath[str]) -> lib.PersonaInfo:
    """Off the lists, and not for new sessions any more."""
    return await request.hub.library.personas.archive(persona, request.by)


@get("/v1/library/personas/{persona:str}/versions")
async def list_versions(request: Call, persona: FromPath[str]) -> VersionList:
    """What was published of it, newest first."""
    return VersionList(versions=await request.hub.library.personas.versions(persona, request.by))


routes = [
    make_kit,
    build_persona,
    list_skills,
    save_skill,
    get_skill,
    delete_skill,
    list_buckets,
    add_bucket,
    get_bucket,
    delete_bucket,
    list_templates,
    add_template,
    get_template,
    change_template,
    delete_template,
    refresh_template,
    check_packages,
    list_personas,
    add_persona,
    get_persona,
    change_persona,
    publish_persona,
    archive_persona,
    list_versions,
]
