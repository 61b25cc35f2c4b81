"""`roost doctor`: what is well here, what is not, and what to do about it."""

from typing import TYPE_CHECKING

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.cli.checks import Check

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def doctor(as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Changes nothing. Exit code 1 if something fails; warnings are no failure. With --json: `{"ok", "checks"}`, each
    check with `name`, `status` (ok, warn, fail), `found` and `todo`."""
    import anyio

    from roost.cli.terminal import progress

    with progress("looking"):
        found = anyio.run(_checks, url, data)
    failed = any(check.status == "fail" for check in found)
    if as_json:
        from roost.cli.terminal import print_struct

        print_struct({"ok": not failed, "checks": found})
    else:
        for check in found:
            _print(check)
    return codes.ERROR if failed else codes.OK


async def _checks(url: Url, data: Data) -> "list[Check]":
    from roost.cli.checks import check_all

    return await check_all(url, data)


def _print(check: "Check") -> None:
    from roost.cli.terminal import STDOUT
    from roost.cli.words import plain

    mark, style = _MARKS[check.status]
    print(f"{STDOUT.style(mark, style)} {check.name:<11} {plain(check.found)}")
    if check.todo:
        print(f"  {'':<11} {STDOUT.style('→ ' + plain(check.todo), 'dim')}")
