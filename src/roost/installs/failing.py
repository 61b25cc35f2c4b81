"""Why an installation has failed, from what npm and pip say of it. Pure."""

import re
from collections.abc import Mapping
from typing import Final

FETCH_SECONDS: Final = 900.0
"""How long one step of an installation may take."""
MAX_SAID_CHARS: Final = 400

_NO_NETWORK: Final = "E(AI_AGAIN|NOTFOUND|CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH|NETUNREACH|SOCKETTIMEDOUT)"
SIGNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("disk_full", re.compile(r"\bENOSPC\b|\bEDQUOT\b|No space left on device|Disk quota exceeded")),
    ("damaged", re.compile(r"\bEINTEGRITY\b|DO NOT MATCH THE HASHES|hash mismatch", re.IGNORECASE)),
    (
        "unreachable",
        re.compile(rf"\b{_NO_NETWORK}\b|\bE50\d\b|network|Failed to establish|Could not connect|error sending request"),
    ),
    ("not_published", re.compile(r"\bE404\b|\bETARGET\b|No matching distribution|not found in the package registry")),
    ("refused", re.compile(r"\bE40[13]\b|\bENEEDAUTH\b")),
)
"""What happened, and how it is recognised; the first that fits."""
ADVICE: Final[Mapping[str, str]] = {
    "disk_full": "make room, and try again",
    "damaged": "what was fetched is not what the lock says: try again, and if that does not help, mistrust the source",
    "not_published": "the source of packages that is configured here does not have it",
    "refused": "the source of packages wants another sign-in: `npm config`",
    "unreachable": "is the network up, and does it need a proxy (HTTPS_PROXY, `npm config`)? What was fetched is kept: "
    "try again",
    "slow": "what was fetched is kept: try again",
}


def failed_by(said: str) -> str:
    """One of `SIGNS`, or `other`."""
    text = "\n".join(_lines(said))
    return next((why for why, sign in SIGNS if sign.search(text)), "other")


def told(said: str) -> str:
    """It in one line, as far as it fits, with what to do about it."""
    words = " ".join(" ".join(line.removeprefix("npm error") for line in _lines(said)).split())
    if len(words) > MAX_SAID_CHARS:
        words = words[:MAX_SAID_CHARS] + " ..."
    advice = ADVICE.get(failed_by(said))
    return f"{words or 'it says nothing'}" + (f". {advice[0].upper()}{advice[1:]}" if advice else "")


def _lines(said: str) -> list[str]:
    """Without what is no error."""
    noise = ("npm http", "npm warn", "npm verbose", "npm notice")
    return [line for line in said.splitlines() if not line.startswith(noise) and "complete log of this run" not in line]
