"""The page of all error codes, from the error tree and the table of statuses."""

from collections.abc import Callable
from typing import Final

from roost.api.problems import STATUS
from roost.model.errors import ERRORS, RoostError

INTRO: Final = """# Error codes

Made by `make docs` from the code. A code never changes its meaning. Over HTTP an error is a problem
(`application/problem+json`): its `code`, its `status`, a sentence in `detail`, and what stands under "Details" as
further fields. The Python client raises the class of the same name. The events `run-error` and `session-failed` carry
codes too; drivers may add codes of their own there.

Answers with status 503, 504 and 507 pass by themselves and say with `Retry-After` when to try again.
"""

LAST: Final = "Every error is one. By itself it is what nobody expected; the hub's log says more."
HEAD: Final = ("| Code | Status | Class | Meaning |", "|---|---|---|---|")


def page() -> str:
    lines = [INTRO]
    for family in (kind for kind in ERRORS.values() if kind.__base__ is RoostError):
        lines += [f"## {family.__name__}", "", _meaning(family), "", *HEAD]
        lines += [_row(kind) for kind in ERRORS.values() if issubclass(kind, family)]
        lines.append("")
    lines += [
        "## RoostError",
        "",
        "Every error is one. By itself it is what nobody expected; the hub's log says more.",
        "",
    ]
    lines += [*HEAD, _row(RoostError)]
    return "\n".join(lines) + "\n"


def _row(kind: type[RoostError]) -> str:
    return f"| `{kind.code}` | {STATUS[kind.code]} | `{kind.__name__}` | {_meaning(kind)} |"


def _meaning(kind: type[RoostError]) -> str:
    return " ".join((kind.__doc__ or "").split()).replace("|", "\\|")


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/errors.md": page}
