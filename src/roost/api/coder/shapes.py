"""What Coder's clients send and read about sessions: camelCase, ISO times, absent and never null.

They check every answer as a whole, so a field of the wrong type anywhere makes all of it useless to them. Fields that
they send and we do not know are ignored.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

RepoRef = dict[str, Any]
"""What is said about a repository: the fields of `repos.NAMED` are text, others are kept as they are."""
Visibility = Literal["private", "organization", "collaborate"]
WorkflowMode = Literal["standard", "loop"]


class Shape(Struct, frozen=True, kw_only=True, rename="camel"):
    """One JSON object of the wire."""


# --- what is sent -----------------------------------------------------------------------------------------------------


class SkillRef(Shape, frozen=True, kw_only=True):
    skill_id: str
    repo: str
    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class FileBody(Shape, frozen=True, kw_only=True):
    """A file of the workspace. `content`: base64."""

    path: str
    content: bytes


class CommandBody(Shape, frozen=True, kw_only=True):
    exec: list[str] = []
    files: list[FileBody] = []
    mode: Literal["oneshot", "interactive"] | UnsetType = UNSET


class LoopBody(Shape, frozen=True, kw_only=True):
    goal: str | UnsetType = UNSET
    max_iterations: int | UnsetType = UNSET
    auto_continue: bool | UnsetType = UNSET
    allow_detached: bool | UnsetType = UNSET


class TimeoutBody(Shape, frozen=True, kw_only=True):
    """Durations as text: `"10m"`."""

    idle: str | UnsetType = UNSET
    execution: str | UnsetType = UNSET
    paused: str | UnsetType = UNSET


class CreateBody(Shape, frozen=True, kw_only=True):
    """A new session. The fields after `timeout` are wishes about the runtime."""

    task: str
    label: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    default_agent: str | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    workflow_mode: WorkflowMode | UnsetType = UNSET
    loop: LoopBody | UnsetType = UNSET
    tags: tuple[str, ...] = ()
    enabled_agents: tuple[str, ...] | UnsetType = UNSET
    saved_skill_ids: tuple[str, ...] = ()
    skill_bucket_ids: tuple[str, ...] = ()
    skills: tuple[SkillRef, ...] = ()
    repo: RepoRef | UnsetType = UNSET
    repos: tuple[RepoRef, ...] | UnsetType = UNSET
    workspace_id: str | UnsetType = UNSET
    env: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    files: tuple[FileBody, ...] = ()
    timeout: TimeoutBody = TimeoutBody()
    command: CommandBody | UnsetType = UNSET
    resources: dict[str, Any] | UnsetType = UNSET
    network: dict[str, Any] | UnsetType = UNSET
    stream: dict[str, Any] | UnsetType = UNSET
    project_id: str | UnsetType = UNSET
    runtime: str | UnsetType = UNSET
    runtime_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    snapshot: str | UnsetType = UNSET
    dependencies: list[str] | UnsetType = UNSET
    packages: list[str] | UnsetType = UNSET
    scopes: list[str] | UnsetType = UNSET


WISHES = (
    "resources", "network", "stream", "project_id", "runtime", "runtime_id", "name", "description", "snapshot",
    "dependencies", "packages", "scopes",
)  # fmt: skip
"""Fields of `CreateBody` that are kept for the runtime, whether or not it can do them."""


class UpdateBody(Shape, frozen=True, kw_only=True):
    """What is present changes; `metadata` key by key, all else as a whole. A preferred agent that is null or empty is
    taken away."""

    label: str | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    agent: str | UnsetType | None = UNSET
    default_agent: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    enabled_agents: tuple[str, ...] | UnsetType = UNSET
    skills: tuple[SkillRef, ...] | UnsetType = UNSET
    saved_skill_ids: tuple[str, ...] | UnsetType = UNSET
    skill_bucket_ids: tuple[str, ...] | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    workflow_mode: WorkflowMode | UnsetType = UNSET
    loop: LoopBody | UnsetType = UNSET


# --- what is answered -------------------------------------------------------------------------------------------------


class Owner(Shape, frozen=True, kw_only=True):
    user_id: str


class WorkspaceRef(Shape, frozen=True, kw_only=True):
    """The saved workspace that a session was made from."""

    id: str
    name: str
    scope: Literal["user", "org"]


class Flags(Shape, frozen=True, kw_only=True):
    """Where a session stands in its life, for whoever asks."""

    status: str
    bucket: Literal["running", "paused", "provisioning", "history"]
    runtime_available: bool
    control_available: bool
    wake_available: bool
    history_only: bool
    live_expected: bool


class ListItem(Flags, frozen=True, kw_only=True):
    """A session in a list: neither its task nor its env."""

    session_id: str
    label: str
    mode: str
    visibility: str
    workflow_mode: WorkflowMode
    created_at: str
    last_activity_at: str
    task_count: int
    sub_agent_count: int
    observer_count: int
    participant_count: int
    tags: tuple[str, ...]
    skills: tuple[SkillRef, ...]
    enabled_agents: tuple[str, ...]
    manage_available: bool
    owner: Owner
    default_agent: str | UnsetType = UNSET
    repo: RepoRef | UnsetType = UNSET
    repos: tuple[RepoRef, ...] | UnsetType = UNSET
    workspace: WorkspaceRef | UnsetType = UNSET
    loop_status: str | UnsetType = UNSET
    loop_iteration: int | UnsetType = UNSET
    session_kind: str | UnsetType = UNSET
    builder: Shape | UnsetType = UNSET


class Sessions(Shape, frozen=True, kw_only=True):
    """All of them are where clients look; `sandbox` is for what we do not have."""

    websocket: list[ListItem]
    sandbox: tuple[()] = ()


class SessionsAnswer(Shape, frozen=True, kw_only=True):
    sessions: Sessions
    total: int


class Here(Shape, frozen=True, kw_only=True):
    """Who is here, in a session's detail and in the snapshot of its stream."""

    id: str
    role: str
    transport: str
    connected_at: str
    idle: bool | UnsetType = UNSET


class TaskShape(Shape, frozen=True, kw_only=True):
    """A sub-agent's task. `duration` in ms."""

    task_id: str
    agent: str
    prompt: str
    status: Literal["running", "completed", "failed"]
    started_at: str | UnsetType = UNSET
    completed_at: str | UnsetType = UNSET
    duration: int | UnsetType = UNSET
    result: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


class Activity(Shape, frozen=True, kw_only=True):
    """What an agent does. `last_activity`, `total_elapsed`: ms."""

    name: str
    status: str
    tool_call_count: int
    last_activity: int
    current_tool: str | UnsetType = UNSET
    current_tool_args: str | UnsetType = UNSET
    total_elapsed: int | UnsetType = UNSET


class TaskStream(Shape, frozen=True, kw_only=True):
    output: str = ""
    thinking: str = ""


class StreamShape(TaskStream, frozen=True, kw_only=True):
    """What the open run has said so far; of sub-agents by their task."""

    tasks: dict[str, TaskStream] = {}


class Context(Shape, frozen=True, kw_only=True):
    branch: str | UnsetType = UNSET
    working_directory: str | UnsetType = UNSET


class Usage(Shape, frozen=True, kw_only=True):
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: float
    updated_at: str


class Detail(ListItem, frozen=True, kw_only=True):
    """A session by itself. Its env is not in it: that is for the agent alone."""

    participants: list[Here]
    tasks: list[TaskShape]
    agent_activity: dict[str, Activity]
    stream: StreamShape
    context: Context
    usage: Usage
    metadata: dict[str, Any]
    updated_at: str
    task: str | UnsetType = UNSET
    loop: "LoopShape | UnsetType" = UNSET
    error: dict[str, Any] | UnsetType = UNSET
    diagnostics: dict[str, Any] | UnsetType = UNSET


class LoopShape(Shape, frozen=True, kw_only=True):
    """A loop over runs. Times in ms."""

    status: str
    iteration: int
    max_iterations: int | UnsetType = UNSET
    goal: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    next_action: str | UnsetType = UNSET
    loop_id: str | UnsetType = UNSET
    started_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    completed_at: int | UnsetType = UNSET
    last_checkpoint_at: int | UnsetType = UNSET
    auto_continue: bool | UnsetType = UNSET
    allow_detached: bool | UnsetType = UNSET


class Made(Shape, frozen=True, kw_only=True):
    """The answer to a creation."""

    session_id: str
    status: str
    mode: str
    visibility: str
    label: str


class Moved(Shape, frozen=True, kw_only=True):
    """The answer to archive, resume and delete. `resumed` is true or absent."""

    session_id: str
    status: str
    resumed: bool | UnsetType = UNSET


class Updated(Shape, frozen=True, kw_only=True):
    """What a session is like after a change."""

    session_id: str
    label: str
    visibility: str
    tags: tuple[str, ...]
    skills: tuple[SkillRef, ...]
    enabled_agents: tuple[str, ...]
    metadata: dict[str, Any]
    workflow_mode: WorkflowMode
    default_agent: str | UnsetType = UNSET
