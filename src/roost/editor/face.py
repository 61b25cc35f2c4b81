"""Roost as an agent of the Agent Client Protocol: what an editor asks, and what is answered.

Types of what is asked are `agent-client-protocol`'s; answers and updates are made by hand, since most of it is passed
on as an agent said it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import anyio
from acp import PROTOCOL_VERSION, RequestError, schema
from acp.connection import Connection
from anyio.abc import TaskGroup
from msgspec import UNSET, Struct
from pydantic import BaseModel

import roost
from roost.client import AsyncClient
from roost.editor.attached import META, Attached
from roost.editor.giving import parts_of, servers_of
from roost.editor.settings import change_of
from roost.editor.telling import table
from roost.editor.wire import Pipe
from roost.editor.wire import open_pipe as open_pipe
from roost.model.commands import CreateSession, WorkspaceRequest
from roost.model.errors import (
    AgentLoginRequired,
    AgentNotInstalled,
    InvalidRequest,
    Missing,
    RoostError,
    Unauthorized,
)  # fmt: skip
from roost.model.events import InputPart, TextInput
from roost.model.info import SessionInfo

RESUME: Final = "_roost/session/resume"
READY_SECONDS: Final = 30.0
"""How long an editor waits for the agent of a new session, to know what it can do."""
LINGER_SECONDS: Final = 5.0
"""How long what was asked is still answered when the editor has closed its end."""
LOOK_SECONDS: Final = 0.05
PAGE: Final = 50
"""Sessions in a list."""
MAX_LABEL_CHARS: Final = 80
CODES: Final[tuple[tuple[type[RoostError], int], ...]] = (
    (Unauthorized, -32000),
    (AgentLoginRequired, -32000),
    (Missing, -32002),
    (InvalidRequest, -32602),
)
"""Codes of the protocol; any other error is internal."""

log = logging.getLogger("roost.editor")


class Manner(Struct, frozen=True, kw_only=True):
    """How sessions are made: of which `agent` (None: the hub's default), in the folder itself or (`worktree`) in a
    worktree of it."""

    agent: str | None = None
    worktree: bool = False


class ResumeAfter(BaseModel):
    """The parameters of `_roost/session/resume`: `after` is the seq of the last update that was seen."""

    sessionId: str  # noqa: N815  # the protocol's
    after: int
    cwd: str | None = None


class Face:
    """One editor. Made in a task group that outlives it; sessions go on when it has gone."""

    def __init__(self, client: AsyncClient, pipe: Pipe, manner: Manner, tasks: TaskGroup) -> None:
        self._client, self._pipe, self._manner, self._tasks = client, pipe, manner, tasks
        self._attached: dict[str, Attached] = {}
        self._unnamed: set[str] = set()
        self._connection = Connection(self._handle, pipe)

    async def close(self) -> None:
        await self._connection.close()

    # --- to the editor (attached.Editor) ---

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        with suppress(OSError):  # the editor has gone: nobody hears it
            await self._pipe.send({"jsonrpc": "2.0", "method": method, "params": params})  # one that asks no more, too

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._connection.send_request(method, params) or {}
        finally:
            self._pipe.forget(params)

    async def withdraw(self, name: str) -> None:
        number = self._pipe.number_of(name)
        if number is not None:
            await self.tell("$/cancel_request", {"requestId": number})

    # --- from the editor ---

    async def _handle(self, method: str, params: Any, notification: bool) -> Any:
        found = METHODS.get(method)
        if found is None:
            if notification:
                return None
            raise RequestError.method_not_found(method)
        model, handler = found
        try:
            return await handler(self, model.model_validate(params or {}))
        except RoostError as error:
            code = next((code for kind, code in CODES if isinstance(error, kind)), -32603)
            raise RequestError(code, error.message, {"code": error.code, **error.details}) from None
        except ConnectionError:
            return None  # the editor has gone: nobody hears it

    async def initialize(self, asked: schema.InitializeRequest) -> dict[str, Any]:
        log.info("an editor: %s", asked.client_info)
        return {
            "protocolVersion": PROTOCOL_VERSION,
            "agentInfo": {"name": "roost", "title": "Roost", "version": roost.__version__},
            "agentCapabilities": {
                "loadSession": True,
                "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
                "mcpCapabilities": {"http": True, "sse": True},
                "sessionCapabilities": {"list": {}, "resume": {}, "close": {}},
                "_meta": {META: {"resume": RESUME}},
            },
            "authMethods": [],
        }

    async def authenticate(self, asked: schema.AuthenticateRequest) -> dict[str, Any]:
        return {}

    async def new(self, asked: schema.NewSessionRequest) -> dict[str, Any]:
        agent = self._agent(asked.field_meta)
        await self._check(agent)
        kind = "auto" if self._manner.worktree else "folder"
        place = WorkspaceRequest(kind=kind, path=asked.cwd)
        servers = servers_of(asked.mcp_servers or [])
        session = await self._client.create(CreateSession(agent=agent or UNSET, workspace=place, mcp=servers))
        info = await self._ready(session.id)
        if info.error is not UNSET and info.phase == "failed":
            raise RequestError(-32603, info.error.message, {"code": info.error.code})
        self._unnamed.add(session.id)
        return await self._attach(info, silent_from=info.seq, told_from=info.seq, sessionId=session.id)

    async def list_sessions(self, asked: schema.ListSessionsRequest) -> dict[str, Any]:
        offset = int(asked.cursor) if asked.cursor and asked.cursor.isdigit() else 0
        folder: dict[str, Any] = {"folder": asked.cwd} if asked.cwd else {}
        page = await self._client.list_sessions(archived=False, order="updated", offset=offset, limit=PAGE, **folder)
        found = [_listed(info) for info in page.sessions]
        answer: dict[str, Any] = {"sessions": [each for each in found if asked.cwd in (None, each["cwd"])]}
        behind = offset + len(page.sessions)
        return answer | ({"nextCursor": str(behind)} if page.sessions and behind < page.total else {})

    async def load(self, asked: schema.LoadSessionRequest) -> dict[str, Any]:
        info = await self._client.get_session(asked.session_id)
        return await self._attach(info, silent_from=0, told_from=0)

    async def resume(self, asked: schema.ResumeSessionRequest) -> dict[str, Any]:
        info = await self._client.get_session(asked.session_id)
        return await self._attach(info, silent_from=await self._known_from(info.session, info.seq), told_from=info.seq)

    async def resume_after(self, asked: ResumeAfter) -> dict[str, Any]:
        info = await self._client.get_session(asked.sessionId)
        known = await self._known_from(info.session, asked.after)
        return await self._attach(info, silent_from=known, told_from=asked.after)

    async def prompt(self, asked: schema.PromptRequest) -> dict[str, Any]:
        attached = self._of(asked.session_id)
        cancels = attached.cancels
        parts = await parts_of(asked.prompt, self._client)
        if asked.session_id in self._unnamed:
            await self._name(attached, parts)
        reason, run = await attached.prompt(parts, cancels)
        answer: dict[str, Any] = {"stopReason": reason}
        return answer if run is UNSET else answer | {"usage": await _usage(attached), "_meta": {META: {"run": run}}}

    async def cancel(self, asked: schema.CancelNotification) -> None:
        if attached := self._attached.get(asked.session_id):
            await attached.cancel()

    async def close_session(self, asked: schema.CloseSessionRequest) -> dict[str, Any]:
        if attached := self._attached.pop(asked.session_id, None):
            attached.leave()
        return {}

    async def set_mode(self, asked: schema.SetSessionModeRequest) -> dict[str, Any]:
        await self._of(asked.session_id).set({"mode": asked.mode_id})
        return {}

    async def set_model(self, asked: "SetModel") -> dict[str, Any]:
        await self._of(asked.sessionId).set({"model": asked.modelId})
        return {}

    async def set_option(self, asked: "SetOption") -> dict[str, Any]:
        attached = self._of(asked.sessionId)
        option = attached.choices.option(asked.configId)
        if option is None:
            raise RequestError.invalid_params({"details": f"there is no option {asked.configId!r}"})
        await attached.set(change_of(option, asked.value))
        return {"configOptions": attached.choices.options}

    # --- inside ---

    def _agent(self, meta: Mapping[str, Any] | None) -> str | None:
        """Which is wanted: of this session, else of this editor."""
        named = table(table(meta).get(META)).get("agent")
        return str(named) if named else self._manner.agent

    async def _check(self, agent: str | None) -> None:
        """Raises: AgentNotInstalled: better now than at the first prompt."""
        for each in await self._client.agents():
            if not each.installed and (each.name == agent or (agent is None and each.default)):
                way = f": {each.install}" if each.install else ""
                raise AgentNotInstalled(f"{each.name} is not installed{way}", install=each.install or "")

    async def _ready(self, session: str) -> SessionInfo:
        """When its agent has said what it can do, or has failed, or takes too long for an editor to wait."""
        until = anyio.current_time() + READY_SECONDS
        while True:
            info = await self._client.get_session(session)
            if info.capabilities or info.phase not in ("creating", "active") or anyio.current_time() > until:
                return info
            await anyio.sleep(LOOK_SECONDS)  # what an agent can do is no event

    async def _known_from(self, session: str, seq: int) -> int:
        """Where to begin, so that what the run at this cursor has open is known."""
        runs = await self._client.session(session).runs(before=seq + 1, limit=1)
        open_then = runs and (runs[0].end is UNSET or runs[0].end > seq)
        return min(seq, runs[0].start - 1) if open_then else seq

    async def _attach(self, info: SessionInfo, *, silent_from: int, told_from: int, **more: str) -> dict[str, Any]:
        """Open it here, in place of an older opening; what answers that, with what there is `more`."""
        if older := self._attached.pop(info.session, None):
            older.leave()
        attached = Attached(self._client.session(info.session), info, self)
        seq = await attached.begin(silent_from=silent_from, told_from=told_from)
        answer = {**more, **attached.choices.answer(info.capabilities), "_meta": {META: {"seq": seq}}}
        self._attached[info.session] = attached
        self._tasks.start_soon(attached.run, self._pipe.sent(answer))
        return answer

    def _of(self, session: str) -> Attached:
        if session not in self._attached:
            raise RequestError.invalid_params({"details": f"{session} is not open here: load or resume it first"})
        return self._attached[session]

    async def _name(self, attached: Attached, parts: list[InputPart]) -> None:
        """A new session is called by what it was asked first."""
        text = next((part.text for part in parts if isinstance(part, TextInput) and part.text.strip()), "")
        if text:
            self._unnamed.discard(attached.session.id)
            await attached.session.update(label=text.strip().splitlines()[0][:MAX_LABEL_CHARS])


class SetModel(BaseModel):
    """The parameters of `session/set_model`, which the library does not know."""

    sessionId: str  # noqa: N815  # the protocol's
    modelId: str  # noqa: N815


class SetOption(BaseModel):
    """The parameters of `session/set_config_option`, of either kind."""

    sessionId: str  # noqa: N815  # the protocol's
    configId: str  # noqa: N815
    value: str | bool


METHODS: Final[Mapping[str, tuple[type[BaseModel], Callable[[Face, Any], Awaitable[Any]]]]] = {
    "initialize": (schema.InitializeRequest, Face.initialize),
    "authenticate": (schema.AuthenticateRequest, Face.authenticate),
    "session/new": (schema.NewSessionRequest, Face.new),
    "session/list": (schema.ListSessionsRequest, Face.list_sessions),
    "session/load": (schema.LoadSessionRequest, Face.load),
    "session/resume": (schema.ResumeSessionRequest, Face.resume),
    "session/prompt": (schema.PromptRequest, Face.prompt),
    "session/cancel": (schema.CancelNotification, Face.cancel),
    "session/close": (schema.CloseSessionRequest, Face.close_session),
    "session/set_mode": (schema.SetSessionModeRequest, Face.set_mode),
    "session/set_model": (SetModel, Face.set_model),
    "session/set_config_option": (SetOption, Face.set_option),
    RESUME: (ResumeAfter, Face.resume_after),
}


def _listed(info: SessionInfo) -> dict[str, Any]:
    place = info.workspace
    cwd = place.path if place.path is not UNSET else place.root if place.root is not UNSET else "/"
    updated = datetime.fromtimestamp(info.updated_at / 1000, UTC).isoformat(timespec="milliseconds")
    about = {"agent": info.agent, "status": info.status, "pending": info.pending, "seq": info.seq}
    return {
        "sessionId": info.session, "cwd": cwd, "title": info.label, "updatedAt": updated.replace("+00:00", "Z"),
        "_meta": {META: about},
    }  # fmt: skip


async def _usage(attached: Attached) -> dict[str, int]:
    """Of the whole session, as the protocol counts."""
    tokens = (await attached.session.metrics()).tokens
    counts = {"inputTokens": tokens.input, "outputTokens": tokens.output, "thoughtTokens": tokens.reasoning}
    cached = {"cachedReadTokens": tokens.cache_read, "cachedWriteTokens": tokens.cache_write}
    return {**counts, **cached, "totalTokens": sum((*counts.values(), *cached.values()))}


async def serve(client: AsyncClient, pipe: Pipe, manner: Manner) -> None:
    """Until the editor has gone. What runs in its sessions goes on."""
    async with anyio.create_task_group() as tasks:
        face = Face(client, pipe, manner, tasks)
        await pipe.ended.wait()
        with anyio.move_on_after(LINGER_SECONDS):
            await pipe.settled()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await face.close()
