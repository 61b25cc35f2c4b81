"""The pages and the picture made from the model are what the model says."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec import Struct

from docs.generate import events as event_pages
from docs.generate import lifecycle as lifecycle_pages
from roost.model import events, messages
from roost.model.envelope import BODIES, BY_TAG
from roost.model.lifecycle import NEXT, VIEWS, Phase

ROOT = Path(__file__).resolve().parents[2]
PAGES = event_pages.PAGES | lifecycle_pages.PAGES
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_what_the_code_makes_of_it(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path](), f"{path} is out of date: make docs"


def test_every_struct_of_the_log_and_of_the_conversation_says_what_it_is() -> None:
    structs = [cls for module in (events, messages) for cls in vars(module).values() if isinstance(cls, type)]
    silent = [cls.__name__ for cls in structs if issubclass(cls, Struct) and cls is not Struct and not cls.__doc__]
    copied = [cls.__name__ for cls in structs if issubclass(cls, Struct) and cls.__doc__ == cls.__mro__[1].__doc__]
    assert (silent, copied) == ([], [])


def test_every_event_has_an_entry_with_all_its_fields() -> None:
    page = event_pages.page()
    entries = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##)", page + "\n##", re.MULTILINE | re.DOTALL))
    assert [name for name in entries if name in BY_TAG] == list(BY_TAG)
    for name, kind in BY_TAG.items():
        listed = re.findall(r"^\| `(\w+)` \|", entries[name], re.MULTILINE)
        assert listed == list(kind.__struct_encode_fields__)


def test_links_within_the_page_of_events_lead_somewhere() -> None:
    page = event_pages.page()
    headings = {heading.lower() for heading in re.findall(r"^#+ (\S+)$", page, re.MULTILINE)}
    assert {link for link in re.findall(r"\]\(#([\w-]+)\)", page) if link not in headings} == set()


def test_the_picture_shows_every_phase_and_every_event_that_leads_from_one_to_another() -> None:
    drawn = {text.text for text in ElementTree.fromstring(lifecycle_pages.picture()).iter(f"{SVG}text")}
    moves = {name for _, _, name in lifecycle_pages.moves()}
    assert set(lifecycle_pages.PLACES) == set(Phase)
    assert drawn >= {phase.value for phase in Phase} | moves


def test_the_picture_has_an_arrow_for_each_move_and_one_for_those_that_are_shared() -> None:
    lines = list(ElementTree.fromstring(lifecycle_pages.picture()).iter(f"{SVG}line"))
    moves = list(lifecycle_pages.moves())
    shared = lifecycle_pages.closing()
    inside = [move for move in moves if move[0] in lifecycle_pages.FRAMED and (move[2], move[1]) in shared]
    assert len(lines) == len(moves) - len(inside) + len(shared)
    assert all(found >= lifecycle_pages.FRAMED for found in shared.values())


def test_the_text_form_names_every_move_and_every_row() -> None:
    page = lifecycle_pages.page()
    for phase, after, name in lifecycle_pages.moves():
        assert re.search(rf"^    {re.escape(phase or '[*]')} --> {after}: .*{name}", page, re.MULTILINE)
    assert all(f"\n| {phase or '(none)'} | " in page for phase in NEXT)
    assert all(f"\n| {stands} | " in page for stands in VIEWS)
    assert all(f"`{tag}`" in page for tag in BY_TAG)
    assert len(BODIES) == len(BY_TAG)
