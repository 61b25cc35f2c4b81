"""`python -m tests.fire.chaos.checker HISTORY`: says what is wrong with it; exit code 1 if anything is."""

import sys
from pathlib import Path

from tests.fire.chaos.checker import RULES, check
from tests.fire.chaos.history import read

violations = check(read(Path(sys.argv[1])))
for violation in violations:
    print(violation)
print(f"{len(violations)} violations of {len(RULES)} rules" if violations else f"all {len(RULES)} promises were kept")
sys.exit(bool(violations))
