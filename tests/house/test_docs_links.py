"""Links between our own pages lead somewhere, down to the heading."""

import re
from functools import cache
from pathlib import Path

from tests.house.conftest import Checkout

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:img|a)\s[^>]*?(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that code hosts give a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    found: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    for heading in HEADING.findall(text):
        name = slug(heading)
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return frozenset(found)


def broken(page: Path, target: str) -> bool:
    if re.match(r"[a-z][a-z0-9+.-]*:|//", target):
        return False  # other people's pages are not ours to test
    path, _, anchor = target.partition("#")
    linked = (page.parent / path).resolve() if path else page
    if not linked.exists():
        return True
    return bool(anchor) and linked.suffix == ".md" and anchor not in anchors(linked)


def test_relative_links_resolve(checkout: Checkout) -> None:
    dead: list[str] = []
    for page in checkout.files(".md"):
        text = CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
        targets = [first or second for first, second in LINK.findall(text)]
        dead += [f"{checkout.name(page)}: {target}" for target in targets if broken(page, target)]
    assert dead == []
