"""A broken hub: `python -m tests.fire.chaos.mutants NAME up ...`, with the options of `roost up`. NAME `none`: the hub
as it is, whose hosts may be played."""

import sys

from roost.cli import main
from roost.runtimes.process import runtime
from tests.fire.chaos.hub import PlayedRuntime
from tests.fire.chaos.mutants import MUTANTS

if __name__ == "__main__":
    runtime.ProcessRuntime = PlayedRuntime  # before the hub is wired
    if (name := sys.argv.pop(1)) != "none":
        MUTANTS[name].breaks()
    sys.exit(main())
