"""What brings out the difference between each broken hub and the hub as it is: a few steps, always the same."""

import json
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import UNSET

from roost.client import AsyncSession
from roost.model.events import PermissionAsked, RunComplete
from roost.model.ids import new_request_id
from tests.fire.chaos.mutants.player import words
from tests.fire.chaos.mutants.scene import LOST_SECONDS, Scene
from tests.fire.processes import eventually, marked, send_signal
from tests.fire.watch import script

MOMENTS: Final = 5
"""So often what an observer has just been given is followed by more, at once."""


async def kill_after_acknowledgement(scene: Scene) -> None:
    host = await scene.host(await scene.session())
    assert await host.append(*words(3)) == "ok"
    await scene.hub.restart()


async def kill_after_seeing(scene: Scene) -> None:
    session = await scene.session()
    host = await scene.host(session)
    watcher, head = await scene.watch(session), (await session.info()).seq
    assert await watcher.until(head)
    await host.send(*words(3))
    assert await watcher.until(head + 3)
    await scene.hub.restart()


async def old_host_comes_back(scene: Scene) -> None:
    session = await scene.session()
    old = await scene.host(session)
    assert await old.append(*words(2)) == "ok"
    await old.die()
    await _phase(session, "paused")
    await scene.do("resume", session, session.resume)
    new = await scene.host(session)
    assert await new.append(*words(2)) == "ok"
    if await old.connect():
        await old.append(*words(1))


async def write_while_it_looks(scene: Scene) -> None:
    """In the moment in which an observer has been given all there was. Nothing follows what it is not given."""
    session = await scene.session()
    host = await scene.host(session)
    watcher, head = await scene.watch(session), (await session.info()).seq
    assert await watcher.until(head)
    for moment in range(MOMENTS):
        await host.append(*words(1))
        if not await watcher.until(head + moment + 1, seconds=scene.patience):
            return


async def skip_two(scene: Scene) -> None:
    host = await scene.host(await scene.session())
    assert await host.append(*words(2)) == "ok"
    await host.append(*words(2), first=5)


async def send_again(scene: Scene) -> None:
    host, said = await scene.host(await scene.session()), words(2)
    for _ in range(2):
        assert await host.append(*said, first=1) == "ok"


async def answer_twice(scene: Scene) -> None:
    session, request = await scene.session(), new_request_id()
    host = await scene.host(session)
    await scene.send(session)
    run = await host.run()
    await host.append(PermissionAsked(request=request, permission="bash"), run=run)
    for _ in range(2):
        await scene.do("answer", session, lambda: session.reply_to_permission(request, "once"), target=request)
    await host.append(RunComplete(), run=run)


async def repeat_with_a_key(scene: Scene) -> None:
    session = await scene.session()
    host = await scene.host(session)
    await scene.send(session, "queue", times=2)
    while (await session.info()).run is not UNSET:
        await host.append(RunComplete(), run=await host.run())


async def steer_a_run(scene: Scene) -> None:
    session = await scene.session()
    host = await scene.host(session)
    await scene.send(session)
    run = await host.run()
    await scene.send(session, "steer")
    await host.append(RunComplete(read=(await session.info()).seq), run=run)


async def label_and_write(scene: Scene) -> None:
    session = await scene.session()
    host = await scene.host(session)
    label = await scene.label(session)
    await host.append(*words(1))

    async def known() -> bool:
        return (await session.info()).label == label

    await eventually(known, seconds=LOST_SECONDS)


async def write_twice(scene: Scene) -> None:
    host = await scene.host(await scene.session())
    for _ in range(2):
        await host.append(*words(2))


async def end_a_run_twice(scene: Scene) -> None:
    session = await scene.session()
    host = await scene.host(session)
    await scene.send(session)
    run = await host.run()
    await host.append(RunComplete(), RunComplete(), run=run)


async def come_back(scene: Scene) -> None:
    session = await scene.session()
    host = await scene.host(session)
    for _ in range(2):
        await host.append(*words(2))
        head = (await session.info()).seq
        watcher = await scene.watch(session, head - 2)
        assert await watcher.until(head)
        await watcher.leave()


async def host_dies(scene: Scene) -> None:
    session = await scene.session()
    host = await scene.host(session)
    await scene.send(session)
    await host.append(*words(1), run=await host.run())
    await host.die()


async def real_host_dies(scene: Scene) -> None:
    session = await scene.session(played=False, task=script({"bash": {"command": "sleep 1000 & wait"}}))

    def works() -> bool:
        return any("sleep 1000" in found.command for found in marked(session.id))

    await eventually(works, seconds=LOST_SECONDS)
    note = json.loads((scene.hub.data / "hosts" / f"{session.id}.json").read_bytes())
    send_signal(signal.SIGKILL, note["pid"])
    await _phase(session, "paused")


async def _phase(session: AsyncSession, phase: str) -> None:
    async def reached() -> bool:
        return (await session.info()).phase == phase

    await eventually(reached, seconds=LOST_SECONDS)


STEPS: Final[dict[str, Callable[[Scene], Awaitable[Any]]]] = {
    "acknowledges-first": kill_after_acknowledgement,
    "tells-first": kill_after_seeing,
    "no-fence": old_host_comes_back,
    "bell-after-reading": write_while_it_looks,
    "falls-asleep-late": write_while_it_looks,
    "takes-gaps": skip_two,
    "takes-repeats": send_again,
    "answers-again": answer_twice,
    "forgets-keys": repeat_with_a_key,
    "records-no-steer": steer_a_run,
    "records-later": label_and_write,
    "keeps-numbers": write_twice,
    "ends-twice": end_a_run_twice,
    "says-it-again": come_back,
    "keeps-pages": write_while_it_looks,
    "waits-for-the-dead": host_dies,
    "leaves-the-tree": real_host_dies,
}
"""By the name of the mutant that they catch."""
