"""Calls over the link: a real host, and a hub that asks."""

from typing import Any

import anyio

from roost.link.calls import MAX_CALLS
from roost.link.frames import Answer, Ask
from tests.host.conftest import Site


class Asking:
    """Asks the host of a site, without waiting for answers."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.count = 0

    def ask(self, method: str, **params: Any) -> str:
        self.count += 1
        name = f"ask-{self.count}"
        assert self.site.hub.end is not None
        self.site.hub.end.ask(Ask(id=name, method=method, params=params))
        self.site.hub.owed.set()
        return name

    def answers(self, *names: str) -> list[Answer]:
        return [answer for answer in self.site.hub.answers if answer.id in names]

    async def call(self, method: str, **params: Any) -> Answer:
        name = self.ask(method, **params)
        return (await self.site.hub.until(lambda: self.answers(name)))[0]


async def test_a_call_is_answered_once_whatever_it_comes_to(live: Site) -> None:
    asking = Asking(live)
    assert (await asking.call("ping", a=1)).result == {"a": 1}
    done = await asking.call("shell", command="echo hi; exit 2")
    assert done.result == {"stdout": "hi\n", "exit_code": 2}
    assert (await asking.call("nonsense")).code == "method_unknown"
    assert (await asking.call("shell", command=1)).code == "invalid_request"
    missing = await asking.call("open_file", path="none")
    assert (missing.code, missing.details) == ("file_missing", {"path": "none"})
    assert len(live.hub.answers) == 5


async def test_as_many_calls_as_may_be_are_carried_out_and_no_more(live: Site) -> None:
    asking = Asking(live)
    gate = live.workspace / "gate"
    names = [asking.ask("shell", command="until [ -e gate ]; do sleep 0.5; done") for _ in range(MAX_CALLS)]
    refused = await asking.call("ping")
    assert (refused.code, refused.details) == ("host_busy", {"limit": MAX_CALLS})
    gate.touch()
    await live.hub.until(lambda: len(asking.answers(*names)) == MAX_CALLS)
    assert {answer.result["exit_code"] for answer in asking.answers(*names)} == {0}
    assert (await asking.call("ping")).result == {}


async def test_as_many_files_as_may_be_are_open_and_no_more(live: Site) -> None:
    asking = Asking(live)
    handles = [(await asking.call("create_file", path=str(number))).result["handle"] for number in range(MAX_CALLS)]
    assert (await asking.call("create_file", path="more")).code == "host_busy"
    await asking.call("drop_file", handle=handles[0])
    assert "handle" in (await asking.call("create_file", path="more")).result
    assert (await asking.call("write_on", handle=handles[0], data="")).code == "invalid_request"
    assert (await asking.call("keep_file", handle=handles[1])).result["path"] == "1"


async def test_a_cancelled_call_is_killed_and_has_no_answer(live: Site) -> None:
    asking = Asking(live)
    name = asking.ask("shell", command="echo $$ > pid; sleep 600")
    await live.hub.until((live.workspace / "pid").exists)
    asking.ask("cancel", ask=name)
    await live.hub.until(lambda: len(live.processes()) == 1)
    assert (await asking.call("ping")).result == {}
    assert asking.answers(name) == []


async def test_a_lost_link_ends_its_calls_and_drops_what_was_being_written(live: Site) -> None:
    asking = Asking(live)
    asking.ask("shell", command="touch started; sleep 600")
    await asking.call("create_file", path="new")
    await live.hub.until((live.workspace / "started").exists)
    assert len(list(live.workspace.iterdir())) == 2
    await live.close()
    with anyio.fail_after(20):
        while len(live.processes()) > 1 or len(list(live.workspace.iterdir())) > 1:  # noqa: ASYNC110
            await anyio.sleep(0.02)
