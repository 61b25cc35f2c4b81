"""`python -m bench.peers`: other servers of agent sessions, and Roost, in one run; writes bench/PEERS.md.

With --install they are fetched into `.cache/peers/`, and nothing is measured; with --render PEERS.md is written anew
from bench/peers.json.
"""

import argparse
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from bench import machine
from bench.peers import installs, page
from bench.peers.found import FULL, QUICK, Amounts
from bench.peers.known import PEERS, load
from bench.peers.page import Results
from bench.peers.row import measure
from tests.agents.installed import install_model, model_modules
from tests.interop.coder.packages import node

INSTALLED: Final = ("opencode", "sandbox-agent", "openhands", "langgraph")
MODEL: Final = Path(__file__).with_name("model.mjs")


def main() -> int:
    given = _parser().parse_args()
    console = Console(highlight=False, stderr=True)
    if given.install:
        return install(console)
    if given.render:
        page.PAGE.write_text(page.render(page.read()), encoding="utf-8")
        return 0
    if set(psutil.net_if_addrs()) != {"lo"}:
        console.print("there is a network, and these servers would use it: make bench-peers", style="red")
        return 1
    amounts = QUICK if given.quick else FULL
    about = machine.describe(Path.cwd())
    with model(amounts) as address, console.status("") as status:
        rows = [
            measure(load(name), name, address, amounts, lambda step, name=name: status.update(f"{name}: {step}"))
            for name in given.only or PEERS
        ]
    results = Results(machine=about, amounts=amounts, rows=rows)
    if given.only or given.quick:
        sys.stdout.write(page.render(results))
    else:
        page.write(results)
    return 0


def install(console: Console) -> int:
    """0, even if one is not there: its row says why."""
    install_model()
    for name in INSTALLED:
        with console.status(f"{name}: installing"):
            why = installs.install(name)
        console.print(f"{name}: {why or 'installed'}", soft_wrap=True)
    return 0


@contextmanager
def model(amounts: Amounts) -> Generator[str]:
    """Its address."""
    counts = map(str, (amounts.flood_words, amounts.paced_words, amounts.per_second))
    command = [node(), MODEL, model_modules(), *counts]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    parser.add_argument("--install", action="store_true", help="fetch them, and measure nothing")
    parser.add_argument("--render", action="store_true", help="write PEERS.md from what was measured before")
    parser.add_argument("--only", action="append", choices=list(PEERS), metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--quick", action="store_true", help="little of each, shown and not written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
