"""Whether there can be a sandbox on this machine, found out by making one."""

import shutil
import subprocess
import sys
from functools import lru_cache
from typing import Final

from roost.model.sandbox import Availability
from roost.sandboxes.bubblewrap.cgroups import Groups

PROBE_SECONDS: Final = 10
INSTALL: Final = (
    "install bubblewrap: `sudo apt-get install bubblewrap`, `dnf install bubblewrap`, `pacman -S bubblewrap`"
)
NAMESPACES: Final = (
    "let this user make namespaces: `sysctl kernel.unprivileged_userns_clone=1`, "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0` or an AppArmor profile for bwrap (Ubuntu); "
    "in a container a seccomp profile that allows them, or run it privileged"
)
WALLED: Final = ("--unshare-all", "--unshare-user", "--cap-drop", "ALL", "--die-with-parent")
"""What is asked of bubblewrap every time."""


def probe() -> Availability:
    """Blocks for some milliseconds."""
    if sys.platform != "linux":
        return Availability(
            reason="bubblewrap needs Linux", todo="run the hub on Linux, or in a virtual machine with it"
        )
    found = shutil.which("bwrap")
    if found is None:
        return Availability(reason="bubblewrap (bwrap) is not installed", todo=INSTALL)
    try:
        tried = subprocess.run(
            [found, *walled(found), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Availability(reason=f"{found} does not run: {error}", todo=INSTALL)
    if tried.returncode:
        said = tried.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else "it said nothing"
        return Availability(reason=f"{found} makes no sandbox here: {why}", todo=NAMESPACES)
    return Availability(limits=tuple(sorted(Groups({"memory": 0, "processes": 0, "cpus": 0}).limited)))


@lru_cache(maxsize=4)
def walled(program: str) -> tuple[str, ...]:
    """`WALLED`, and whatever else this bubblewrap knows: since 0.8, that nobody makes namespaces inside. Blocks."""
    try:
        asked = subprocess.run([program, "--help"], capture_output=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return WALLED
    return (*WALLED, "--disable-userns") if b"--disable-userns" in asked.stdout + asked.stderr else WALLED
