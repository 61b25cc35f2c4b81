"""Controllers: each does one thing after the other to any session, several of them the same at the same time."""

import json
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

import anyio
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.client.commanding import AsyncCommanding
from roost.client.wire import not_begun
from roost.model.errors import RateLimited, RoostError, StorageFull, StorageUnavailable, Unavailable
from roost.model.events import PermissionAsked, Rule, TextInput
from roost.model.info import Accepted, OpenRequest
from roost.model.record import Pending
from tests.fire.chaos.history import Answered, History, Invoked, Outcome

MOST_PAUSE_SECONDS = 0.25
DECIDE_SECONDS = 0.15
UNCHANGED = (StorageFull, StorageUnavailable)
"""Errors whose words promise that nothing was changed."""
AGENT_COMMAND = "sleep 600 & for n in 1 2 3; do sleep 1 & done; sleep 1"
"""What it leaves behind goes with its host, or nothing would ever end it."""

Steps = list[dict[str, Any]]
SCRIPTS: Final[tuple[tuple[int, Steps], ...]] = (
    (6, [{"deltas": {"count": 12, "bytes": 12, "per_second": 60}}]),
    (3, [{"deltas": {"count": 120, "bytes": 12, "per_second": 300}}, {"text": "on and on"}]),
    (6, [{"bash": {"command": AGENT_COMMAND}}, {"text": "done"}]),
    (3, [{"ask": {"permission": "edit", "patterns": ["*"]}}, {"text": "allowed"}]),
    (2, [{"question": "Which one?"}]),
    (2, [{"write": {"path": "file", "content": "content"}}]),
    (1, [{"ask": {"permission": "bash"}}, {"ask": {"permission": "bash"}}, {"deltas": {"count": 9, "bytes": 9}}]),
    (1, [{"fail": "it broke"}]),
    (1, [{"sleep": 1.0}]),
)


class Person:
    """One controller. `patient`: its client repeats what got no answer."""

    def __init__(
        self,
        name: str,
        client: AsyncClient,
        sessions: Sequence[str],
        history: History,
        random: Random,
        *,
        patient: bool,
    ) -> None:
        self.name, self.client, self.sessions, self.patient = name, client, sessions, patient
        self.history, self.random = history, random
        self._marks = 0

    async def act(self, calm: anyio.Event) -> None:
        """One thing after the other, until it is to be calm."""
        names, weights = list(ACTS), [act.weight for act in ACTS.values()]
        while not calm.is_set():
            session = self.client.session(self.random.choice(self.sessions))
            (kind,) = self.random.choices(names, weights)
            await ACTS[kind].do(self, session)
            await anyio.sleep(self.random.uniform(0, MOST_PAUSE_SECONDS))

    async def decide(self, calm: anyio.Event) -> None:
        """Answer whatever waits for somebody, as others do at the same time."""
        while not calm.is_set():
            for one in await self._pending():
                await self.answer(self.client.session(one.session), one.request)
            await anyio.sleep(self.random.uniform(0, DECIDE_SECONDS))

    async def answer(self, session: AsyncSession, asked: Pending) -> None:
        """Over REST, or over a socket."""
        if self.random.random() < 0.7:
            await self.try_("answer", session, lambda: self._reply(session, asked), target=asked.request)
            return

        async def over_a_socket() -> Accepted:
            async with session.connect(after=asked.seq, types=("run-start",)) as socket:
                return await self._reply(socket, asked)

        await self.try_("answer", session, over_a_socket, target=asked.request)

    async def _reply(self, to: AsyncCommanding, asked: Pending) -> Accepted:
        if isinstance(asked.asked, PermissionAsked):
            return await to.reply_to_permission(asked.request, self.random.choice(["once", "always", "reject"]))
        answers = [["this"]] * len(asked.asked.questions)
        return await to.reply_to_question(asked.request, self.random.choice([answers, None]))

    async def _pending(self) -> Sequence[OpenRequest]:
        try:
            return await self.client.pending()
        except RoostError:
            return ()

    def mark(self) -> str:
        self._marks += 1
        return f"<{self.name}.{self._marks}>"

    async def try_(
        self, kind: str, session: AsyncSession, do: Callable[[], Awaitable[Any]], *, mark: str = "", target: str = ""
    ) -> None:
        """Do it, and record how it went."""
        op = self.history.op()
        self.history.add(Invoked(op=op, who=self.name, session=session.id, kind=kind, mark=mark, target=target))
        run = ""
        try:
            accepted = await do()
        except RoostError as error:
            self.history.add(Answered(op=op, outcome=outcome_of(error, patient=self.patient), code=error.code))
            return
        if isinstance(accepted, Accepted) and accepted.run is not UNSET:
            run = accepted.run
        self.history.add(Answered(op=op, outcome="ok", run=run))


def outcome_of(error: RoostError, *, patient: bool) -> Outcome:
    """A hub that refuses says so before it has done anything, also when it could not write. A lost connection says
    nothing; and whoever repeats is told of the last attempt alone."""
    if not isinstance(error, Unavailable | RateLimited):
        return "refused"
    return "refused" if not patient and (not_begun(error) or isinstance(error, UNCHANGED)) else "unknown"


async def _input(person: Person, session: AsyncSession, delivery: Any) -> None:
    mark = person.mark()
    (steps,) = person.random.choices([steps for _, steps in SCRIPTS], [weight for weight, _ in SCRIPTS])
    parts = (TextInput(text=mark), TextInput(text="script:" + json.dumps(steps)))
    kind = "send" if delivery == "prompt" else delivery
    await person.try_(kind, session, lambda: session.start(parts, delivery=delivery), mark=mark)


async def _send(person: Person, session: AsyncSession) -> None:
    await _input(person, session, "prompt")


async def _queue(person: Person, session: AsyncSession) -> None:
    await _input(person, session, "queue")


async def _steer(person: Person, session: AsyncSession) -> None:
    await _input(person, session, "steer")


async def _label(person: Person, session: AsyncSession) -> None:
    mark = person.mark()
    await person.try_("label", session, lambda: session.update(label=mark), mark=mark)


async def _abort(person: Person, session: AsyncSession) -> None:
    await person.try_("abort", session, lambda: session.abort(wait=False))


async def _pause(person: Person, session: AsyncSession) -> None:
    await person.try_("pause", session, lambda: session.pause(wait=False))


async def _resume(person: Person, session: AsyncSession) -> None:
    await person.try_("resume", session, session.resume)


async def _rule(person: Person, session: AsyncSession) -> None:
    rule = Rule(permission=f"tool-{person.random.randrange(9)}", pattern="*", action="deny")
    added = person.random.random() < 0.5
    change = lambda: session.configure(add_rules=[rule]) if added else session.configure(remove_rules=[rule])  # noqa: E731
    await person.try_("rule", session, change, target=rule.permission)


async def _shell(person: Person, session: AsyncSession) -> None:
    await person.try_("shell", session, lambda: session.shell("echo here"))


class Act(NamedTuple):
    weight: int
    do: Callable[[Person, AsyncSession], Awaitable[None]]


ACTS: Final[dict[str, Act]] = {
    "send": Act(10, _send),
    "queue": Act(6, _queue),
    "steer": Act(4, _steer),
    "label": Act(3, _label),
    "abort": Act(3, _abort),
    "pause": Act(1, _pause),
    "resume": Act(2, _resume),
    "rule": Act(2, _rule),
    "shell": Act(1, _shell),
}
