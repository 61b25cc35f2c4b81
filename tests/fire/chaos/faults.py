"""What befalls a hub and all who have to do with it. Each fault heals by itself within seconds; then all must be as if
it had never been, or be refused, or interrupted, in plain words.

The instants are chance: a seed repeats what is done, in its order, not the microsecond in which it happens.
"""

import json
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Final, Literal, NamedTuple

import anyio
import msgspec

from roost.processes import birth
from tests.fire.chaos.crowd import call_and_die
from tests.fire.chaos.field import Field
from tests.fire.chaos.history import Invoked
from tests.fire.chaos.hub import set_clock
from tests.fire.chaos.played import PlayedHost
from tests.fire.chaos.proxy import Connection, Way
from tests.fire.processes import is_running, send_signal

SECOND_HUB_SECONDS = 60.0
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
WRITABLE = 'umount -l "$1"'
JUMPS_SECONDS = (-21_000, -3_600, -1, 1, 60, 3_600, 21_000)
"""Of each of two clocks, which add up: never to the 24 hours after which a hub forgets that it was sent something."""
SPARE = 3
"""Of what has come to its limit, it may have fewer more than this."""

# --- the hub ---


async def hub_killed(field: Field) -> None:
    """SIGKILL, and started again a little later."""
    async with field.turn:
        if not field.hub_lives:
            return
        field.tell("hub-killed", str(field.hub.pid))
        await field.hub.kill()
        await anyio.sleep(field.random.choice([0, 0, 0.1, 0.5]))
        await field.revive()


async def hub_killed_starting(field: Field) -> None:
    """SIGKILL in its work, and again before it is up."""
    async with field.turn:
        if not field.hub_lives or field.lacks:
            return
        await field.hub.kill()
        field.tell("hub-killed", "in its work")
        await field.hub.spawn()
        await anyio.sleep(field.random.uniform(0.05, 0.7))
        await field.hub.kill()
        field.tell("hub-killed-starting")
        await field.revive()


async def hub_terminated(field: Field) -> None:
    """SIGTERM: it stops in good order, its hosts stay at work, and it is started again."""
    async with field.turn:
        if not field.hub_lives:
            return
        field.tell("hub-terminated", str(field.hub.pid))
        code = await field.hub.terminate()
        if code and not field.lacks:
            field.surprise(f"a hub that was asked to stop ended with {code}")
        await field.revive()


async def hub_stopped(field: Field) -> None:
    """SIGSTOP, and SIGCONT up to 2.5 s later."""
    async with field.turn:
        if field.hub_lives:
            await _stand_still(field, "hub-stopped", field.hub.pid, field.random.uniform(0.1, 2.5))


async def _stand_still(field: Field, kind: str, pid: int, seconds: float) -> None:
    born = birth(pid)
    if born is None:
        return
    field.tell(kind, str(pid), f"{seconds:.2f} s")
    send_signal(signal.SIGSTOP, pid)
    with anyio.CancelScope(shield=True):
        await anyio.sleep(seconds)
        if birth(pid) == born:
            send_signal(signal.SIGCONT, pid)


async def second_hub(field: Field) -> None:
    """Another hub on the same data folder: it is refused."""
    async with field.turn:
        if not field.hub_lives or field.lacks:
            return
        field.tell("second-hub")
        command = [*field.hub._command, "up", "--json", "--port", "0", "--data", str(field.hub.data)]
        process = await anyio.open_process(command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True)
        code: int | None = None
        with anyio.move_on_after(SECOND_HUB_SECONDS):
            code = await process.wait()
        if code is None:
            process.kill()
            await process.wait()
        await process.aclose()
        if code in (None, 0):
            field.surprise(f"a second hub on the same data folder was not refused: {code}")


async def limits_reached(field: Field) -> None:
    """It may have hardly more files open than it has or, if it is not root's, processes; for up to 2 s."""
    async with field.turn:
        if not field.hub_lives:
            return
        pid = field.hub.pid
        limit, most = resource.RLIMIT_NOFILE, len(list(Path(f"/proc/{pid}/fd").iterdir()))
        if os.getuid() and field.random.random() < 0.5:  # the system lets root have more processes than it may
            limit, most = resource.RLIMIT_NPROC, 0
        field.tell("limits-reached", str(pid), "files" if limit == resource.RLIMIT_NOFILE else "processes")
        before = resource.prlimit(pid, limit)
        resource.prlimit(pid, limit, (most + field.random.randrange(SPARE), before[1]))
        with field.starving(), anyio.CancelScope(shield=True):
            await anyio.sleep(field.random.uniform(0.2, 2))
            if field.hub_lives:
                resource.prlimit(pid, limit, before)


async def disk_full(field: Field) -> None:
    """Not a byte is left on its disk, for up to 2 s."""
    if field.lacks:
        return
    with field.starving(), anyio.CancelScope(shield=True):
        field.tell("disk-full")
        field.disk.fill()
        await anyio.sleep(field.random.uniform(0.2, 2))
        field.disk.free()


async def read_only(field: Field) -> None:
    """A read-only mount over its data folder, for up to 2 s: nothing more can be opened to be written."""
    if field.lacks:
        return
    with field.starving(), anyio.CancelScope(shield=True):
        await _mount(field, READ_ONLY)
        field.tell("read-only")
        await anyio.sleep(field.random.uniform(0.2, 2))
        await _mount(field, WRITABLE)


async def _mount(field: Field, words: str) -> None:
    await anyio.run_process([*field.disk.enter, "sh", "-c", words, "sh", str(field.hub.data)])


async def clock_jumped(field: Field) -> None:
    """Its wall clock is ahead or behind by up to six hours."""
    seconds = field.random.choice(JUMPS_SECONDS)
    field.tell("clock-jumped", detail=f"{seconds} s")
    set_clock(field.clock, seconds)


async def system_clock_jumped(field: Field) -> None:
    """The same by libfaketime: whatever in its process asks the system for the time of day is told so."""
    seconds = field.random.choice(JUMPS_SECONDS)
    field.tell("system-clock-jumped", detail=f"{seconds} s")
    field.wall.jump(seconds)


# --- hosts, agents, clients ---


async def _killed(field: Field, kind: str, pids: list[int]) -> None:
    if pids and is_running(pid := field.random.choice(pids)):
        field.tell(kind, str(pid))
        send_signal(signal.SIGKILL, pid)


async def host_killed(field: Field) -> None:
    """SIGKILL of a session's host, with a run or without."""
    await _killed(field, "host-killed", field.hosts())


async def agent_killed(field: Field) -> None:
    """SIGKILL of one of the processes below a host."""
    await _killed(field, "agent-killed", field.agents())


async def host_stopped(field: Field) -> None:
    """SIGSTOP of a host for up to 4 s: sometimes beyond the grace, and another one has taken its place."""
    if hosts := field.hosts():
        await _stand_still(field, "host-stopped", field.random.choice(hosts), field.random.choice([0.2, 1, 4]))


async def agent_stopped(field: Field) -> None:
    """SIGSTOP of one of the processes below a host, for up to 1 s."""
    if agents := field.agents():
        await _stand_still(field, "agent-stopped", field.random.choice(agents), field.random.uniform(0.1, 1))


async def client_killed(field: Field) -> None:
    """SIGKILL of a process of observers and controllers, and another one in its place."""
    if field.clients:
        field.tell("client-killed", str(await field.random.choice(field.clients).kill()))


async def client_stopped(field: Field) -> None:
    """SIGSTOP of such a process, for up to 3 s: its readers do not read."""
    if field.clients and (pid := field.random.choice(field.clients).pid):
        await _stand_still(field, "client-stopped", pid, field.random.uniform(0.1, 3))


async def caller_killed(field: Field) -> None:
    """SIGKILL of a client of one request, somewhere in it."""
    session = field.random.choice(list(field.sessions))
    op = field.history.op()
    mark = f"<caller.{op}>"
    text = "script:" + json.dumps([{"deltas": {"count": 3, "bytes": 9}}])
    body = {"input": [{"type": "text", "text": mark}, {"type": "text", "text": text}], "delivery": "queue"}
    raw = field.request(f"/v1/sessions/{session}/input", msgspec.json.encode(body))
    field.history.add(Invoked(op=op, who=f"caller-{op}", session=session, kind="queue", mark=mark))
    field.tell("caller-killed", str(await call_and_die(field.proxy.port, raw, field.random)))


async def played_host_killed(field: Field) -> None:
    """A host that the workload plays forgets everything; no process is killed."""
    if (host := field.players.kill(field.random)) is not None:
        field.tell("played-host-killed", host.name)


async def second_host(field: Field) -> None:
    """A host with the ticket of one that has written already: it learns that it is not alone, and goes."""
    there = [host for _, host in sorted(field.players.hosts.items()) if host.end.spool.acked]
    if not there:
        return
    first = field.random.choice(there)
    twin = PlayedHost(first.ticket, field.hub.seen, field.fire.folder / "spools", field.history, field.random)
    field.tell("second-host", twin.name)
    with anyio.move_on_after(2):
        await twin.live(silent=True)


async def hatchery_killed(field: Field) -> None:
    """SIGKILL of the process that hosts are forked from, if the hub has one."""
    await _killed(field, "hatchery-killed", field.hatcheries())


async def hatchery_stopped(field: Field) -> None:
    """SIGSTOP of that process, for up to 2 s."""
    if hatcheries := field.hatcheries():
        await _stand_still(field, "hatchery-stopped", hatcheries[0], field.random.uniform(0.1, 2))


# --- connections ---


async def connections_cut(field: Field) -> None:
    """Some of all connections are reset."""
    if some := field.proxy.some(field.random, field.random.choice([0.1, 0.5, 1])):
        field.tell("connections-cut", str(len(some)))
        for connection in some:
            connection.cut()


async def connections_delayed(field: Field) -> None:
    """Each piece of what they carry comes up to 0.5 s later, for up to 2 s."""
    seconds = field.random.choice([0.02, 0.1, 0.5])
    await _slowed(field, "connections-delayed", lambda: seconds)


async def connections_reordered(field: Field) -> None:
    """Pieces of different connections overtake each other; within one TCP keeps their order."""
    await _slowed(field, "connections-reordered", lambda: field.random.choice([0, 0, 0.05, 0.4]))


async def _slowed(field: Field, kind: str, delay: Callable[[], float]) -> None:
    some = field.proxy.some(field.random, field.random.choice([0.3, 1]))
    if not some:
        return
    field.tell(kind, str(len(some)))
    ways = [way for connection in some for way in (connection.up, connection.down)]
    for way in ways:
        way.delay = delay
    await anyio.sleep(field.random.uniform(0.5, 2))
    for way in ways:
        way.delay = None


async def connections_half_open(field: Field) -> None:
    """One end hears nothing more of the other, or neither does, for up to 4 s; then they go on, or are cut."""
    some = field.proxy.some(field.random, field.random.choice([0.1, 0.5]))
    if some:
        field.tell("connections-half-open", str(len(some)))
        ways = field.random.choice([_up, _down, _both])
        await _held(field, some, ways)


async def hosts_cut_off(field: Field) -> None:
    """No host reaches the hub, for up to 6 s: beyond the grace others take their places, and then they come back."""
    if not field.proxy.hosts_are_cut_off:
        field.tell("hosts-cut-off")
        field.proxy.cut_off_hosts()
        await anyio.sleep(field.random.uniform(1, 6))
        field.proxy.heal()


async def readers_stuck(field: Field) -> None:
    """A reader that reads nothing of what it is sent."""
    session = field.random.choice(list(field.sessions))
    raw = field.request(f"/v1/sessions/{session}/events", accept="text/event-stream")
    with suppress(OSError), socket.create_connection(("127.0.0.1", field.proxy.target)) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(raw)
        field.tell("readers-stuck", session)
        await anyio.sleep(field.random.uniform(1, 4))


Ways = Callable[[Connection], list[Way]]


def _up(connection: Connection) -> list[Way]:
    return [connection.up]


def _down(connection: Connection) -> list[Way]:
    return [connection.down]


def _both(connection: Connection) -> list[Way]:
    return [connection.up, connection.down]


async def _held(field: Field, some: list[Connection], ways: Ways) -> None:
    for way in [way for connection in some for way in ways(connection)]:
        way.close()
    await anyio.sleep(field.random.uniform(0.3, 4))
    for connection in some:
        if field.random.random() < 0.5:
            connection.cut()
        for way in ways(connection):
            way.open()


Do = Callable[[Field], Awaitable[None]]
Victim = Literal["hub", "host", "agent", "client"]


class Kind(NamedTuple):
    """`weight`: how often, among the others. `kills`: whose process each of them kills."""

    weight: int
    do: Do
    kills: Victim | None = None


FAULTS: Final[dict[str, Kind]] = {
    "hub-killed": Kind(3, hub_killed, "hub"),
    "hub-killed-starting": Kind(1, hub_killed_starting, "hub"),
    "hub-terminated": Kind(1, hub_terminated),
    "hub-stopped": Kind(2, hub_stopped),
    "host-killed": Kind(6, host_killed, "host"),
    "host-stopped": Kind(4, host_stopped),
    "hatchery-killed": Kind(2, hatchery_killed, "host"),
    "hatchery-stopped": Kind(1, hatchery_stopped),
    "agent-killed": Kind(6, agent_killed, "agent"),
    "agent-stopped": Kind(3, agent_stopped),
    "client-killed": Kind(3, client_killed, "client"),
    "client-stopped": Kind(3, client_stopped),
    "caller-killed": Kind(8, caller_killed, "client"),
    "played-host-killed": Kind(4, played_host_killed),
    "second-host": Kind(3, second_host),
    "second-hub": Kind(1, second_hub),
    "connections-cut": Kind(5, connections_cut),
    "connections-delayed": Kind(4, connections_delayed),
    "connections-half-open": Kind(4, connections_half_open),
    "connections-reordered": Kind(4, connections_reordered),
    "hosts-cut-off": Kind(3, hosts_cut_off),
    "readers-stuck": Kind(2, readers_stuck),
    "disk-full": Kind(2, disk_full),
    "read-only": Kind(2, read_only),
    "limits-reached": Kind(2, limits_reached),
    "clock-jumped": Kind(3, clock_jumped),
    "system-clock-jumped": Kind(3, system_clock_jumped),
}
"""Everything that may befall a round, by its name."""
