"""Walls by bubblewrap around an agent and its tools (ports.Sandbox). What they hold: docs/explanation/sandbox.md."""

import json
import os
import re
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from anyio import to_thread
from msgspec import UNSET, UnsetType

from roost.model.errors import SandboxUnavailable
from roost.model.events import WorkspaceSpec
from roost.model.sandbox import Enclosed, Enclosure, Needs, SandboxSpec
from roost.processes import WALL_MARK
from roost.sandboxes.bubblewrap import enter
from roost.sandboxes.bubblewrap.cgroups import Groups, Limit
from roost.sandboxes.bubblewrap.gate import PROXY_PORT, Gate, Passes
from roost.sandboxes.bubblewrap.home import clear_temporary, make_home, make_temporary, readable_paths, user_home
from roost.sandboxes.bubblewrap.probe import INSTALL, walled
from roost.sandboxes.bubblewrap.programs import roots
from roost.sandboxes.bubblewrap.repository import open_repository
from roost.sandboxes.bubblewrap.walls import SYSTEM, Walls

ROOMS: Final = ("worktrees", "clones", "folders")
"""Of the data folder, where workspaces are."""
INHERITED: Final = (
    "PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TERM", "COLORTERM", "TZ", "USER", "LOGNAME",
    "SHELL",
)  # fmt: skip
"""Of the hub's environment."""
CERTIFICATES: Final = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
)  # fmt: skip
"""The same, and what they name may be read."""
PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
"""Inherited where the network is the user's own."""
OBEYED: Final = re.compile(r"LD_|GLIBC_|BASH_|(ENV|GCONV_PATH|LOCPATH|NLSPATH|TERMINFO|TERMINFO_DIRS)$")
"""Names of variables that programs obey as they start: bubblewrap and what starts it are outside, and what such a
variable names may lie in the workspace. They are set inside alone."""
ADDRESS: Final = "_BASE_URL"
"""How names of variables end that say where a model is."""
DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
INSIDE: Final = Path("/run/roost")
OTHER_HOME: Final = Path("/run/home")
"""Where an agent has its own whose workspace is its user's home, or whose user has none."""
RLIMITS: Final[dict[Limit, str]] = {"memory": "RLIMIT_DATA", "processes": "RLIMIT_NPROC"}
"""What each process can be limited by where there is no control group."""
JOIN: Final = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 126; shift; done; shift; exec "$@"'


class BubblewrapSandbox:
    """One host's. `place`: where the session's home is kept, and what goes with the host."""

    def __init__(self, asked: SandboxSpec, needs: Needs, *, spec: WorkspaceSpec, data: Path, place: Path) -> None:
        """`spec`: the workspace, as the log says it; `data`: the hub's data folder, which nobody sees inside."""
        self._needs, self._spec, self._data, self._place = needs, spec, data, place
        self._home = user_home()
        limits = _limits(asked)
        self._groups = Groups(limits)
        missing: dict[Limit, float] = {n: value for n, value in limits.items() if n not in self._groups.limited}
        self._rlimits = {RLIMITS[limit]: int(value) for limit, value in missing.items() if _by_process(limit)}
        self.enclosure = _enclosure(asked, needs, limits, missing)
        self._gate = Gate(place / "way", Passes(needs.hosts)) if self.enclosure.network == "model" else None
        self._bwrap, self._walls, self._at = "", (), self._home

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        await to_thread.run_sync(lambda: (self._place / "way").mkdir(parents=True, exist_ok=True, mode=0o700))
        async with AsyncExitStack() as stack:
            if self._gate is not None:
                await stack.enter_async_context(self._gate.opened())
            try:
                yield
            finally:
                self._groups.remove()
                clear_temporary(self._place)

    async def surround(self, workspace: Path) -> None:
        try:
            await to_thread.run_sync(self._surround, workspace)
        except OSError as error:
            raise SandboxUnavailable(f"the session's home in the sandbox cannot be made: {error}") from None

    async def enclose(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path,
        env: Mapping[str, str],
        own: Sequence[Path] | None = None,
        lasts: bool = False,
    ) -> Enclosed:
        if not self._bwrap:
            raise SandboxUnavailable("nothing is enclosed before there is a workspace")
        words = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        more = [word for path in own or () for word in ("--bind", str(path), str(path))]
        walls = (*walled(self._bwrap), *(self._shared() if own is None else ()), *self._walls, *more)
        entering = self._entering(env, lasts=lasts) if own is None else ()
        whole = self._environment(env)
        late = {name: whole.pop(name) for name in tuple(whole) if OBEYED.match(name)}
        settings = [word for name, value in late.items() for word in ("--setenv", name, value)]
        inner = ("--chdir", str(cwd), "--unsetenv", WALL_MARK, *settings, "--", *entering, *words)
        home = str(self._place / "home")
        return Enclosed(command=(*self._joining(), self._bwrap, *walls, *inner), env=whole, home=home)

    def _surround(self, workspace: Path) -> None:
        found = shutil.which("bwrap")
        if found is None:
            raise SandboxUnavailable("bubblewrap (bwrap) is not installed any more", reason=INSTALL)
        self._check(workspace)
        self._at = OTHER_HOME if self._home in (workspace, Path("/")) else self._home
        walls = Walls()
        walls.system()
        walls.kernel()
        make_temporary(self._place, walls)
        make_home(self._place, self._needs, self._home, walls, self._at)
        readable = self._readable()
        for path in readable:  # what is seen already needs no hole of its own, and may be a link there
            if not any(path.is_relative_to(shown) for shown in (*SYSTEM, *(readable - {path}))):
                walls.read(path)
        walls.write(workspace)
        if workspace.resolve() != workspace:
            walls.write(workspace.resolve())
        open_repository(walls, self._spec, workspace)
        for data in {self._data, self._data.resolve()}:
            walls.cover(data)
        if self._gate is not None:
            walls.read(INSIDE / "way", self._place / "way")
        walls.read(INSIDE / "enter.py", Path(enter.__file__))
        self._walls, self._bwrap = walls.arguments(), found

    def _check(self, workspace: Path) -> None:
        """Raises: SandboxUnavailable: the workspace holds what the walls are to keep."""
        data = self._data.resolve()
        below = (
            workspace.resolve().relative_to(data).parts if workspace.resolve().is_relative_to(data) else ("folders", "")
        )
        if len(below) < 2 or below[0] not in ROOMS:
            raise SandboxUnavailable(f"the workspace {workspace} is the hub's own data: choose another folder")

    def _readable(self) -> set[Path]:
        """What is not the system's, and may be read."""
        path = os.environ.get("PATH", DEFAULT_PATH)
        home = self._home
        private = {home, home / ".local", home / ".config", home / ".cache", self._data, Path("/tmp"), Path("/var/tmp")}  # noqa: S108
        programs = [*self._needs.programs, str(Path(sys.executable).resolve())]
        found = {root for program in programs for root in roots(program, path, private)}
        certificates = [os.environ[name] for name in CERTIFICATES if name in os.environ]
        return found | set(readable_paths([*self._needs.paths, *certificates], home))

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """What is inherited, what is given, and what is so inside whatever was given."""
        names = (*INHERITED, *CERTIFICATES, *self._needs.variables, *(PROXIES if self._shared() else ()))
        inherited = {name: os.environ[name] for name in names if name in os.environ}
        temporary = "/var/tmp" if self._at.is_relative_to("/tmp") else "/tmp"  # noqa: S108  # inside
        settled = {"HOME": str(self._at), "TMPDIR": temporary, "IS_SANDBOX": "1", WALL_MARK: "1"}
        if self._gate is not None:
            proxy = f"http://127.0.0.1:{PROXY_PORT}"
            upper = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": "localhost,127.0.0.1,::1"}
            settled |= upper | {name.lower(): value for name, value in upper.items()} | {"NODE_USE_ENV_PROXY": "1"}
        return {"PATH": DEFAULT_PATH} | inherited | dict(env) | settled

    def _shared(self) -> tuple[str, ...]:
        return ("--share-net",) if self.enclosure.network == "full" else ()

    def _entering(self, env: Mapping[str, str], *, lasts: bool) -> tuple[str, ...]:
        """What runs inside before the command does, if there is something to do."""
        ports: list[int] = []
        if self._gate is not None:
            for name, value in env.items():
                if name.endswith(ADDRESS):
                    self._gate.passes.add(value)
            ports = [PROXY_PORT, *self._gate.passes.doors]
        if not ports and not self._rlimits:
            return ()
        order = {"gate": str(INSIDE / "way/gate"), "ports": ports, "limits": self._rlimits, "lasts": lasts}
        python = str(Path(sys.executable).resolve())
        return (python, "-I", "-S", str(INSIDE / "enter.py"), json.dumps(order))

    def _joining(self) -> tuple[str, ...]:
        """A shell that joins the groups, and becomes bubblewrap."""
        members = self._groups.members()
        return ("/bin/sh", "-c", JOIN, "roost", *members, "--") if members else ()


def _limits(asked: SandboxSpec) -> dict[Limit, float]:
    named: dict[Limit, float | UnsetType] = {
        "memory": asked.memory,
        "processes": asked.processes,
        "cpus": asked.cpus,
    }
    return {limit: value for limit, value in named.items() if value is not UNSET and value > 0}


def _by_process(limit: Limit) -> bool:
    """Whether a process can be limited by itself: the number of root's processes cannot."""
    return limit in RLIMITS and not (limit == "processes" and os.getuid() == 0)


def _enclosure(
    asked: SandboxSpec, needs: Needs, limits: Mapping[Limit, float], missing: Mapping[Limit, float]
) -> Enclosure:
    network = needs.network if asked.network in (UNSET, "auto") else asked.network
    unapplied = tuple(
        f"{limit}: no control group, so each process alone is limited"
        if _by_process(limit)
        else f"{limit}: no control group"
        for limit in missing
    )
    return Enclosure(
        kind="bubblewrap",
        network=network,
        memory=int(limits["memory"]) if "memory" in limits else UNSET,
        processes=int(limits["processes"]) if "processes" in limits else UNSET,
        cpus=limits.get("cpus", UNSET),
        unapplied=unapplied,
    )
