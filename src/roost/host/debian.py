"""Which Debian packages there are, by the index of this machine: it is asked, and nothing is installed.

Without `apt-cache`, or with one that knows no more than what is installed, only the spelling is looked at, and the
answer says so.
"""

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import anyio
from msgspec import UNSET

from roost.model.errors import TimedOut
from roost.model.library import Dependencies, Dependency

ASK_SECONDS: Final = 30.0
"""It reads the lists anew where its cache was thrown away, as in most images of containers: half a second of CPU."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~-]*")
_SOURCE: Final = re.compile(r"^ *-?\d+ (?!.*dpkg/status)\S+", re.MULTILINE)
"""A line of `apt-cache policy` that names a source beside what is installed."""


async def packages(wanted: Sequence[str]) -> Dependencies:
    """`wanted`: `name` or `name=version`. Raises: TimedOut."""
    specs = list(dict.fromkeys(wanted))
    wrong = {spec: found for spec in specs if (found := _misspelled(spec)) is not None}
    known = await _known([spec.partition("=")[0] for spec in specs if spec not in wrong])
    for spec in specs:
        if known is not None and spec not in wrong and (missing := _missing(spec, known)) is not None:
            wrong[spec] = missing
    valid = tuple(spec for spec in specs if spec not in wrong)
    return Dependencies(
        valid=valid, invalid=tuple(wrong[spec] for spec in specs if spec in wrong), checked=known is not None
    )


def _misspelled(spec: str) -> Dependency | None:
    name, given, version = spec.partition("=")
    if not _NAME.fullmatch(name):
        return Dependency(package=spec, error=f"{spec!r} is no name of a Debian package")
    if given and not _VERSION.fullmatch(version):
        return Dependency(package=name, version=version, error=f"{version!r} is no version of a Debian package")
    return None


def _missing(spec: str, known: Mapping[str, Sequence[str]]) -> Dependency | None:
    name, given, version = spec.partition("=")
    versions = tuple(known.get(name.partition(":")[0], ()))
    if not versions:
        return Dependency(package=name, error=f"there is no package {name}", version=version or UNSET)
    if given and version not in versions:
        return Dependency(package=name, error=f"{name} has no version {version}", versions=versions, version=version)
    return None


async def _known(names: Sequence[str]) -> dict[str, list[str]] | None:
    """The versions there are of each name; None: there is no index to look into. Raises: TimedOut."""
    sources = await _ask("policy")
    if sources is None or not _SOURCE.search(sources):
        return None
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in (await _ask("madison", *names) or "").splitlines() if names else ():
        name, version, *_ = (field.strip() for field in (*line.split("|"), ""))
        if version not in found[name]:
            found[name].append(version)
    return found


async def _ask(*arguments: str) -> str | None:
    """What `apt-cache` prints; None: it is not there. Raises: TimedOut."""
    try:
        with anyio.fail_after(ASK_SECONDS):
            done = await anyio.run_process(
                ["apt-cache", *arguments],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                env=os.environ | {"LC_ALL": "C.UTF-8"},
            )
    except TimeoutError:
        raise TimedOut(f"the package index did not answer within {ASK_SECONDS:g} s") from None
    except OSError:
        return None
    return done.stdout.decode(errors="replace")
