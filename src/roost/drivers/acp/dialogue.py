"""One process of an agent with one session of its own open in it: taken up, configured, prompted."""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import anyio
import msgspec
from acp import PROTOCOL_VERSION, RequestError
from acp.schema import ClientCapabilities, FileSystemCapabilities, Implementation
from anyio import to_thread

import roost
from roost.drivers.acp import reports, tools
from roost.drivers.acp.abilities import Abilities
from roost.drivers.acp.agents import AcpAgent, Quirk
from roost.drivers.acp.asides import Asides
from roost.drivers.acp.calls import fitting
from roost.drivers.acp.exchange import Exchange
from roost.drivers.acp.finding import find
from roost.drivers.acp.memory import recollection
from roost.drivers.acp.peer import Peer
from roost.drivers.acp.raw import table
from roost.drivers.acp.servers import own_server, servers_of
from roost.drivers.acp.translate import SOURCE
from roost.installs.places import Installs
from roost.model import events as e
from roost.model.errors import AgentFailed, AgentGone, CommandNotFound, StartFailed
from roost.model.options import OURS
from roost.ports import Home, Past

START_SECONDS: Final = 60.0
"""How long an agent may take to start, and to open its session."""
MAX_MISSED: Final = 256
"""Updates said between two runs that wait for the next; of more, the first are forgotten."""
COMMANDS_SECONDS: Final = 3.0
"""How long an agent may take to tell that it has a command."""
MAX_WHY: Final = 1000
"""Characters of the reason why a setting was refused."""

log = logging.getLogger("roost.drivers.acp")


class Ground(msgspec.Struct, frozen=True):
    """What an agent stands on, the same for each of its processes."""

    agent: AcpAgent
    workspace: Path
    env: Mapping[str, str]
    past: Past
    home: Home
    installs: Installs | None = None


class Dialogue:
    """Open it with `open_dialogue`."""

    def __init__(self, ground: Ground, door: Sequence[str] | None) -> None:
        """`door`: what the agent is to start to reach Roost's tools."""
        self.exchange: Exchange | None = None
        """The run that goes on: it hears what the agent says."""
        self.lesson = ""
        """What the agent has to be told with the first prompt, since it does not know it any more."""
        self.session = ""
        """The agent's own name for it."""
        self.abilities = Abilities(ground.agent, {})
        self.asides = Asides(ground.agent)
        self.peer: Peer
        self.cost = 0.0
        """US dollars, as the agent counts: of its whole session."""
        self._ground, self._door = ground, door
        self._deaf = False
        self._missed: deque[e.Native] = deque(maxlen=MAX_MISSED)
        self._ready = False
        self._news = anyio.Event()
        """Rung when what the agent is able to do has changed."""
        self._configuring = anyio.Lock()
        self._said: dict[str, Any] = {}
        """The settings that the log knows."""

    # --- opening ---

    async def open(self, options: Mapping[str, Any]) -> None:
        """Raises: AgentNotInstalled, StartFailed, AgentFailed. Its process is gone then."""
        ground = self._ground
        self.peer = Peer(ground.agent.name, await self._launch(), self)
        try:
            with anyio.fail_after(START_SECONDS):
                info = Implementation(name="roost", title="Roost", version=roost.__version__)
                answer = await self.peer.ask(
                    "initialize",
                    protocolVersion=PROTOCOL_VERSION,
                    clientCapabilities=_offered(ground.agent),
                    clientInfo=info.model_dump(mode="json", by_alias=True, exclude_none=True),
                )
                if answer.get("protocolVersion") != PROTOCOL_VERSION:
                    raise StartFailed(f"{ground.agent.name} does not speak version {PROTOCOL_VERSION} of the protocol")
                self.abilities = Abilities(ground.agent, answer)
                self.abilities.tools = self._door is not None
                await self._take_up(options)
                await self.configure({"mode": ground.agent.mode, **options}, "started")
        except TimeoutError:
            await self.close()
            raise StartFailed(f"{ground.agent.name} was not ready within {START_SECONDS:g} s") from None
        except AgentGone:
            await self.close()
            code = await self.peer.program.wait()
            raise StartFailed(f"{ground.agent.name} ended as it started (exit code {code}): roost logs") from None
        except BaseException:
            await self.close()
            raise

    async def _launch(self) -> Any:
        ground = self._ground
        found = await to_thread.run_sync(find, ground.agent, ground.env, ground.installs)
        try:
            return await ground.home.launch(found.command, cwd=ground.workspace, env=found.env)
        except OSError as error:
            raise StartFailed(f"{ground.agent.name} cannot be started: {error}") from None

    async def _take_up(self, options: Mapping[str, Any]) -> None:
        """Go on with the agent's own session by the best way that works, and write down which that was."""
        state, ground = self._ground.past.state, self._ground
        servers = servers_of(ground.agent, options.get("mcp", ()), self.abilities.raw, ground.env.get("PATH"))
        place: dict[str, Any] = {"cwd": str(ground.workspace), "mcpServers": [*servers, *own_server(self._door)]}
        known = state.get("session")
        ways = {"resumed": ("session/resume", self.abilities.resumes), "loaded": ("session/load", self.abilities.loads)}
        for taken_up, (method, able) in ways.items():
            if known and able and await self._again(method, sessionId=known, **place):
                self.session, self.cost = known, float(state.get("cost", 0.0))
                self._ground.past.keep(state, "resumed" if taken_up == "resumed" else "loaded")
                return
        answer = await self.peer.ask("session/new", **place)
        self.session = str(answer.get("sessionId"))
        self.abilities.opened(answer)
        self.asides.opened(answer)
        before = await recollection(self._ground.past)
        kit = options.get("kit")
        given = kit.instructions.text if isinstance(kit, e.Kit) and kit.instructions is not msgspec.UNSET else ""
        self.lesson = "\n\n".join(text for text in (self._tools_told(), given, before) if text)
        self._ground.past.keep({"session": self.session}, "seeded" if before else "new")

    def _tools_told(self) -> str:
        if not self._ground.agent.tools:
            return ""
        return reports.TOLD if self._door is None else tools.TOLD

    async def _again(self, method: str, **params: Any) -> bool:
        """Whether the agent has found its session. What it says of it meanwhile is in our log already."""
        self._deaf = True
        try:
            self.abilities.opened(await self.peer.ask(method, **params))
        except AgentGone:
            raise
        except AgentFailed as error:
            log.warning("%s: %s", method, error)
            return False
        finally:
            self._deaf = False
        return True

    async def configure(self, wanted: Mapping[str, Any], cause: Literal["started", "asked"] = "asked") -> None:
        """Set this, as far as the agent has it; the log is told how it is set now, and what it has not, or refuses.
        Raises: AgentGone."""
        async with self._configuring:
            refused: list[e.Refusal] = []
            for name, value in wanted.items():
                if value is None or name in OURS:
                    continue
                why = await self._set(name, value)
                if why is not None:
                    refused.append(e.Refusal(name=name, value=fitting(value), reason=why))
            self._ready = True
            self._ground.home.able(self.abilities.told())
            self._say_settings(cause, refused)

    async def _set(self, name: str, value: Any) -> str | None:
        """Why it is not set; None: it is."""
        call = self.abilities.setting(name, value)
        if call is None:
            told = f"{self._ground.agent.name} has no {name} {value!r}; it has: {self.abilities.offered(name)}"
            return told[:MAX_WHY]
        method, params = call
        try:
            self.abilities.opened(await self.peer.ask(method, sessionId=self.session, **params))
        except AgentGone:
            raise
        except AgentFailed as error:
            return error.message[:MAX_WHY]
        self.abilities.took(method, params)
        return None

    def _say_settings(self, cause: Literal["started", "asked", "agent"], refused: Sequence[e.Refusal] = ()) -> None:
        """Nothing, if that is no news."""
        now = self.abilities.settings
        if now != self._said or refused:
            self._said = now
            self._ground.home.configured(e.AgentConfigured(settings=now, cause=cause, refused=tuple(refused)))

    # --- the work ---

    async def prompt(self, blocks: list[dict[str, Any]], command: str | None = None) -> dict[str, Any]:
        """One turn of the agent; `command`: it runs this one of the agent's own, and nothing may stand before that.
        Raises: AgentFailed, AgentGone; CommandNotFound."""
        if command is not None:
            await self._must_have(command)
        elif self.lesson:
            blocks, self.lesson = [{"type": "text", "text": self.lesson}, *blocks], ""
        self.asides.turn()
        return await self.peer.ask("session/prompt", sessionId=self.session, prompt=blocks)

    async def _must_have(self, command: str) -> None:
        """Agents tell their commands some time after they have opened their session. Raises: CommandNotFound."""
        with anyio.move_on_after(COMMANDS_SECONDS):
            while command not in self.abilities.commands:
                await self._news.wait()
        known = self.abilities.commands
        if command not in known:
            has = ", ".join(known) or "none"
            raise CommandNotFound(f"{self._ground.agent.name} has no command {command!r}; it has: {has}", known=known)

    async def cancel(self) -> None:
        await self.peer.tell("session/cancel", sessionId=self.session)

    def missed(self) -> list[e.Native]:
        """What was said since the last run."""
        missed = list(self._missed)
        self._missed.clear()
        return missed

    async def close(self) -> None:
        await self.peer.close()

    # --- what the agent says (peer.Listener) ---

    async def told(self, method: str, params: dict[str, Any]) -> None:
        update = table(params.get("update"))
        if method != "session/update" or not update:
            await self._native({"method": method, "params": params}, "a notification that is not known")
            return
        if self.abilities.update(update):
            if self._ready:  # else it has not said all of it yet
                self._ground.home.able(self.abilities.told())
            self._news.set()
            self._news = anyio.Event()
            if self._ready and not self._configuring.locked():
                self._say_settings("agent")
        if self._deaf:
            return
        cost = table(update.get("cost"))
        if update.get("sessionUpdate") == "usage_update" and cost.get("currency") == "USD":
            self.cost = float(cost.get("amount") or 0.0)
        if aside := self.asides.heard(update):
            await self._native(params, aside)
        elif self.exchange is not None and params.get("sessionId") == self.session:
            await self.exchange.say(self.exchange.saying.update(update))
        elif update.get("sessionUpdate") not in Abilities.UPDATES:
            await self._native(params, "said outside of a run")

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        if self.exchange is None:
            raise RequestError.invalid_request({"details": "there is no run"})
        return await self.exchange.asked(method, params)

    async def strange(self, raw: str, reason: str) -> None:
        await self._native(raw, reason)

    async def _native(self, raw: Any, reason: str) -> None:
        body = e.Native(raw=raw, reason=reason, source=SOURCE)
        if self.exchange is None:
            self._missed.append(body)
        else:
            await self.exchange.say([body])


def _offered(agent: AcpAgent) -> dict[str, Any]:
    """What the agent may have us do for it."""
    ours = Quirk.OWN_FILES not in agent.quirks
    files = FileSystemCapabilities(read_text_file=ours, write_text_file=ours)
    return ClientCapabilities(fs=files, terminal=True).model_dump(mode="json", by_alias=True, exclude_none=True)


async def open_dialogue(ground: Ground, options: Mapping[str, Any], door: Sequence[str] | None) -> Dialogue:
    """A process of the agent, ready for prompts. Raises: AgentNotInstalled, StartFailed, AgentFailed."""
    dialogue = Dialogue(ground, door)
    await dialogue.open(options)
    return dialogue
