"""What is said about the workspace of a session: commands run in it, its files, its changes, its size."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model.events import FileChange

SHELL_TIMEOUT_MS = 120_000
MAX_SHELL_TIMEOUT_MS = 3_600_000
MAX_COMMAND_BYTES = 64 * 1024
"""Of a command, and of the variables given with it."""
MAX_OUTPUT_BYTES = 1024 * 1024
"""Kept of each of the two outputs; what comes after is thrown away, and the result says so."""
MAX_PATH_BYTES = 4096
MAX_ENTRIES = 10_000
DEFAULT_ENTRIES = 1000

Kind = Literal["file", "folder", "link", "other"]


class Shell(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A command for the shell of the workspace. `cwd`: a folder of the workspace. `timeout`: milliseconds, at most an
    hour. `env`: added to the session's."""

    command: str
    cwd: str = ""
    timeout: int = SHELL_TIMEOUT_MS
    env: dict[str, str] = {}


class Output(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a command printed. `stdout` and `stderr` are text, with what is no UTF-8 replaced; then the bytes themselves
    are in `stdout_base64` and `stderr_base64`. Truncated: there was more than 1 MiB of it."""

    stdout: str = ""
    stderr: str = ""
    stdout_base64: bytes | UnsetType = UNSET
    stderr_base64: bytes | UnsetType = UNSET
    stdout_truncated: bool = False
    stderr_truncated: bool = False

    @property
    def stdout_bytes(self) -> bytes:
        return self.stdout.encode() if self.stdout_base64 is UNSET else self.stdout_base64

    @property
    def stderr_bytes(self) -> bytes:
        return self.stderr.encode() if self.stderr_base64 is UNSET else self.stderr_base64


class ShellResult(Output, frozen=True, kw_only=True, omit_defaults=True):
    """How a command ended. `exit_code` below 0: the signal that killed it."""

    exit_code: int


class FileEntry(Struct, frozen=True, kw_only=True):
    """A name in the workspace. `path` is relative to it; `size` in bytes; `modified_at` in ms. Links are not
    followed."""

    path: str
    kind: Kind
    size: int
    modified_at: int
    executable: bool = False


class FileList(Struct, frozen=True, kw_only=True):
    """Names in a folder, in order. `truncated`: there are more."""

    files: list[FileEntry]
    truncated: bool = False


class DiskUse(Struct, frozen=True, kw_only=True):
    """What the workspace takes, its `.git` included. `bytes` sums the sizes of its files. `truncated`: it is more than
    was counted."""

    bytes: int
    files: int
    folders: int
    truncated: bool = False


class Diff(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the session has changed, untracked files included, ignored ones not. `base`: the commit it is compared with;
    absent where there is no repository, then `files` is what the agent said. `patch` is git's; if a file is text of
    another encoding than UTF-8, what is none is replaced, and `patch_base64` has the bytes. `truncated`: it or the list
    of files is longer than 1 MiB, or 5,000 files."""

    files: tuple[FileChange, ...] = ()
    patch: str = ""
    patch_base64: bytes | UnsetType = UNSET
    base: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    truncated: bool = False

    @property
    def patch_bytes(self) -> bytes:
        return self.patch.encode() if self.patch_base64 is UNSET else self.patch_base64


class Merge(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Merge the session's branch into the one it came from, or into `into`. `message`: commit what is not committed
    yet, with this message."""

    message: str | UnsetType = UNSET
    into: str | UnsetType = UNSET


class Merged(Struct, frozen=True, kw_only=True):
    """`commit` is where `into` stands now. `changed` is false if there was nothing to merge."""

    into: str
    commit: str
    changed: bool


class Discard(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Give up what the session has changed. `force`: also what is saved nowhere else."""

    force: bool = False


class Discarded(Struct, frozen=True, kw_only=True):
    """The workspace stands at `commit` again."""

    commit: str
