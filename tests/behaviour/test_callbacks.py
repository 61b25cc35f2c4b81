"""Being called back while a run goes on."""

import anyio
import pytest
from msgspec import UNSET

from roost.client import AsyncClient
from roost.model.envelope import Event
from roost.model.errors import InvalidBody, RunNotFound
from roost.model.events import PermissionAsked, QuestionAsked
from roost.model.messages import ToolPart
from tests.behaviour.conftest import Mark, ask, awake, script, stands, until_file


async def test_each_thing_that_happens_is_told_in_its_order(client: AsyncClient) -> None:
    session = await awake(client)
    told: list[str] = []
    tools: list[ToolPart] = []

    async def on_text(delta: str) -> None:  # a coroutine is awaited
        told.append(delta)

    result = await session.send(
        script(
            {"reasoning": "hm"}, {"text": "one"}, {"bash": {"command": "echo x"}}, {"bash": {"command": "exit 3"}},
            {"todos": ["a"]}, {"usage": {"input": 3, "cost": 0.5}}, {"fail": "over"},
        ),
        on_text=on_text,
        on_reasoning=lambda delta: told.append(f"thinks {delta}"),
        on_tool_start=lambda part: told.append(f"{part.tool} starts"),
        on_tool_complete=tools.append,
        on_tool_error=tools.append,
        on_todos=lambda todos: told.append(todos[0].content),
        on_step_finish=lambda part: told.append(f"{part.tokens.input} tokens"),
        on_error=lambda error: told.append(error.message),
        on_connect=lambda: told.append("connected"),
    )  # fmt: skip
    assert told == ["connected", "thinks hm", "one", "bash starts", "bash starts", "a", "3 tokens", "over"]
    assert [(part.state.status, part.state.output) for part in tools] == [("completed", "x\n"), ("error", UNSET)]
    assert result.error is not UNSET and (result.tokens.input, result.cost) == (3, 0.5)


async def test_on_event_is_told_of_every_event_once_over_a_lost_hub(client: AsyncClient, tmp_path, mark: Mark) -> None:
    session = await awake(client)
    gate = tmp_path / "gate"
    seen: list[Event] = []
    links: list[str] = []

    async def middle() -> None:
        await stands(session, lambda info: info.status == "busy")
        await mark()
        gate.touch()

    ends: list[int] = []

    async def send() -> None:
        result = await session.send(
            script(until_file(gate), {"text": "done"}),
            on_event=seen.append,
            on_connect=lambda: links.append("up"),
            on_disconnect=lambda: links.append("down"),
        )
        ends.append(result.seq)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(middle)
        tasks.start_soon(send)
    assert [event.seq for event in seen] == list(range(seen[0].seq, ends[0] + 1))
    assert links == ["up", *["down", "up"] * links.count("down")]


async def test_a_person_decides_through_the_callbacks(client: AsyncClient) -> None:
    session = await awake(client)

    def decide(request: PermissionAsked) -> object:
        return {"ls": "once", "git push": "always", "rm x": ("reject", "not that")}[request.patterns[0]]

    async def answer(request: QuestionAsked) -> list[list[str]]:
        return [[request.questions[0].question.upper()]]

    result = await session.send(
        script(ask("ls"), {"text": ", "}, ask("git push", always=("git *",)), {"text": ", "}, ask("git pull"),
               {"text": ", "}, ask("rm x"), {"text": ", "}, {"question": "why"}),
        on_permission=decide,  # pyright: ignore[reportArgumentType]
        on_question=answer,
    )  # fmt: skip
    assert result.text == (
        "bash: allowed once, bash: allowed always, bash: allowed once, bash: rejected: not that, answered: WHY"
    )


async def test_what_a_callback_raises_stops_nothing_and_is_raised_in_the_end(client: AsyncClient) -> None:
    session = await awake(client)
    texts: list[str] = []

    def on_text(delta: str) -> None:
        texts.append(delta)
        raise ValueError(f"number {len(texts)}")

    with pytest.raises(ValueError, match="number 1"):
        await session.send("one two three", on_text=on_text)
    assert "".join(texts) == "one two three"
    last = (await session.info()).last_run
    assert last is not UNSET and last.status == "completed"


@pytest.mark.parametrize("answer", ["nonsense", None])
async def test_a_callback_without_an_answer_rejects_and_the_agent_goes_on(client: AsyncClient, answer: object) -> None:
    session = await awake(client)
    given = script(ask("rm x"), {"text": ", went on"})

    async def send() -> str:
        return (await session.send(given, on_permission=lambda _: answer)).text  # pyright: ignore[reportArgumentType]

    if answer is None:
        assert await send() == "bash: rejected: whoever was to decide this could not, went on"
    else:
        with pytest.raises(InvalidBody):
            await send()
        assert "went on" in (await session.messages())[-1].text


async def test_without_an_answer_in_time_the_default_is_given(client: AsyncClient) -> None:
    session = await awake(client)
    given = script(ask("rm x"), {"text": "."}, {"question": "why"})
    result = await session.send(given, permission_timeout=0.2, permission_default=("reject", "nobody is here"))
    assert result.text == "bash: rejected: nobody is here.question: reject"

    async def never(_: PermissionAsked) -> str:
        await anyio.sleep_forever()
        return "once"

    result = await session.send(
        given,
        on_permission=never,  # pyright: ignore[reportArgumentType]
        permission_timeout=0.2,
        permission_default="once",
    )
    assert result.text == "bash: allowed once.question: reject"


async def test_another_client_may_be_quicker(client: AsyncClient) -> None:
    session = await awake(client)

    async def decide(request: PermissionAsked) -> str:
        await session.reply_to_permission(request.request, "once")  # as if from elsewhere
        return "reject"

    result = await session.send(script(ask("rm x")), on_permission=decide)  # pyright: ignore[reportArgumentType]
    assert (result.text, result.error) == ("bash: allowed once", UNSET)


async def test_nobody_is_asked_what_a_rule_has_decided(client: AsyncClient) -> None:
    session = await awake(client, policy={"rules": [{"permission": "bash", "action": "allow"}]})
    asked: list[PermissionAsked] = []
    result = await session.send(script(ask("ls")), on_permission=asked.append)  # pyright: ignore[reportArgumentType]
    assert (result.text, asked) == ("bash: allowed once", [])


async def test_a_queued_input_is_followed_from_its_own_run(client: AsyncClient, tmp_path) -> None:
    session = await awake(client)
    gate = tmp_path / "gate"
    await session.start(script(until_file(gate), {"text": "the first"}))
    told: list[str] = []

    async def send() -> None:
        result = await session.send("the second", delivery="queue", on_text=told.append)
        assert result.text == "the second"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        await stands(session, lambda info: info.queued == 1)
        gate.touch()
    assert "".join(told) == "the second"
    await session.start(script({"hang": True}))
    async with anyio.create_task_group() as tasks:

        async def given_up() -> None:
            with pytest.raises(RunNotFound):
                await session.send("never", delivery="queue", on_text=told.append)

        tasks.start_soon(given_up)
        await stands(session, lambda info: info.queued == 1)
        await session.archive()
