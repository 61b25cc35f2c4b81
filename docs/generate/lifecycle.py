"""The page and the picture of the lifecycle, drawn from its tables."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from math import hypot
from typing import Final

from msgspec import Struct

from roost.model import events as e
from roost.model.lifecycle import (
    ANSWERS,
    ASKED,
    CLOSES_EPOCH,
    INPUTS,
    NEEDS_RUN,
    NEXT,
    RUN_ENDS,
    SAID,
    SETTINGS,
    VIEWS,
    WORKED,
    Phase,
    Standing,
    View,
    standing,
    view,
)

# --- what the tables say ----------------------------------------------------------------------------------------------


def tag(kind: type[e.Body]) -> str:
    return str(kind.__struct_config__.tag)


def moves() -> Iterator[tuple[Phase | None, Phase, str]]:
    """Each event that leads from one phase to another."""
    for phase, row in NEXT.items():
        for kind, after in row.items():
            if after != phase:
                yield phase, after, tag(kind)


def closing() -> dict[tuple[str, Phase], set[Phase]]:
    """Moves that all phases but the final ones share: drawn once, from the frame around those phases."""
    sources: dict[tuple[str, Phase], set[Phase]] = defaultdict(set)
    for phase, after, name in moves():
        if phase is not None:
            sources[name, after].add(phase)
    return {move: found for move, found in sources.items() if found >= FRAMED}


# --- the picture ------------------------------------------------------------------------------------------------------


class Box(Struct, frozen=True):
    """Where a phase stands: its centre."""

    x: float
    y: float


WIDTH, HEIGHT = 172, 60
START: Final = Box(40, 104)
PLACES: Final = {
    Phase.CREATING: Box(290, 104),
    Phase.ACTIVE: Box(600, 104),
    Phase.FAILED: Box(290, 294),
    Phase.PAUSED: Box(600, 294),
    Phase.RESUMING: Box(930, 294),
    Phase.ARCHIVED: Box(445, 466),
    Phase.ENDED: Box(765, 466),
}
FRAMED: Final = frozenset({Phase.CREATING, Phase.ACTIVE, Phase.PAUSED, Phase.RESUMING, Phase.FAILED})
FRAME: Final = (187, 48, 853, 312)
COLOURS: Final = {"provisioning": "#fff4d6", "running": "#dff5e3", "paused": "#e3edfb", "history": "#ececef"}
HEAD: Final = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1064 520"
  font-family="ui-sans-serif, system-ui, sans-serif">
<title>The lifecycle of a session</title>
<defs>
<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse">
<path d="M0,0 L10,5 L0,10 z" fill="#45484f"/>
</marker>
</defs>
<rect width="1064" height="520" rx="12" fill="#ffffff"/>
"""


def picture() -> str:
    x, y, width, height = FRAME
    right, bottom = x + width - 14, y + height - 12
    drawn = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="14" fill="#fafafa" stroke="#b9bcc4"/>',
        f'<text x="{right}" y="{bottom}" font-size="13" fill="#6b6f78" text-anchor="end">from each of these</text>',
        f'<circle cx="{START.x:g}" cy="{START.y:g}" r="9" fill="#45484f"/>',
    ]
    shared = closing()
    pairs = {(phase, after) for phase, after, _ in moves()}
    drawn += [
        arrow(phase, after, name, both=(after, phase) in pairs)
        for phase, after, name in moves()
        if phase not in shared.get((name, after), set()) & FRAMED
    ]
    drawn += [from_frame(after, name) for name, after in shared]
    drawn += [box(phase, place) for phase, place in PLACES.items()]
    return HEAD + "\n".join(drawn) + "\n</svg>\n"


def box(phase: Phase, place: Box) -> str:
    shown = view(phase)
    x, y = place.x - WIDTH / 2, place.y - HEIGHT / 2
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="9" fill="{COLOURS[shown.bucket]}" '
        f'stroke="#45484f" stroke-width="1.5"/>'
        f'<text x="{place.x:g}" y="{place.y - 2:g}" font-size="19" font-weight="600" fill="#1c1e22" '
        f'text-anchor="middle">{phase}</text>'
        f'<text x="{place.x:g}" y="{place.y + 18:g}" font-size="13" fill="#55585f" '
        f'text-anchor="middle">{shown.status} · {shown.bucket}</text>'
    )


def arrow(phase: Phase | None, after: Phase, name: str, *, both: bool) -> str:
    """From edge to edge; two that go both ways stand side by side."""
    start, end = START if phase is None else PLACES[phase], PLACES[after]
    length = hypot(end.x - start.x, end.y - start.y)
    side = 12 if both else 0
    dx, dy = -(end.y - start.y) / length * side, (end.x - start.x) / length * side
    begin = _edge(start, end, 9, 9) if phase is None else _edge(start, end, WIDTH / 2, HEIGHT / 2)
    finish = _edge(end, start, WIDTH / 2 + 2, HEIGHT / 2 + 2)
    one, two = Box(begin.x + dx, begin.y + dy), Box(finish.x + dx, finish.y + dy)
    lift = -14 if phase is None else 0  # the shortest line: its label stands above
    label = Box((one.x + two.x) / 2 + dx, (one.y + two.y) / 2 + dy + lift)
    return line(one, two) + words(label, name)


def from_frame(after: Phase, name: str) -> str:
    place, bottom = PLACES[after], FRAME[1] + FRAME[3]
    end = Box(place.x, place.y - HEIGHT / 2 - 2)
    return line(Box(place.x, bottom), end) + words(Box(place.x, (bottom + end.y) / 2), name)


def line(one: Box, two: Box) -> str:
    return (
        f'<line x1="{one.x:.1f}" y1="{one.y:.1f}" x2="{two.x:.1f}" y2="{two.y:.1f}" stroke="#45484f" '
        f'stroke-width="1.6" marker-end="url(#tip)"/>'
    )


def words(at: Box, text: str) -> str:
    """A label on its own ground, so that the line does not run through it."""
    width = 7.4 * len(text) + 8
    return (
        f'<rect x="{at.x - width / 2:.1f}" y="{at.y - 11:.1f}" width="{width:.1f}" height="20" rx="4" fill="#ffffff" '
        f'fill-opacity="0.92"/><text x="{at.x:.1f}" y="{at.y + 4:.1f}" font-size="14" fill="#1c1e22" '
        f'text-anchor="middle">{text}</text>'
    )


def _edge(of: Box, towards: Box, half_width: float, half_height: float) -> Box:
    """Where the line between two centres leaves the first box."""
    dx, dy = towards.x - of.x, towards.y - of.y
    part = min(half_width / abs(dx) if dx else 9e9, half_height / abs(dy) if dy else 9e9)
    return Box(of.x + dx * part, of.y + dy * part)


# --- the page ---------------------------------------------------------------------------------------------------------

INTRO: Final = """# Lifecycle

Made by `make docs` from the tables in `src/roost/model/lifecycle.py`.

A session is always in one of seven phases. The phase follows from its log alone; an event that the table does not list
for a phase is refused there (`illegal_transition`), and what a host sends in spite of that is kept as `native`.

![The phases of a session and the events that lead from one to another](../pictures/lifecycle.svg)

Under each name stand the status and the bucket that the wire shows. The same as text:

"""
RULES: Final = """## What may follow

What is not in the table is illegal. Events in **bold** lead to another phase. The groups are named below.

"""
GROUPS: Final[dict[str, tuple[type[e.Body], ...]]] = {
    "input": INPUTS,
    "run ends": RUN_ENDS,
    "requests": ASKED,
    "answers": ANSWERS,
    "conversation": SAID,
    "work": WORKED,
    "settings": SETTINGS,
}
RUNS: Final = """
## Runs

- `run-start` is legal only while no run is open; {needs} are legal only in the open run.
- Any other event that names a run must name the open one. Session events and answers are legal whatever they name.
- The run ends first: {closes} are illegal while a run is open. Each of them raises the epoch, which fences the host.
- Nothing can follow `{last}`.
- An event whose type is not known here changes nothing and may follow wherever something may follow.

"""
SHOWN: Final = """## What the wire shows

The view of a session: its phase, and what the live link adds. `watch-only` is a live session whose host is away (or a
caller who may only watch). A session that slept longer than it may shows as archived.

| Standing | Phase | Status | Bucket | Flags that are true |
|---|---|---|---|---|
"""


def page() -> str:
    needs = ", ".join(f"`{name}`" for name in sorted(map(tag, NEEDS_RUN)))
    groups = "".join(f"- **{name}**: {_names(kinds)}\n" for name, kinds in GROUPS.items())
    rows = "".join(f"| {phase or '(none)'} | {_row(phase)} |\n" for phase in NEXT)
    table = f"| Phase | Legal events |\n|---|---|\n{rows}\n"
    runs = RUNS.format(needs=needs, closes=_names(CLOSES_EPOCH), last=tag(e.SessionEnded))
    return INTRO + mermaid() + RULES + table + groups + runs + SHOWN + "".join(_views())


def mermaid() -> str:
    named: dict[tuple[Phase | None, Phase], list[str]] = defaultdict(list)
    for phase, after, name in moves():
        named[phase, after].append(name)
    lines = [f"    {phase or '[*]'} --> {after}: {', '.join(names)}" for (phase, after), names in named.items()]
    last = [f"    {phase} --> [*]" for phase, row in NEXT.items() if not row]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    direction LR", *lines, *last, "```", "", ""])


def _row(phase: Phase | None) -> str:
    row = NEXT[phase]
    left = [kind for kind, after in row.items() if after == phase]
    whole = {name: kinds for name, kinds in GROUPS.items() if set(kinds) <= set(left)}
    single = [kind for kind in left if not any(kind in kinds for kinds in whole.values())]
    cells = [
        *(f"**`{tag(kind)}`** → {after}" for kind, after in row.items() if after != phase),
        *whole,
        *(f"`{tag(kind)}`" for kind in single),
    ]
    return " · ".join(cells) or "nothing: the log is complete"


def _names(kinds: tuple[type[e.Body], ...]) -> str:
    return ", ".join(f"`{tag(kind)}`" for kind in kinds)


def _views() -> Iterator[str]:
    for stands, shown in VIEWS.items():
        flags = [f"`{name}`" for name in View.__struct_fields__ if getattr(shown, name) is True]
        yield f"| {stands} | {_phases(stands)} | `{shown.status}` | `{shown.bucket}` | {', '.join(flags)} |\n"


def _phases(stands: Standing) -> str:
    """The phases that can stand so."""
    ways = [(mode, linked, slept) for mode in ("sandbox", "tui") for linked in (True, False) for slept in (True, False)]
    can = [p for p in Phase if stands in {standing(p, mode=m, linked=up, slept_out=slept) for m, up, slept in ways}]
    return ", ".join(can)


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/reference/lifecycle.md": page,
    "docs/pictures/lifecycle.svg": picture,
}
