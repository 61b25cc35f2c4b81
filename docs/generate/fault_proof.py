"""The tables of the page on what is proven under fire. Its words are written by hand, around them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.fire.chaos.checker import RULES
from tests.fire.chaos.counts import published, recorded, table
from tests.fire.chaos.mutants import MUTANTS

PAGE: Final = "docs/explanation/fault-proof.md"
ROOT: Final = Path(__file__).resolve().parents[2]
END: Final = "<!-- end -->"


def page() -> str:
    """The page as it is, with its tables as they are to be."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    for name, make in TABLES.items():
        before, mark, rest = text.partition(f"<!-- table: {name} -->\n")
        _, end, after = rest.partition(END)
        assert mark and end, f"{PAGE} has no place for the table `{name}`"
        text = f"{before}{mark}\n{make()}\n\n{END}{after}"
    return text


def rules() -> str:
    told = [(f"`{name}`", _first_words(rule.broken), rule.proven_by) for name, rule in RULES.items()]
    return table(("Rule", "What holds", "What that is read from"), told)


def mutants() -> str:
    told = [(f"`{name}`", mutant.does, f"`{mutant.rule}`") for name, mutant in MUTANTS.items()]
    return table(("Mutant", "What is wrong with it", "Caught by"), told)


def counts() -> str:
    return published(recorded())


def _first_words(function: Callable[..., object]) -> str:
    """The first paragraph of what it says of itself, in one line."""
    return " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())


TABLES: Final[dict[str, Callable[[], str]]] = {"rules": rules, "mutants": mutants, "counts": counts}
PAGES: Final[dict[str, Callable[[], str]]] = {PAGE: page}
