"""What a session was given, put into its workspace before its agent starts: its files, once in its life; its skills, as
they are now, where its agent looks for them. Not before, not after: what the agent has changed is the agent's.
"""

import logging
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from anyio import to_thread
from msgspec import UNSET

from roost.durable import make_folder, sync_folder
from roost.host.copying import begin, untouched
from roost.host.files import OpenFiles
from roost.host.inside import Inside
from roost.model.events import GivenFile, Skill
from roost.model.ids import SessionId
from roost.model.skills import MAX_FOLDER_CHARS, apart
from roost.model.ticket import Ticket

SKILL_FOLDERS: Final = {
    "claude": ".claude/skills",
    "gemini": ".gemini/skills",
    "opencode": ".opencode/skills",
    "pi": ".pi/skills",
    "scripted": ".roost/skills",
}
"""Where an agent looks for skills in its workspace, each a folder with a SKILL.md."""
ANY_AGENT: Final = ".agents/skills"
"""The same of all others."""
_SAID_NAME: Final = re.compile(r"""^name:[ \t]*["']?([a-z0-9]+(?:-[a-z0-9]+)*)["']?[ \t]*$""", re.MULTILINE)

log = logging.getLogger("roost.host.given")


class Given:
    """What the ticket's session was given. `fetch`: the content of a blob."""

    def __init__(self, ticket: Ticket, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._ticket, self._fetch = ticket, fetch
        self._skills = SKILL_FOLDERS.get(ticket.agent, ANY_AGENT)
        self._files = OpenFiles()

    async def place(self, workspace: Path) -> None:
        """Put everything in its place. Killed in between, the next host begins anew.

        Raises: PathOutside, NotAFile, NotAFolder: the place of a file is taken, or a link leads out; BlobNotFound;
        StorageFull.
        """
        ticket, note = self._ticket, given_note(Path(self._ticket.data), self._ticket.session)
        if not (ticket.kit.files or ticket.kit.skills or await to_thread.run_sync((workspace / self._skills).is_dir)):
            return
        unspoilt = await to_thread.run_sync(_unspoilt, ticket, workspace)
        inside = await to_thread.run_sync(Inside, workspace)
        if ticket.kit.files and not await to_thread.run_sync(note.exists):
            for file in ticket.kit.files:
                await self._put(inside, file)
            await to_thread.run_sync(_leave_note, note)
        await self._place_skills(inside)
        if unspoilt:
            await to_thread.run_sync(begin, workspace)

    async def _put(self, inside: Inside, file: GivenFile) -> None:
        await self._write(inside, file.path, await self._fetch(file.blob.hash))

    async def _write(self, inside: Inside, path: str, content: bytes) -> None:
        """Whole, or not at all."""
        created = await self._files.create(inside, path)
        try:
            await self._files.write_on(created.handle, content)
            await self._files.keep(created.handle)
        finally:
            self._files.drop(created.handle)

    async def _place_skills(self, inside: Inside) -> None:
        """A folder each, which git does not see; whatever else has its name stays as it is."""
        ticket, place = self._ticket, self._skills
        mark = f"# Placed by Roost for {ticket.session}, and no part of the repository.\n*\n".encode()
        wanted = dict(_named(ticket.kit.skills))
        await to_thread.run_sync(_clear, inside, place, mark, frozenset(wanted))
        for name, content in wanted.items():
            if not await to_thread.run_sync(_ours_or_free, inside, f"{place}/{name}", mark):
                log.warning("skill %s is not placed: the workspace has one of that name", name)
                continue
            for path, text in ((f"{place}/{name}/.gitignore", mark), (f"{place}/{name}/SKILL.md", content)):
                if not await to_thread.run_sync(_holds, inside, path, text):
                    await self._write(inside, path, text)


def given_note(data: Path, session: SessionId) -> Path:
    """The file that says: all files that this session was given have been put in their places."""
    return data / "given" / session


def _leave_note(note: Path) -> None:
    make_folder(note.parent, 0o700)
    note.touch(mode=0o600)
    sync_folder(note.parent)


def _unspoilt(ticket: Ticket, workspace: Path) -> bool:
    """Whether this is a folder of Roost's in which nobody has done anything yet."""
    ours = ticket.workspace.kind == "folder" and ticket.workspace.root is not UNSET
    return ours and (untouched(workspace) or not any(workspace.iterdir()))


def _named(skills: tuple[Skill, ...]) -> Iterator[tuple[str, bytes]]:
    """The name of each skill's folder, and its SKILL.md. A skill without one is a reference, and nothing is placed."""
    placed = [(skill, skill.content) for skill in skills if skill.content]
    folders = apart([(_folder_name(skill, content), f"{skill.repo}\0{skill.skill}") for skill, content in placed])
    for folder, (_, content) in zip(folders, placed, strict=True):
        yield folder, content.encode(errors="replace")


def _folder_name(skill: Skill, content: str) -> str:
    """The name that its SKILL.md says, which some agents insist on; else made from what it is called."""
    head = content.partition("\n---")[0] if content.startswith("---") else ""
    if (said := _SAID_NAME.search(head)) and len(said[1]) <= MAX_FOLDER_CHARS:
        return said[1]
    words = skill.skill if skill.name is UNSET else skill.name
    return re.sub(r"[^a-z0-9]+", "-", words.lower())[:MAX_FOLDER_CHARS].strip("-") or "skill"


def _clear(inside: Inside, place: str, mark: bytes, wanted: frozenset[str]) -> None:
    """Take away what was placed for this session and is wanted no more. Raises: PathOutside."""
    folder = inside.root.joinpath(*inside.parts(place))
    if folder.is_dir():
        for entry in list(folder.iterdir()):
            if entry.name not in wanted and entry.is_dir() and not entry.is_symlink() and _marked(entry, mark):
                shutil.rmtree(entry)


def _ours_or_free(inside: Inside, path: str, mark: bytes) -> bool:
    """Raises: PathOutside."""
    folder = inside.root.joinpath(*inside.parts(path))
    return not os.path.lexists(folder) or (folder.is_dir() and _marked(folder, mark))


def _marked(folder: Path, mark: bytes) -> bool:
    try:
        return (folder / ".gitignore").read_bytes() == mark
    except OSError:
        return False


def _holds(inside: Inside, path: str, content: bytes) -> bool:
    """Whether the file is there already, as it should be."""
    try:
        return inside.root.joinpath(*inside.parts(path)).read_bytes() == content
    except OSError:
        return False
