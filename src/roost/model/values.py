"""The values that bodies of events carry (`events.py`, where each has its name too)."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model.ids import MessageId

Action = Literal["allow", "deny", "ask"]
"""What a rule says to a request."""
LoopStatus = Literal["idle", "starting", "running", "paused", "completed", "cancelled", "blocked", "awaiting_input"]
"""How a loop over runs stands."""


class Principal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acts. `key` is the public id of the API key, never the key."""

    user: str
    kind: Literal["user", "api-key", "service"] = "user"
    key: str | UnsetType = UNSET
    org: str | UnsetType = UNSET


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value without an identity of its own."""


class TextInput(Fact, frozen=True, kw_only=True, tag="text", tag_field="type"):
    """Words, given with a prompt. `command`: they run this command of the agent's own (`/NAME ARGUMENTS`)."""

    text: str
    command: str | UnsetType = UNSET


class FileInput(Fact, frozen=True, kw_only=True, tag="file", tag_field="type"):
    """A file given with a prompt: a `data:` URL or a blob reference `blob:sha256-...`."""

    url: str
    mime: str
    filename: str | UnsetType = UNSET


InputPart = TextInput | FileInput


class OtherClone(Fact, frozen=True, kw_only=True):
    """A repository beside the one that a session works in, cloned to a `folder` of it."""

    url: str
    folder: str
    base: str | UnsetType = UNSET


class WorkspaceSpec(Fact, frozen=True, kw_only=True):
    """Where the agent works. `folder`: `path` as it is. `worktree`: a git worktree of the repository at `path`, made at
    `root` on branch `branch`, starting from `base` (default HEAD), that is from `commit`; it is merged into `target`.
    `clone`: a clone of `url` at `root`, and in it of `others`. `prepared`: the folder of a template that `root` begins
    as a copy of, if it is there."""

    kind: Literal["folder", "worktree", "clone"]
    path: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    base: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    root: str | UnsetType = UNSET
    commit: str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    prepared: str | UnsetType = UNSET
    others: tuple[OtherClone, ...] = ()


class Tokens(Fact, frozen=True, kw_only=True):
    """Token counts of one model step."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0


class Failure(Fact, frozen=True, kw_only=True):
    """What went wrong: a stable code, a sentence, and data for programs."""

    code: str
    message: str
    data: dict[str, Any] | UnsetType = UNSET


class RunResult(Fact, frozen=True, kw_only=True):
    """How a run ended well. `text` joins the text parts of the last assistant message."""

    text: str | UnsetType = UNSET
    message: MessageId | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET


class ToolRef(Fact, frozen=True, kw_only=True):
    """The tool call a permission belongs to."""

    message: MessageId
    call: str


class QuestionOption(Fact, frozen=True, kw_only=True):
    """One of the answers that a question offers."""

    label: str
    description: str | UnsetType = UNSET


class Question(Fact, frozen=True, kw_only=True):
    """One question. `multiple`: several options may be chosen; `custom`: own words may be given."""

    question: str
    header: str | UnsetType = UNSET
    options: tuple[QuestionOption, ...] = ()
    multiple: bool = False
    custom: bool = False


class Todo(Fact, frozen=True, kw_only=True):
    """An item of the agent's plan. Its `id` stays the same from list to list."""

    id: str
    content: str
    status: Literal["pending", "in_progress", "completed", "cancelled"] = "pending"
    priority: Literal["high", "medium", "low"] = "medium"


class FileChange(Fact, frozen=True, kw_only=True):
    """What became of a file of the workspace. `before` is the old path of a renamed one."""

    path: str
    change: Literal["added", "modified", "deleted", "renamed"]
    before: str | UnsetType = UNSET


class Blob(Fact, frozen=True, kw_only=True):
    """Content kept outside the log: `hash` is `sha256-` + hex, `size` in bytes."""

    hash: str
    size: int
    mime: str = "application/octet-stream"


class Timeouts(Fact, frozen=True, kw_only=True):
    """Seconds; absent: the hub's default; 0: never. `idle`: without a run, until the session sleeps. `paused`: asleep,
    until it counts as history. `parked`: with an unanswered request, until its host stops. `execution`: of one run,
    until it is aborted."""

    idle: float | UnsetType = UNSET
    paused: float | UnsetType = UNSET
    parked: float | UnsetType = UNSET
    execution: float | UnsetType = UNSET


class Rule(Fact, frozen=True, kw_only=True):
    """What may happen without asking, what never may. `permission` and `pattern` are globs (`*`, `?`, `[..]`), matched
    with case; `*` matches everything."""

    permission: str
    action: Action
    pattern: str = "*"


class Policy(Fact, frozen=True, kw_only=True):
    """Who decides what the agent may do. `headless`: what happens to a request that the rules leave to a person: `park`
    waits for one. `deadline`: seconds until an unanswered request is answered with `action`; absent or 0: never. A
    question that nobody answers is rejected, whatever `headless` or `action` say."""

    rules: tuple[Rule, ...] = ()
    headless: Literal["park", "reject", "allow"] = "park"
    deadline: float | UnsetType = UNSET
    action: Literal["reject", "allow"] = "reject"


class Skill(Fact, frozen=True, kw_only=True):
    """A skill a session was given: `content` is its SKILL.md, copied, so that the library may forget it."""

    skill: str
    repo: str
    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class GivenFile(Fact, frozen=True, kw_only=True):
    """A file that lies in the workspace before the agent starts. `path`: relative to it."""

    path: str
    blob: Blob


class Instructions(Fact, frozen=True, kw_only=True):
    """What the agent is told before everything else: after its own system prompt, or in place of it."""

    text: str
    mode: Literal["append", "overwrite"] = "append"


class Origin(Fact, frozen=True, kw_only=True):
    """The session that an agent had by itself, before Roost: `id` is what the agent calls it. `changed_at`: when it was
    last added to, before it was imported (ms)."""

    agent: str
    id: str
    changed_at: int = 0


class Persona(Fact, frozen=True, kw_only=True):
    """The published version of a custom agent that a session works as. `thinking`: how long its model may think."""

    agent: str
    slug: str
    version: int
    model: str | UnsetType = UNSET
    thinking: str | UnsetType = UNSET
    tools: tuple[str, ...] = ()


class Template(Fact, frozen=True, kw_only=True):
    """The saved workspace of the library that a session was made from."""

    id: str
    name: str
    scope: Literal["user", "org"] = "user"


class InitialCommand(Fact, frozen=True, kw_only=True):
    """What is run in the workspace before the agent starts. `exec`: a program and its arguments, for no shell. `mode`:
    `oneshot` runs once in the session's life, and the agent waits for its end; `interactive` runs beside the agent, and
    again with each host."""

    exec: tuple[str, ...]
    mode: Literal["oneshot", "interactive"] = "oneshot"


class Kit(Fact, frozen=True, kw_only=True):
    """What a session was given to work with, beside its task. `repos`: as the caller wrote them. `wishes`: what was
    asked of the runtime (resources, network, ...), kept as given and applied where the runtime can."""

    default_agent: str | UnsetType = UNSET
    enabled_agents: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    repos: tuple[dict[str, Any], ...] = ()
    files: tuple[GivenFile, ...] = ()
    instructions: Instructions | UnsetType = UNSET
    persona: Persona | UnsetType = UNSET
    template: Template | UnsetType = UNSET
    builder: dict[str, Any] | UnsetType = UNSET
    wishes: dict[str, Any] | UnsetType = UNSET
    command: InitialCommand | UnsetType = UNSET


class McpServer(Fact, frozen=True, kw_only=True):
    """A server of tools for the agent, by the Model Context Protocol: a command that the agent starts (`stdio`), or an
    address. Values of `env` and `headers`, and what follows `?` in a `url`, are kept in confidence: masked wherever
    this is logged or served."""

    name: str
    type: Literal["stdio", "http", "sse"] = "stdio"
    command: str | UnsetType = UNSET
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    url: str | UnsetType = UNSET
    headers: dict[str, str] = {}


class Refusal(Fact, frozen=True, kw_only=True):
    """What an agent was to be set to and is not. `reason`: with what there is to choose from, if that is known."""

    name: str
    value: Any = None
    reason: str


class SandboxSpec(Fact, frozen=True, kw_only=True):
    """What is asked for. `auto`: the best there is; of the network what the agent needs. `memory` in bytes, `processes`
    at a time, `cpus` in cores: of everything inside together; absent: the hub's default; 0: no limit."""

    kind: Literal["auto", "none", "bubblewrap"] | UnsetType = UNSET
    network: Literal["auto", "none", "model", "full"] | UnsetType = UNSET
    memory: int | UnsetType = UNSET
    processes: int | UnsetType = UNSET
    cpus: float | UnsetType = UNSET


class Enclosure(Fact, frozen=True, kw_only=True):
    """What encloses an agent. `network`: nothing is reached from inside, its model hosts alone, or whatever its user
    reaches. `reason`: why there is no sandbox, though none was refused; `unapplied`: limits that were asked for and
    that this machine cannot set, each with its reason."""

    kind: Literal["none", "bubblewrap"] = "none"
    network: Literal["none", "model", "full"] = "full"
    memory: int | UnsetType = UNSET
    processes: int | UnsetType = UNSET
    cpus: float | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    unapplied: tuple[str, ...] = ()


class Loop(Fact, frozen=True, kw_only=True):
    """What a loop over runs works towards. `max_iterations`: absent, no end. `auto_continue`: the next iteration begins
    by itself, else a person is waited for. `allow_detached`: also while nobody watches."""

    goal: str | UnsetType = UNSET
    max_iterations: int | UnsetType = UNSET
    auto_continue: bool = True
    allow_detached: bool = True
