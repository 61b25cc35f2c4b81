"""Every fact a session's log can hold (PROTOCOL.md, "Events"). One frozen struct per event, tagged by `type`.

Absent is `UNSET`, never null. New fields get defaults, so that old logs stay readable. Bodies of a type this version
does not know become `Unknown` and keep their bytes; the log stores and serves the original bytes of every body.
"""

# Every value has its name here too, used or not.
# ruff: noqa: F401
# pyright: reportUnusedImport=false

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from roost.model.ids import Epoch, MessageId, PartId, RequestId, Seq, SessionId, TaskId
from roost.model.values import (
    Action,
    Blob,
    Enclosure,
    Fact,
    Failure,
    FileChange,
    FileInput,
    GivenFile,
    InitialCommand,
    InputPart,
    Instructions,
    Kit,
    Loop,
    LoopStatus,
    McpServer,
    Origin,
    Persona,
    Policy,
    Principal,
    Question,
    QuestionOption,
    Refusal,
    Rule,
    RunResult,
    SandboxSpec,
    Skill,
    Template,
    TextInput,
    Timeouts,
    Todo,
    Tokens,
    ToolRef,
    WorkspaceSpec,
)

TakenUp = Literal["new", "resumed", "loaded", "seeded"]
"""How an agent has taken up its conversation (`agent-state`)."""
MAX_BODY_BYTES = 256 * 1024
"""A larger body is refused (hub) or committed as `native` without its content (host)."""
MAX_STATE_BYTES = 32 * 1024
"""The same for the body of an `agent-state`."""


# --- session ----------------------------------------------------------------------------------------------------------


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What happened. Concrete events carry their tag; `run` and `by` are in the envelope."""


class SessionCreated(Body, frozen=True, kw_only=True, tag="session-created"):
    """The first event of every log. `env` holds names with masked values; the values are never served."""

    session: SessionId
    label: str
    agent: str
    workspace: WorkspaceSpec
    owner: Principal
    task: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    visibility: Literal["private", "organization", "collaborate"] = "private"
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | UnsetType = UNSET
    env: dict[str, str] | UnsetType = UNSET
    runtime: str = "process"
    mode: Literal["sandbox", "tui"] = "sandbox"
    driver: str | UnsetType = UNSET
    timeouts: Timeouts | UnsetType = UNSET
    policy: Policy | UnsetType = UNSET
    kit: Kit | UnsetType = UNSET
    loop: Loop | UnsetType = UNSET
    sandbox: SandboxSpec | UnsetType = UNSET
    mcp: tuple[McpServer, ...] = ()


class SessionImported(Body, frozen=True, kw_only=True, tag="session-imported"):
    """The session was begun without Roost: what follows, up to `session-paused`, is its history, written down anew. The
    times of these events are those of the import; `said_at` tells when something was said."""

    origin: Origin


class SessionUpdated(Body, frozen=True, kw_only=True, tag="session-updated"):
    """Only what changed is present. `metadata` merges key by key; `hidden` takes the session off default lists; `kit`
    replaces the kit as a whole."""

    label: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    visibility: Literal["private", "organization", "collaborate"] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    kit: Kit | UnsetType = UNSET


class ConfigChanged(Body, frozen=True, kw_only=True, tag="config-changed"):
    """How the session works from now on: model, mode, options of the driver; its timeouts, its policy; the rules that
    "always" has granted (the whole list: what is missing is taken back)."""

    model: str | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    timeouts: Timeouts | UnsetType = UNSET
    policy: Policy | UnsetType = UNSET
    granted: tuple[Rule, ...] | UnsetType = UNSET


class RuntimeStarting(Body, frozen=True, kw_only=True, tag="runtime-starting"):
    """Opens an epoch: a host is being started. Commands after this event are that host's."""

    epoch: Epoch
    runtime: str = "process"


class RuntimeReady(Body, frozen=True, kw_only=True, tag="runtime-ready"):
    """The host of this epoch has said hello. `sandbox`: what encloses its agent."""

    epoch: Epoch
    pid: int | UnsetType = UNSET
    capabilities: dict[str, Any] | UnsetType = UNSET
    sandbox: Enclosure | UnsetType = UNSET


class RuntimeLost(Body, frozen=True, kw_only=True, tag="runtime-lost"):
    """The host of this epoch is given up. `code`: `host_dead`, `grace_over`, `producer_gap`, `start_failed`."""

    epoch: Epoch
    code: str
    message: str | UnsetType = UNSET


class PauseRequested(Body, frozen=True, kw_only=True, tag="pause-requested"):
    """The session is to go to sleep as soon as its run has ended. `reason`: `requested`, `idle` or `hub-down`."""

    reason: str = "requested"


class SessionPaused(Body, frozen=True, kw_only=True, tag="session-paused"):
    """Asleep and wakeable. Closes the epoch. `reason`: `requested`, `idle`, `parked`, `interrupted`, `hub-down`,
    `start-failed` or `imported`."""

    reason: str = "requested"


class SessionResuming(Body, frozen=True, kw_only=True, tag="session-resuming"):
    """The session wakes; a host is started for it."""


class SessionArchived(Body, frozen=True, kw_only=True, tag="session-archived"):
    """History only from now on, for good. Closes the epoch."""


class SessionFailed(Body, frozen=True, kw_only=True, tag="session-failed"):
    """The session could never start. Closes the epoch."""

    error: Failure


class SessionEnded(Body, frozen=True, kw_only=True, tag="session-ended"):
    """The last event of a log: the workspace is destroyed, the history stays. Closes the epoch."""

    kept: str | UnsetType = UNSET


# --- run --------------------------------------------------------------------------------------------------------------


class RunStart(Body, frozen=True, kw_only=True, tag="run-start"):
    """One execution begins; `message` is the user message that `input` becomes. `said_at`: when it was said (ms), if
    that was before it was recorded: of imported history."""

    message: MessageId
    input: tuple[InputPart, ...]
    delivery: Literal["prompt", "steer", "queue"] = "prompt"
    said_at: int | UnsetType = UNSET


class RunPhase(Body, frozen=True, kw_only=True, tag="run-phase"):
    """What the open run does now."""

    phase: Literal["planning", "executing", "verifying"]


class Steered(Body, frozen=True, kw_only=True, tag="steered"):
    """Input that joins the open run."""

    message: MessageId
    input: tuple[InputPart, ...]


class Queued(Body, frozen=True, kw_only=True, tag="queued"):
    """Input that waits for its own run. `again`: input of a run that was parked; it goes to the head of the queue."""

    message: MessageId
    input: tuple[InputPart, ...]
    again: bool = False


class Dequeued(Body, frozen=True, kw_only=True, tag="dequeued"):
    """This input leaves the queue: its run starts in the same commit, or (`dropped`) it is given up."""

    message: MessageId
    dropped: bool = False


class AbortRequested(Body, frozen=True, kw_only=True, tag="abort-requested"):
    """The open run is to stop. Idempotent."""

    reason: str = "requested"


class RunComplete(Body, frozen=True, kw_only=True, tag="run-complete"):
    """Ended well. `read` is the seq of the last command the host had read."""

    result: RunResult = RunResult()
    read: Seq = 0


class RunAborted(Body, frozen=True, kw_only=True, tag="run-aborted"):
    """Ended because somebody asked for it. `read` as in `run-complete`."""

    reason: str = "requested"
    read: Seq = 0


class RunError(Body, frozen=True, kw_only=True, tag="run-error"):
    """Ended badly. Code `interrupted`: the host was lost; `start_failed`: it never came; `spool_full`: the hub was away
    for too long; others are the agent's. `read` as in `run-complete`."""

    error: Failure
    read: Seq = 0


# --- conversation -----------------------------------------------------------------------------------------------------


class Said(Body, frozen=True, kw_only=True):
    """A conversation event: the message it belongs to and, for a sub-agent, its task."""

    message: MessageId
    task: TaskId | UnsetType = UNSET


class MessageStart(Said, frozen=True, kw_only=True, tag="message-start"):
    """A message begins. It need not be said: any other event of a message begins it, as the assistant's. `said_at` as
    in `run-start`."""

    role: Literal["assistant", "user", "system"] = "assistant"
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    parent: MessageId | UnsetType = UNSET
    said_at: int | UnsetType = UNSET


class PartStart(Said, frozen=True, kw_only=True, tag="part-start"):
    """A part begins. It need not be said: its first delta begins it too."""

    part: PartId
    kind: Literal["text", "reasoning", "tool", "file"] = "text"


class TextDelta(Said, frozen=True, kw_only=True, tag="text-delta"):
    """A piece of text. `T` is a producer's own stamp for measurements and means nothing to the fold."""

    part: PartId
    delta: str
    stamp: str | UnsetType = field(default=UNSET, name="T")


class ReasoningDelta(Said, frozen=True, kw_only=True, tag="reasoning-delta"):
    """A piece of what the model thinks aloud."""

    part: PartId
    delta: str


class ToolInputDelta(Said, frozen=True, kw_only=True, tag="tool-input-delta"):
    """A piece of a tool call's input, as the model writes it."""

    part: PartId
    call: str
    delta: str


class PartReset(Said, frozen=True, kw_only=True, tag="part-reset"):
    """The provider began this part again: what was streamed of it is void."""

    part: PartId
    reason: str | UnsetType = UNSET


class PartDone(Said, frozen=True, kw_only=True, tag="part-done"):
    """The part is final. `text` is present only if it differs from the joined deltas."""

    part: PartId
    text: str | UnsetType = UNSET


class MessageDone(Said, frozen=True, kw_only=True, tag="message-done"):
    """The message is final, unless tools of it still run. `error`: it could not be said to the end."""

    finish: str = "stop"
    error: Failure | UnsetType = UNSET


class ToolStart(Said, frozen=True, kw_only=True, tag="tool-start"):
    """A tool begins to run. `call` pairs it with its end."""

    part: PartId
    call: str
    tool: str
    input: Any = None
    title: str | UnsetType = UNSET


class ToolDelta(Said, frozen=True, kw_only=True, tag="tool-delta"):
    """A piece of a running tool's output."""

    part: PartId
    call: str
    delta: str


class ToolComplete(Said, frozen=True, kw_only=True, tag="tool-complete"):
    """The tool ended well. `output` is present only if it differs from the joined deltas."""

    part: PartId
    call: str
    output: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class ToolError(Said, frozen=True, kw_only=True, tag="tool-error"):
    """The tool failed, or was not allowed to run."""

    part: PartId
    call: str
    error: str
    metadata: dict[str, Any] | UnsetType = UNSET


class Attachment(Said, frozen=True, kw_only=True, tag="attachment"):
    """A file the agent gave: `url` is a `data:` URL, or `blob` names stored content."""

    part: PartId
    mime: str
    filename: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    blob: Blob | UnsetType = UNSET


class StepStart(Said, frozen=True, kw_only=True, tag="step-start"):
    """A model step begins."""

    part: PartId


class StepFinish(Said, frozen=True, kw_only=True, tag="step-finish"):
    """One model step ended. `cost` in US dollars."""

    part: PartId
    reason: str = "stop"
    tokens: Tokens = Tokens()
    cost: float = 0.0


class Retry(Said, frozen=True, kw_only=True, tag="retry"):
    """The provider failed and is asked again in `next_ms`."""

    part: PartId
    attempt: int
    error: str
    next_ms: int | UnsetType = UNSET


class Compacting(Body, frozen=True, kw_only=True, tag="compacting"):
    """What the model sees of the conversation is being summed up. `reason`: `requested` or `overflow`."""

    reason: str = "requested"


class Compacted(Body, frozen=True, kw_only=True, tag="compacted"):
    """The model now sees a summary (`message`) of what came before. History is not deleted."""

    message: MessageId | UnsetType = UNSET


class Reverted(Body, frozen=True, kw_only=True, tag="reverted"):
    """Messages after `message` are hidden, softly, until the next input."""

    message: MessageId


class Unreverted(Body, frozen=True, kw_only=True, tag="unreverted"):
    """What was hidden by `reverted` is back."""

    message: MessageId


# --- people -----------------------------------------------------------------------------------------------------------


class PermissionAsked(Body, frozen=True, kw_only=True, tag="permission-asked"):
    """A person must decide whether the agent may use `permission` (`bash`, `edit`, ...) on `patterns`. `always`: what
    an answer `always` would allow from then on."""

    request: RequestId
    permission: str
    patterns: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    metadata: dict[str, Any] | UnsetType = UNSET
    tool: ToolRef | UnsetType = UNSET


class PermissionReplied(Body, frozen=True, kw_only=True, tag="permission-replied"):
    """`interrupted`: nobody answered in time or the host was lost; only the hub writes that. `why`: what answered where
    no person did: a rule, an earlier "always", the policy of a headless session, its deadline."""

    request: RequestId
    reply: Literal["once", "always", "reject", "interrupted"]
    message: str | UnsetType = UNSET
    why: Literal["rule", "granted", "headless", "deadline"] | UnsetType = UNSET


class QuestionAsked(Body, frozen=True, kw_only=True, tag="question-asked"):
    """A person must answer before the agent goes on."""

    request: RequestId
    questions: tuple[Question, ...]


class QuestionReplied(Body, frozen=True, kw_only=True, tag="question-replied"):
    """One list of labels (or own words) per question; none if `reply` is not `answer`. `why` as in
    `permission-replied`."""

    request: RequestId
    reply: Literal["answer", "reject", "interrupted"]
    answers: tuple[tuple[str, ...], ...] = ()
    why: Literal["headless", "deadline"] | UnsetType = UNSET


class RequestWithdrawn(Body, frozen=True, kw_only=True, tag="request-withdrawn"):
    """The agent does not ask this any more: a permission or question that was open is settled without an answer."""

    request: RequestId
    reason: str | UnsetType = UNSET


# --- plan and work ----------------------------------------------------------------------------------------------------


class TodosUpdated(Body, frozen=True, kw_only=True, tag="todos-updated"):
    """The whole list, every time."""

    todos: tuple[Todo, ...]


class GoalUpdated(Body, frozen=True, kw_only=True, tag="goal-updated"):
    """The agent's verdict on its goal: go on, or it is reached. `next_action`: what it wants to be told in the next
    iteration of its loop, in place of the goal."""

    status: Literal["continue", "complete"]
    summary: str | UnsetType = UNSET
    next_action: str | UnsetType = UNSET


class Verification(Body, frozen=True, kw_only=True, tag="verification"):
    """What checking the result came to."""

    passed: bool
    report: str = ""


class SubtaskStart(Body, frozen=True, kw_only=True, tag="subtask-start"):
    """A sub-agent begins: its words carry this `task`, or it has a `session` of its own."""

    task: TaskId
    agent: str
    prompt: str = ""
    session: SessionId | UnsetType = UNSET


class SubtaskEnd(Body, frozen=True, kw_only=True, tag="subtask-end"):
    """The sub-agent is done."""

    task: TaskId
    status: Literal["completed", "failed", "aborted"] = "completed"
    result: str | UnsetType = UNSET


class LoopUpdated(Body, frozen=True, kw_only=True, tag="loop-updated"):
    """How a loop over runs stands. `completed`, `cancelled` and `blocked` are its ends; `awaiting_input` waits for a
    person; `idle`: the session has left it. `iteration`: of the run that goes on or went last, from 1; the first event
    of an iteration is of its run. `loop`: what it works towards from now on, if that has changed. `id`: of a loop that
    begins."""

    status: LoopStatus
    iteration: int = 0
    id: str | UnsetType = UNSET
    loop: Loop | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    next_action: str | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET


class FilesChanged(Body, frozen=True, kw_only=True, tag="files-changed"):
    """Files of the workspace that the run has changed. `truncated`: they were more."""

    files: tuple[FileChange, ...]
    truncated: bool = False


class ArtifactPublished(Body, frozen=True, kw_only=True, tag="artifact-published"):
    """A named result. The same `key` again is a new `version`."""

    key: str
    mime: str
    blob: Blob | UnsetType = UNSET
    text: str | UnsetType = UNSET
    version: int = 1


class WorkspaceUpdated(Body, frozen=True, kw_only=True, tag="workspace-updated"):
    """How far the host is with the clone that the session works in. `cloning`: `stage` and `percent` are git's.
    `ready`: it stands at `commit`, or the repository is empty. `failed`: the next run or call tries again."""

    status: Literal["cloning", "ready", "failed"]
    stage: str | UnsetType = UNSET
    percent: int | UnsetType = UNSET
    commit: str | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class CommandUpdated(Body, frozen=True, kw_only=True, tag="command-updated"):
    """How far the host is with the command that the session begins with. `running`: `exec`, its words. `ended`: by
    itself, with `exit_code` (the negative number of a signal), whatever it is. `failed`: it could not be started
    (`start_failed`), took too long (`timed_out`) or was broken off (`aborted`). `output`: the end of what it printed,
    at most 4,000 bytes. The session goes on in any case."""

    status: Literal["running", "ended", "failed"]
    exec: tuple[str, ...] | UnsetType = UNSET
    exit_code: int | UnsetType = UNSET
    output: str | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class ActivitySeen(Body, frozen=True, kw_only=True, tag="activity-seen"):
    """What the agent was seen to be at, by its own records (`native`) or on its screen (`terminal`), where no other
    event tells that. Said when it changes; a run that begins or ends, and a new host, make it void. `evidence`: what
    showed it, at most 200 characters."""

    state: Literal["active", "ready", "idle", "waiting_input", "blocked"]
    source: Literal["native", "terminal"] = "terminal"
    evidence: str = ""


class AgentState(Body, frozen=True, kw_only=True, tag="agent-state"):
    """What the agent must know to go on in another host: its driver's own words, which nobody else reads. It takes the
    place of the one before. At most 32 KiB as JSON, so no secrets and nothing large. `taken_up`: how an agent that has
    just started took up the conversation: `new`; `resumed` or `loaded` by itself, from what it keeps of its own;
    `seeded`: it knew nothing of it any more, and is told what the log holds."""

    state: dict[str, Any]
    taken_up: TakenUp | UnsetType = UNSET


class AgentConfigured(Body, frozen=True, kw_only=True, tag="agent-configured"):
    """How the agent is set now, as it says itself: `settings` has its mode, model and options by name, all of them.
    `cause`: it has just `started`, somebody `asked`, or the `agent` has changed it by itself. `refused`: what it was
    asked to be set to, and is not."""

    settings: dict[str, Any]
    cause: Literal["started", "asked", "agent"] = "asked"
    refused: tuple[Refusal, ...] = ()


class Native(Body, frozen=True, kw_only=True, tag="native"):
    """Agent output that could not be read, or an event that could not be taken as it was: kept, with the `reason`."""

    raw: Any = None
    reason: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
