"""Record the two hot paths, and write down what they cost."""

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from bench.bench import Bench, CannotMeasure, open_bench
from bench.rows import appends, fanout
from bench.sizes import FULL

HERE: Final = Path(__file__).parent
SECONDS: Final = 5
PER_SECOND: Final = 250
SHOWN: Final = 30
ALWAYS: Final = 0.995
"""What is on nearly every stack says nothing."""
THREADS: Final = ("MainThread", "roost-store")

NAMELESS: Final = re.compile(r"\b0x[0-9a-f]+\b")
"""Functions of libraries without symbols; in libc.so.6 mostly a wait."""

Frames = tuple[str, ...]
LOADS: Final[dict[str, Callable[[Bench, Callable[[int], None]], object]]] = {
    "appends-16": lambda bench, look: appends.hub_run(bench, 16, look),
    "appends-1": lambda bench, look: appends.hub_run(bench, 1, look),
    "fanout-100": lambda bench, look: fanout.hub_run(bench, 100, look),
    "fanout-1000": lambda bench, look: fanout.hub_run(bench, 1000, look),
}


def main() -> int:
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=sysconfig.get_path("scripts"))
    if spy is None:
        sys.stderr.write("profiles: py-spy is not here: pip install py-spy\n")
        return 1
    sizes = msgspec.structs.replace(FULL, warm_seconds=1.0, seconds=SECONDS + 2.0)
    try:
        with open_bench(sizes, lambda _: None) as bench:
            for name, load in LOADS.items():
                raw = bench.folder / f"{name}.raw"
                load(bench, lambda pid, raw=raw: _record(spy, pid, raw))
                (HERE / f"{name}.txt").write_text(_page(name, raw.read_text(encoding="utf-8")), encoding="utf-8")
                print(HERE / f"{name}.txt")
    except CannotMeasure as error:
        sys.stderr.write(f"profiles: {error}\n")
        return 1
    return 0


def _record(spy: str, pid: int, raw: Path) -> None:
    time.sleep(1.5)  # until the load flows
    command = [spy, "record", "--pid", str(pid), "--duration", str(SECONDS), "--rate", str(PER_SECOND)]
    options = ["--threads", "--function", "--format", "raw", "--output", str(raw)]
    if platform.machine() == "x86_64":
        options.append("--native")  # shows what Python itself does: the garbage collector, sleeps, system calls
    subprocess.run([*command, *options], check=True, capture_output=True)


def _page(name: str, raw: str) -> str:
    lines = [f"The hub under the load {name}, seen {PER_SECOND} times a second for {SECONDS} s.", ""]
    stacks = [_stack(line) for line in raw.splitlines()]
    for thread in THREADS:
        mine = [(frames[1:], count) for frames, count in stacks if frames[0].endswith(f": {thread}")]
        lines += [f"== {thread}", "", *_table("itself", mine, lambda frames: frames[-1:]), ""]
        lines += [*_table("with what it calls", mine, _python), ""]
    return "\n".join(lines).rstrip() + "\n"


def _python(frames: Frames) -> Frames:
    """Each function of Python on the stack once."""
    return tuple(dict.fromkeys(frame for frame in frames if ".py:" in frame))


def _stack(line: str) -> tuple[Frames, int]:
    frames, _, count = NAMELESS.sub("?", line).rpartition(" ")
    return tuple(frames.split(";")), int(count)


def _table(title: str, stacks: Sequence[tuple[Frames, int]], pick: Callable[[Frames], Frames]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for frames, count in stacks:
        for frame in pick(frames):
            counts[frame] += count
    total = sum(count for _, count in stacks) or 1
    yield f"-- {title}"
    told = ((frame, count) for frame, count in counts.most_common() if count < ALWAYS * total)
    for frame, count in islice(told, SHOWN):
        yield f"{100 * count / total:5.1f}%  {frame}"


if __name__ == "__main__":
    sys.exit(main())
