"""What is seen inside, as arguments of bubblewrap. Everything else is absent."""

from pathlib import Path
from typing import Final

SYSTEM: Final = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store",
)  # fmt: skip
"""Programs and libraries: read-only."""
ETC: Final = (
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "crypto-policies", "fonts", "gitconfig",
    "group", "host.conf", "hosts", "inputrc", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias",
    "localtime", "magic", "mime.types", "networks", "nsswitch.conf", "os-release", "passwd", "perl", "pki/ca-trust",
    "pki/tls/cert.pem", "pki/tls/certs", "profile",
    "profile.d", "protocols", "python3", "resolv.conf", "services", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf",
    "terminfo", "timezone",
)  # fmt: skip
"""Of /etc only what programs look up, and nothing that is secret: read-only."""
KERNEL: Final = (
    "sys", "sysrq-trigger", "irq", "bus", "fs", "scsi", "acpi", "mtrr", "pressure",
)  # fmt: skip
"""Of /proc what is the whole machine's. It is read-only: bubblewrap covers it only as far as it sees that it could be
written, and root without capabilities still writes /proc/sys."""


class Walls:
    """Folders and files by the path they have inside; at each path the last word counts. An inner one is put up after
    the outer one, whatever the order of the calls."""

    def __init__(self) -> None:
        self._at: dict[Path, tuple[str, ...]] = {}

    def read(self, path: Path, source: Path | None = None) -> None:
        """It may be read inside, if it is there."""
        if (source or path).exists():
            self._at[path] = ("--ro-bind", str(source or path), str(path))

    def write(self, path: Path, source: Path | None = None) -> None:
        """It may be written inside. It is there."""
        self._at[path] = ("--bind", str(source or path), str(path))

    def cover(self, path: Path) -> None:
        """An empty folder is seen instead of this, if it would be seen at all."""
        if any(path.is_relative_to(shown) for shown in self._at):
            self._at[path] = ("--tmpfs", str(path))

    def link(self, path: Path) -> None:
        """The same link is inside."""
        self._at[path] = ("--symlink", str(path.readlink()), str(path))

    def kernel(self) -> None:
        """Processes and devices of its own."""
        self._at[Path("/proc")] = ("--proc", "/proc")
        self._at[Path("/dev")] = ("--dev", "/dev")
        for name in KERNEL:
            self.read(Path("/proc", name))

    def system(self) -> None:
        for name in SYSTEM:
            path = Path(name)
            if path.is_symlink():
                self.link(path)
            else:
                self.read(path)
        for name in ETC:
            self.read(Path("/etc", name))

    def arguments(self) -> tuple[str, ...]:
        outer_first = sorted(self._at, key=lambda path: len(path.parts))
        return tuple(word for path in outer_first for word in self._at[path])
