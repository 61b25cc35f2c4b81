"""Saved workspaces: what the library calls templates."""

from typing import Any, Final, Literal
from urllib.parse import quote

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from roost.api.call import Call
from roost.api.coder.repos import given_repos
from roost.api.coder.shapes import RepoRef, Shape
from roost.api.coder.skills import Done
from roost.api.coder.times import iso
from roost.core.library.templates import held
from roost.model import library as lib

Scope = Literal["user", "org"]
SHARED: Final[dict[str, lib.Visibility]] = {"user": "private", "org": "organization"}
SEARCH: Final = "https://packages.debian.org/search?keywords="
OUR_WORDS: Final = {"saved_skill_ids": "skills", "skill_bucket_ids": "buckets"}
"""The core's word for a field, where it is another one."""


class WorkspaceBody(Shape, frozen=True, kw_only=True):
    """What is written here of a saved workspace; a new one needs a `name`."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    repos: tuple[RepoRef, ...] | UnsetType = UNSET
    dependencies: tuple[str, ...] | UnsetType = UNSET
    setup_script: str | UnsetType = UNSET
    system_prompt: str | UnsetType = UNSET
    system_prompt_mode: lib.Mode | UnsetType = UNSET
    saved_skill_ids: tuple[str, ...] | UnsetType = UNSET
    skill_bucket_ids: tuple[str, ...] | UnsetType = UNSET
    enabled_agents: tuple[str, ...] | UnsetType = UNSET


class SnapshotShape(Shape, frozen=True, kw_only=True):
    """How far the folder is that sessions begin with."""

    status: str
    snapshot_id: str | UnsetType = UNSET
    build_id: str | UnsetType = UNSET
    config_hash: str | UnsetType = UNSET
    requested_at: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


class WorkspaceShape(Shape, frozen=True, kw_only=True):
    """`selection_count`: how many things it holds."""

    id: str
    name: str
    scope: Scope
    owner_user_id: str
    repos: tuple[RepoRef, ...]
    repo_count: int
    saved_skill_ids: tuple[str, ...]
    skill_bucket_ids: tuple[str, ...]
    selection_count: int
    created_at: str
    updated_at: str
    dependencies: tuple[str, ...]
    enabled_agents: tuple[str, ...]
    snapshot: SnapshotShape
    description: str | UnsetType = UNSET
    setup_script: str | UnsetType = UNSET
    system_prompt: str | UnsetType = UNSET
    system_prompt_mode: str | UnsetType = UNSET


class WorkspaceAnswer(Shape, frozen=True, kw_only=True):
    workspace: WorkspaceShape


class WorkspacesAnswer(Shape, frozen=True, kw_only=True):
    workspaces: list[WorkspaceShape]


class DependenciesBody(Shape, frozen=True, kw_only=True):
    dependencies: tuple[str, ...]


class InvalidShape(Shape, frozen=True, kw_only=True):
    package: str
    error: str
    search_url: str
    requested_version: str | UnsetType = UNSET
    available_versions: tuple[str, ...] | UnsetType = UNSET


class Validated(Shape, frozen=True, kw_only=True):
    """`checked`: false where no package index was there to look into."""

    valid: tuple[str, ...]
    invalid: list[InvalidShape]
    checked: bool


class ValidatedAnswer(Shape, frozen=True, kw_only=True):
    data: Validated
    success: bool = True


@get("/api/hub/workspaces")
async def list_coder_workspaces(request: Call) -> WorkspacesAnswer:
    """The saved workspaces you may see, oldest first."""
    found = await request.hub.library.templates.all(request.by)
    return WorkspacesAnswer(workspaces=[workspace_of(template) for template in found])


@post("/api/hub/workspaces", status_code=201)
async def create_coder_workspace(request: Call, data: JSONBody[WorkspaceBody]) -> WorkspaceAnswer:
    """Save a workspace: something beside its name is in it."""
    named: dict[str, Any] = {"name": ""}
    wanted = lib.TemplateRequest(**named | _in_our_words(data))
    return WorkspaceAnswer(workspace=workspace_of(await request.hub.library.templates.add(wanted, request.by)))


@get("/api/hub/workspaces/{workspace:str}")
async def get_coder_workspace(request: Call, workspace: FromPath[str]) -> WorkspaceAnswer:
    """One saved workspace."""
    return WorkspaceAnswer(workspace=workspace_of(await request.hub.library.templates.find(workspace, request.by)))


@patch("/api/hub/workspaces/{workspace:str}")
async def update_coder_workspace(
    request: Call, workspace: FromPath[str], data: JSONBody[WorkspaceBody]
) -> WorkspaceAnswer:
    """What is present is replaced. A folder that was made from something else goes."""
    change = lib.TemplateChange(**_in_our_words(data))
    changed = await request.hub.library.templates.change(workspace, change, request.by)
    return WorkspaceAnswer(workspace=workspace_of(changed))


@delete("/api/hub/workspaces/{workspace:str}", status_code=200)
async def delete_coder_workspace(request: Call, workspace: FromPath[str]) -> Done:
    """Sessions that were made from it stay as they are."""
    await request.hub.library.templates.delete(workspace, request.by)
    return Done()


@post("/api/hub/workspaces/{workspace:str}/snapshot/refresh", status_code=200)
async def refresh_coder_workspace(request: Call, workspace: FromPath[str]) -> WorkspaceAnswer:
    """Prepare its folder anew: clone, run the setup script. Answers before that is done."""
    queued = await request.hub.library.preparing.refresh(workspace, request.by)
    return WorkspaceAnswer(workspace=workspace_of(queued))


@post("/api/hub/workspaces/dependencies/validate", status_code=200)
async def validate_coder_dependencies(request: Call, data: JSONBody[DependenciesBody]) -> ValidatedAnswer:
    """Which of these Debian packages there are, by the package index of the hub's machine."""
    found = await request.hub.library.dependencies(data.dependencies)
    invalid = [
        InvalidShape(
            package=each.package,
            error=each.error,
            search_url=SEARCH + quote(each.package, safe=""),
            requested_version=each.version,
            available_versions=each.versions or UNSET,
        )
        for each in found.invalid
    ]
    return ValidatedAnswer(data=Validated(valid=found.valid, invalid=invalid, checked=found.checked))


def workspace_of(template: lib.SavedTemplate) -> WorkspaceShape:
    return WorkspaceShape(
        id=template.id,
        name=template.name,
        scope="user" if template.visibility == "private" else "org",
        owner_user_id=template.owner.user,
        repos=template.repos,
        repo_count=len(template.repos),
        saved_skill_ids=template.skills,
        skill_bucket_ids=template.buckets,
        selection_count=held(template),
        created_at=iso(template.created_at),
        updated_at=iso(template.updated_at),
        dependencies=template.dependencies,
        enabled_agents=template.enabled_agents,
        snapshot=_snapshot_of(template.preparation),
        description=template.description,
        setup_script=template.setup_script or UNSET,
        system_prompt=template.system_prompt or UNSET,
        system_prompt_mode=template.system_prompt_mode if template.system_prompt else UNSET,
    )


def _snapshot_of(made: lib.Preparation) -> SnapshotShape:
    times = {name: getattr(made, name) for name in ("requested_at", "created_at", "updated_at")}
    return SnapshotShape(
        status=made.status,
        snapshot_id=made.ready,
        build_id=made.build,
        config_hash=made.config,
        error=made.error,
        **{name: UNSET if at is UNSET else iso(at) for name, at in times.items()},
    )


def _in_our_words(body: WorkspaceBody) -> dict[str, Any]:
    given = {name: value for name, value in asdict(body).items() if value is not UNSET}
    if "scope" in given:
        given["visibility"] = SHARED[given.pop("scope")]
    if "repos" in given:
        given["repos"] = given_repos(UNSET, given["repos"])
    return {OUR_WORDS.get(name, name): value for name, value in given.items()}


routes = [
    list_coder_workspaces,
    create_coder_workspace,
    get_coder_workspace,
    update_coder_workspace,
    delete_coder_workspace,
    refresh_coder_workspace,
    validate_coder_dependencies,
]
