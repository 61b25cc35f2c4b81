"""Runs inside, before the command does, and becomes it: opens the way to the gate, and sets what the machine cannot.

`python -I -S enter.py ORDER COMMAND...`, ORDER is JSON: `gate` (a socket), `ports` to listen on, `limits` by the names
of the module `resource`. The listening sockets belong to the network in here; they are handed to the gate outside,
which accepts on them. So nothing of ours goes on running inside. The connection to the gate stays open in the command:
when that has gone, so has the way. Only for a command that outlives its host (`lasts`) a keeper stays, which hands the
sockets to the gate of the next one. Standard library alone, on whatever Python the host has.
"""

import array
import json
import os
import resource
import socket
import sys
import time

RETRY_SECONDS = 0.5
"""How often a keeper looks for the next gate."""


def listen(port: int) -> list[socket.socket]:
    """On the loopback, of IPv6 too where there is one."""
    sockets: list[socket.socket] = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port))
            one.listen(128)
        except OSError:
            if family is socket.AF_INET:
                raise
        else:
            sockets.append(one)
    return sockets


def connect(gate: str, sockets: list[tuple[int, socket.socket]]) -> socket.socket:
    """Hand over what listens, each with its port. Raises: OSError: there is no gate, or it does not know a port."""
    way = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    way.connect(gate)
    for port, one in sockets:
        descriptor = array.array("i", [one.fileno()])
        way.sendmsg([port.to_bytes(2, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])
        if way.recv(1) != b"+":
            raise OSError(f"port {port} is not let through")
    return way


def keep(gate: str, sockets: list[tuple[int, socket.socket]]) -> None:
    """In a process of its own: as long as the command lives, whatever gate there is has the sockets."""
    command = os.getpid()
    if os.fork():
        return
    os.closerange(0, 3)
    while os.getppid() == command:
        try:
            with connect(gate, sockets) as way:
                way.recv(1)  # until that host has gone
        except OSError:
            pass
        time.sleep(RETRY_SECONDS)
    os._exit(0)


def main() -> None:
    order, command = json.loads(sys.argv[1]), sys.argv[2:]
    try:
        sockets = [(port, one) for port in order["ports"] for one in listen(port)]
        if order["lasts"]:
            keep(order["gate"], sockets)
        elif sockets:
            os.set_inheritable(connect(order["gate"], sockets).detach(), True)
        for name, value in order["limits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
    except OSError as error:
        sys.exit(f"roost: the sandbox is not complete: {error}")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"roost: {command[0]}: {error.strerror}\n")
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main()
