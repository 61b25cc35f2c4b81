"""The hub goes and comes back, or does not: nothing is lost, nothing doubled, nothing left behind."""

import os
import signal
from collections.abc import Callable
from time import monotonic

import anyio
import msgspec
import psutil
import pytest

from roost.link.spool import read_spool, spool_path
from roost.model.envelope import decode_body
from roost.model.events import PauseRequested, RunAborted, RunComplete, RunError, TextDelta, ToolDelta, ToolStart
from roost.processes import birth
from tests.host.conftest import Site

DAEMON = "setsid sleep 300 & env -i setsid sleep 301 & echo up; sleep 302"
COUNT = 20_000


def numbers(site: Site) -> list[int]:
    deltas = [event.body for event in site.hub.of(TextDelta)]
    return [int(body.delta[:8]) for body in deltas if isinstance(body, TextDelta)]


async def busy(site: Site) -> list[psutil.Process]:
    """A run with children that try not to be found."""
    site.hub.script({"bash": {"command": DAEMON}})
    await site.hub.until(lambda: site.hub.of(ToolDelta))
    with anyio.fail_after(10):
        while True:
            below = psutil.Process(site.pid).children(recursive=True)
            lines = (command_of(process) for process in below)
            if sorted(line[-1] for line in lines if line[:1] == ["sleep"]) == ["300", "301", "302"]:
                return below
            await anyio.sleep(0.01)


def command_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing of one that has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while True:
            if true():
                return
            await anyio.sleep(0.02)


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


# --- the hub comes back -----------------------------------------------------------------------------------------------


async def test_a_link_cut_many_times_under_load_loses_and_doubles_nothing(site: Site) -> None:
    await site.open()
    await site.start()
    site.hub.script({"deltas": {"count": COUNT, "bytes": 64}})
    for cut in range(1, 6):
        await site.hub.until(lambda part=cut: site.hub.produced > part * COUNT // 7)
        await site.close()
        await site.open()
    assert isinstance((await site.ended()).body, RunComplete)
    assert numbers(site) == list(range(COUNT))


async def test_an_agent_works_on_while_the_hub_is_away(site: Site) -> None:
    await site.open()
    await site.start()
    site.hub.script({"text": "one"}, {"sleep": 0.4}, {"write": {"path": "made", "content": ""}}, {"text": "two"})
    await site.hub.until(lambda: site.hub.of(TextDelta))
    await site.close()
    await until((site.workspace / "made").exists)
    await site.open()
    assert isinstance((await site.ended()).body, RunComplete)


async def test_a_host_that_never_met_its_hub_finds_it_later(site: Site) -> None:
    site.hub.start_run("patience")
    await site.start()
    await anyio.sleep(0.3)
    await site.open()
    assert isinstance((await site.ended()).body, RunComplete)


async def test_a_new_hub_is_called_at_once_however_long_the_host_would_have_waited(site: Site) -> None:
    await site.open()
    await site.start(retry_seconds=600)
    for visit in range(1, 12):  # each one short: the pause after the last would be 50 s
        await site.hub.until(lambda visit=visit: len(site.hub.hellos) == visit, seconds=5)
        await site.close()
        await site.open()


async def test_a_silent_hub_is_given_up_and_called_again(site: Site) -> None:
    await site.open()
    await site.start(heartbeat_seconds=0.1, lost_after_seconds=0.3)
    await site.hub.until(lambda: len(site.hub.hellos) >= 3)


async def test_a_port_taken_by_somebody_elses_hub_is_not_obeyed(site: Site) -> None:
    await site.open()
    await site.start()
    await site.hub.until(lambda: site.hub.hellos)
    site.hub.refusal = ("gone", "")
    hub = msgspec.json.decode((site.data / "hub.json").read_bytes())
    await site.close()
    nobody = 2**22 - 1  # our hub is dead, and this port another's
    async with site.hub.serve(int(hub["url"].rpartition(":")[2]), nobody):
        await anyio.sleep(0.5)
        assert await site.runtime.alive(site.hub.session, 1)
        site.hub.refusal = None
    await site.open()
    site.hub.start_run("still here")
    assert isinstance((await site.ended()).body, RunComplete)


# --- the spool is full ------------------------------------------------------------------------------------------------


async def test_a_full_spool_stops_the_agent_and_the_run_ends_with_that_error(site: Site) -> None:
    await site.open()
    await site.start(spool_memory_bytes=4_000, spool_disk_bytes=4_000)
    site.hub.script({"text": "before"}, {"bash": {"command": "while :; do echo .........; sleep 0.001; done"}})
    await site.hub.until(lambda: site.hub.of(ToolDelta))
    await site.close()
    await until(lambda: living(psutil.Process(site.pid).children()) == [])
    await site.open()
    end = (await site.ended()).body
    assert isinstance(end, RunError)
    assert end.error.code == "spool_full"
    site.hub.start_run("room again", "run_2")
    assert isinstance((await site.ended("run_2")).body, RunComplete)


# --- leaving ----------------------------------------------------------------------------------------------------------


async def test_a_refused_host_kills_its_tree_puts_its_spool_aside_and_goes(site: Site) -> None:
    await site.open()
    await site.start()
    children = await busy(site)
    site.hub.acking = False
    known = site.hub.produced
    site.hub.steer("more", site.hub.of(ToolStart)[0].run or pytest.fail("no run"))
    site.hub.refuse("stale_epoch")
    await site.gone()
    assert living(children) == []
    assert not (site.data / "spool").exists() or list((site.data / "spool").iterdir()) == []
    assert site.hub.produced == known


async def test_a_refused_host_leaves_a_second_host_of_its_epoch_alone(site: Site) -> None:
    await site.open()
    await site.start()
    await site.hub.until(lambda: site.hub.hellos)
    first = site.pid
    site.hub.unwanted = {first}
    await site.close()
    await site.start()
    await site.open()
    await until(lambda: birth(first) is None)
    site.hub.start_run("hello")
    assert isinstance((await site.ended()).body, RunComplete)


async def test_what_a_refused_host_could_not_say_is_kept_aside(site: Site) -> None:
    await site.open()
    await site.start()
    site.hub.script({"text": "heard"}, {"sleep": 0.3}, {"text": "unheard"}, {"sleep": 300})
    await site.hub.until(lambda: site.hub.of(TextDelta))
    site.hub.acking = False
    await site.hub.until(lambda: len(site.hub.of(TextDelta)) == 2)
    site.hub.refuse("stale_epoch")
    await site.gone()
    (kept,) = (site.data / "orphans").iterdir()
    assert kept.name == f"{site.hub.session}.1"
    head, lines = read_spool(kept)
    assert head.first > 1
    assert "unheard" in b"".join(bytes(line.body) for line in lines).decode()


async def test_an_idle_host_without_a_hub_writes_its_last_words_down_and_goes(site: Site) -> None:
    await site.open()
    await site.start(away_idle_seconds=0.6)
    site.hub.script({"text": "one"}, {"sleep": 0.3}, {"text": "two"})
    await site.hub.until(lambda: site.hub.of(TextDelta))
    await site.close()
    await site.gone()
    head, lines = read_spool(spool_path(site.data, site.hub.session, 1))
    assert head.first == site.hub.produced + 1
    assert isinstance(decode_body(lines[-1].body), RunComplete)
    assert lines[-1].run == "run_1"
    assert [path.name for path in (site.data / "spool").iterdir()] == [f"{site.hub.session}.1"]


async def test_a_run_keeps_a_host_without_a_hub_until_the_longest_time(site: Site) -> None:
    await site.open()
    await site.start(away_idle_seconds=0.2, away_max_seconds=1.5, abort_grace_seconds=0.1)
    children = await busy(site)
    closed = monotonic()
    await site.close()
    await site.gone()
    assert monotonic() - closed > 1.0, "without a run it would have gone after 0.2 s"
    assert living(children) == []
    last = decode_body(read_spool(spool_path(site.data, site.hub.session, 1))[1][-1].body)
    assert isinstance(last, RunError)
    assert last.error.code == "interrupted"


async def test_a_pause_aborts_the_run_kills_the_tree_and_says_goodbye(live: Site) -> None:
    children = await busy(live)
    live.hub.append(PauseRequested())
    await live.hub.until(lambda: live.hub.byes)
    assert isinstance((await live.ended()).body, RunAborted)
    await live.gone()
    assert living(children) == []
    assert not (live.data / "spool").exists() or list((live.data / "spool").iterdir()) == []


async def test_sigterm_is_a_clean_leave(live: Site) -> None:
    children = await busy(live)
    os.kill(live.pid, signal.SIGTERM)
    end = (await live.ended()).body
    assert isinstance(end, RunError)
    assert end.error.code == "interrupted"
    await live.gone()
    assert live.hub.byes
    assert living(children) == []


async def test_sigterm_without_a_hub_leaves_a_spool(site: Site) -> None:
    await site.open()
    await site.start()
    await busy(site)
    await site.close()
    os.kill(site.pid, signal.SIGTERM)
    await site.gone()
    lines = read_spool(spool_path(site.data, site.hub.session, 1))[1]
    assert isinstance(decode_body(lines[-1].body), RunError)


async def test_a_host_killed_at_once_leaves_children_that_the_runtime_finds(live: Site) -> None:
    children = await busy(live)
    os.kill(live.pid, signal.SIGKILL)
    assert living(children) != []
    await live.runtime.kill(live.hub.session)
    assert living(children) == []


async def test_orphans_of_commands_leave_no_zombies(live: Site) -> None:
    live.hub.script({"bash": {"command": "for i in 1 2 3 4 5; do setsid sh -c 'sleep 0.1 & sleep 0.2' & done; wait"}})
    await live.ended()
    await until(lambda: psutil.Process(live.pid).children() == [])


async def test_a_crash_step_kills_the_host(live: Site) -> None:
    live.hub.script({"text": "last words"}, {"crash": True})
    await until(lambda: birth(live.pid) is None)
    assert not await live.runtime.alive(live.hub.session, 1)
