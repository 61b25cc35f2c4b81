"""`python -m tests.fire.chaos.checker HISTORY`: says what is wrong with it; exit code 1 if anything is."""

import sys
from pathlib import Path

from tests.fire.chaos.checker import RULES, check
from tests.fire.chaos.history import read


def main(file: str) -> int:
    violations = check(read(Path(file)))
    for violation in violations:
        print(violation)
    kept = len(RULES) - len({violation.rule for violation in violations})
    print(f"{kept} of {len(RULES)} promises were kept, {len(violations)} violations")
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
