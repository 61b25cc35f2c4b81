"""What a session is given on the command line: files, skills, a loop."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roost.model.commands import FileRequest, LoopRequest
    from roost.model.events import Skill
    from roost.model.library import KitRequest
    from roost.model.loops import LoopState

SKILL_FILE = "SKILL.md"


def files_of(given: Sequence[str]) -> "tuple[FileRequest, ...]":
    """From `SOURCE`, under its own name, or `PATH=SOURCE`. Raises: UsageWrong: it cannot be read."""
    from roost.model.commands import FileRequest

    return tuple(
        FileRequest(path=path or Path(source).name, content=_read(Path(source)))
        for path, _, source in (entry.rpartition("=") for entry in given)
    )


def kit_of(
    skills: "Sequence[Path]", template: str | None, persona: str | None, begin: str | None = None
) -> "KitRequest":
    """What it works with. `begin`: a line for the shell. Raises: UsageWrong: a skill cannot be read, or is no text."""
    from roost.client.absent import or_absent
    from roost.model.events import InitialCommand
    from roost.model.library import KitRequest

    return KitRequest(
        skills=skills_of(skills),
        template=or_absent(template),
        default_agent=or_absent(persona),
        command=or_absent(None if begin is None else InitialCommand(exec=("sh", "-c", begin))),
    )


def skills_of(given: "Sequence[Path]") -> "tuple[Skill, ...]":
    """From folders with a SKILL.md, or such files. Raises: UsageWrong: it cannot be read, or is no text."""
    from roost.cli.problems import UsageWrong
    from roost.model.events import Skill

    found: list[Skill] = []
    for path in given:
        file = path / SKILL_FILE if path.is_dir() else path
        name = file.absolute().parent.name if file.name == SKILL_FILE else file.stem
        try:
            found.append(Skill(repo="custom", skill=name, content=_read(file).decode()))
        except UnicodeDecodeError:
            raise UsageWrong(f"{file} is no text") from None
    return tuple(found)


def loop_of(
    goal: str | None, iterations: int | None, *, step: bool | None = None, attended: bool | None = None
) -> "LoopRequest | None":
    """None: nothing was said of a loop."""
    from roost.client.absent import or_absent
    from roost.model.commands import LoopRequest

    if (goal, iterations, step, attended) == (None, None, None, None):
        return None
    return LoopRequest(
        goal=or_absent(goal),
        max_iterations=or_absent(iterations),
        auto_continue=or_absent(None if step is None else not step),
        allow_detached=or_absent(None if attended is None else not attended),
    )


def loop_words(state: "LoopState") -> str:
    """How a loop stands, in a line or two."""
    most = f" of {state.loop.max_iterations}" if state.loop.max_iterations else ""
    words = f"{state.status.replace('_', ' ')}, iteration {state.iteration}{most}"
    words += f", towards: {state.loop.goal}" if state.loop.goal else ""
    return words + (f"\n{state.summary}" if state.summary else "")


def _read(path: Path) -> bytes:
    from roost.cli.problems import UsageWrong

    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise UsageWrong(f"{path} cannot be read: {error.strerror}") from None
