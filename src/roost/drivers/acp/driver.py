"""Any agent that speaks the Agent Client Protocol (README.md beside this file), as a ports.Driver."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from msgspec import UNSET

from roost.drivers.acp.agents import AcpAgent, Quirk
from roost.drivers.acp.content import blocks_of
from roost.drivers.acp.dialogue import Dialogue, Ground, open_dialogue
from roost.drivers.acp.exchange import Exchange
from roost.drivers.acp.mcp import serve
from roost.drivers.acp.reports import take_reports
from roost.drivers.acp.servers import takes
from roost.drivers.acp.tools import Tools
from roost.drivers.acp.translate import FINISH, REJECTED, tokens_of
from roost.installs.places import Installs
from roost.model import events as e
from roost.model.errors import AgentFailed, AgentUnattended, RoostError
from roost.ports import Home, Past, Turn

log = logging.getLogger("roost.drivers.acp")


class AcpDriver:
    """Keeps one process of the agent through all runs, and starts another when that has gone."""

    def __init__(self, agent: AcpAgent, installs: Installs | None = None) -> None:
        """`installs`: where Roost may have installed it."""
        self._agent, self._installs = agent, installs
        self._ground: Ground
        self._options: dict[str, Any] = {}
        self._dialogue: Dialogue | None = None
        self._opening = anyio.Lock()
        self._exchange: Exchange | None = None
        self._tools = Tools(lambda: None if self._exchange is None else self._exchange.turn)
        self._door: Sequence[str] | None = None

    async def start(
        self, workspace: Path, env: Mapping[str, str], options: Mapping[str, Any], past: Past, home: Home
    ) -> dict[str, Any]:
        if Quirk.NEVER_ASKS in self._agent.quirks and not self._agent.insist and not home.sandboxed:
            raise AgentUnattended(
                f"{self._agent.name} asks for no permission, and no sandbox encloses it (`roost doctor` says why): "
                "`insist = true` in its table allows that"
            )
        self._ground = ground = Ground(self._agent, workspace, env, past, home, self._installs)
        self._door = self._door or await self._offer(ground)
        self._options = dict(options)
        return (await self._open()).abilities.told()

    async def configure(self, changed: e.ConfigChanged) -> None:
        given = {name: value for name in ("model", "mode") if (value := getattr(changed, name)) is not UNSET}
        given |= changed.options or {}
        self._options |= given
        if given and self._dialogue is not None and not self._dialogue.peer.gone:
            await self._dialogue.configure(given)

    async def run(self, turn: Turn) -> e.RunResult:
        dialogue, result = await self._open(), e.RunResult()
        async with anyio.create_task_group() as tasks:
            program = dialogue.peer.program
            began = program.now()
            exchange = self._exchange = dialogue.exchange = Exchange(turn, tasks, self._agent.name)
            try:
                result = await self._carry_out(dialogue, exchange)
                if exchange.aborted:
                    await program.kill_offspring(began)
            except RoostError as error:
                await exchange.say(exchange.saying.close("error", e.Failure(code=error.code, message=error.message)))
                raise
            except BaseException:  # it did not obey: the next run has another process
                await dialogue.close()
                raise
            finally:
                self._exchange = dialogue.exchange = None
                with anyio.CancelScope(shield=True):
                    await exchange.terminals.close()
                    if dialogue.peer.gone:
                        await dialogue.close()
            tasks.cancel_scope.cancel()
        return result

    async def abort(self) -> None:
        if self._exchange is not None and not self._exchange.aborted:
            self._exchange.abort()
            if self._dialogue is not None:
                await self._dialogue.cancel()

    async def close(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            await dialogue.close()

    async def _offer(self, ground: Ground) -> Sequence[str] | None:
        """What the agent is to start to reach Roost's tools; None: it is not offered them as a server."""
        if not self._agent.tools or not takes(self._agent, "stdio"):
            return None
        try:
            return await ground.home.listen(ground.workspace, partial(serve, tools=self._tools))
        except OSError as error:
            log.warning("Roost's tools are not offered: %s", error)
            return None

    async def _open(self) -> Dialogue:
        """The agent as it is, or started again."""
        async with self._opening:
            if self._dialogue is None or self._dialogue.peer.gone:
                self._dialogue = await open_dialogue(self._ground, self._options, self._door)
                self._ground.home.able(self._dialogue.abilities.told())
            return self._dialogue

    async def _carry_out(self, dialogue: Dialogue, exchange: Exchange) -> e.RunResult:
        """The input, and whatever joins it while the agent is at it: the protocol knows no steering, so that waits for
        the end of a turn."""
        await exchange.say(dialogue.missed())
        inputs = [exchange.turn.input]
        while True:
            parts = [part for given in inputs for part in given]
            blocks = await blocks_of(parts, exchange.turn, dialogue.abilities.prompt)
            await self._turn(dialogue, exchange, blocks, _command(parts))
            if self._agent.tools:
                exchange.note(await take_reports(exchange.turn, self._tools))
            inputs = [] if exchange.aborted else exchange.joined()
            if not inputs:
                return exchange.saying.result()
            exchange.again()

    async def _turn(
        self, dialogue: Dialogue, exchange: Exchange, blocks: list[dict[str, Any]], command: str | None
    ) -> None:
        charged = dialogue.cost
        answer: dict[str, Any] = {"stopReason": "cancelled"}
        if not exchange.aborted:
            answer = await dialogue.prompt(blocks, command)
        reason = str(answer.get("stopReason"))
        failure = dialogue.asides.failure(silent=exchange.saying.silent)
        if failure is not None and reason == "end_turn":
            raise AgentFailed(f"{self._agent.name}: {failure}")
        finish = REJECTED if exchange.ended_by_rejection(reason) else FINISH.get(reason, reason)
        spent = dialogue.cost - charged if dialogue.cost >= charged else dialogue.cost  # it counts from 0 again
        tokens = tokens_of(answer)
        if tokens is not None or spent:
            await exchange.say(exchange.saying.step(tokens or e.Tokens(), spent, finish))
        await exchange.say(exchange.saying.close(finish))
        if spent:
            self._ground.past.keep({"session": dialogue.session, "cost": dialogue.cost})


def _command(parts: Sequence[e.InputPart]) -> str | None:
    """The command of the agent's own that this input runs."""
    first = parts[0] if parts else None
    return first.command if isinstance(first, e.TextInput) and first.command is not UNSET else None
