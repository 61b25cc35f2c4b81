"""Errors as this face says them: a sentence, a way forward, and an exit code."""

import json
import sys
from typing import Final

from roost.cli import codes
from roost.cli.places import default_config
from roost.cli.terminal import STDERR
from roost.cli.words import plain
from roost.model.errors import HubUnreachable, InvalidRequest, Missing, RoostError, StreamLost


class UsageWrong(InvalidRequest):
    """The command line cannot be understood."""

    code = "usage"


class ConfigInvalid(InvalidRequest):
    """A setting has a value that it cannot have, or a name that does not exist."""

    code = "config_invalid"


class IdAmbiguous(InvalidRequest):
    """More than one session's id begins like this. Details: `matches`."""

    code = "id_ambiguous"


WAYS_FORWARD: Final[dict[str, str]] = {
    "usage": "roost {command}--help",
    "hub_unreachable": 'start one:          roost up\nor run something:   roost run "task"   starts one by itself\n'
    "another folder:     --data FOLDER, or ROOST_DATA\nanother machine:    --url URL, with its key in ROOST_API_KEY",
    "stream_lost": "the session is kept by its hub; once that runs again: roost ls",
    "unauthorized": "a hub of this machine:  --data FOLDER   finds the key in it\n"
    "another machine:        put its key into ROOST_API_KEY",
    "forbidden": "whose key this is, and what it may: roost keys   (of an admin)",
    "key_not_found": "which there are: roost keys",
    "not_in_library": "which there are: roost library",
    "run_not_found": "which there are: roost runs SESSION",
    "session_not_found": "which there are: roost ls",
    "permission_not_found": "what is open: roost show SESSION",
    "agent_not_configured": "name one:           --agent scripted   does what the task says, to try things out\n"
    'for every session:  ROOST_AGENT=NAME, or   agent = "NAME"   in {config}\nwhich there are:    roost agents',
    "agent_unknown": "which there are: roost agents",
    "agent_not_installed": "which there are: roost agents",
    "session_busy": "join the run:      roost send SESSION --delivery steer ...\n"
    "wait for its end:  roost send SESSION --delivery queue ...\nstop it:           roost abort SESSION",
    "workspace_dirty": "see what it is:  roost diff SESSION\nsave it:         roost merge SESSION --message TEXT\n"
    "give it up:      roost discard --force SESSION, or this with --force",
    "session_asleep": "wake it for this: --wake\nor first:         roost resume SESSION",
    "merge_conflict": "see the work:          roost diff SESSION\n"
    "let the agent do it:   roost send SESSION 'merge the branch it came from and resolve the conflicts'",
    "file_missing": "what there is: roost ls-files SESSION",
    "not_a_file": "what is in it: roost ls-files SESSION PATH",
    "data_locked": "use the hub that runs:  roost ls\nstop it:                roost down\n"
    "run a second one:       roost up --data FOLDER --port 0",
    "data_unwritable": "another folder:  --data FOLDER, or ROOST_DATA",
}
"""By code: what to do next."""

_EXIT: Final[tuple[tuple[type[RoostError], int], ...]] = (
    (UsageWrong, codes.USAGE),
    (ConfigInvalid, codes.USAGE),
    (IdAmbiguous, codes.USAGE),
    (Missing, codes.NOT_FOUND),
    (HubUnreachable, codes.NO_HUB),
    (StreamLost, codes.NO_HUB),
)


def exit_code(error: RoostError) -> int:
    return next((code for kind, code in _EXIT if isinstance(error, kind)), codes.ERROR)


def tell(error: RoostError, *, as_json: bool, command: str = "") -> None:
    """Say it on stderr."""
    if as_json:
        told = {"code": error.code, "message": error.message} | error.details
        print(json.dumps({"error": told}, default=str), file=sys.stderr)
        return
    print(STDERR.style("error", "red"), plain(error.message), file=sys.stderr)
    way = WAYS_FORWARD.get(error.code, "").format(command=command and command + " ", config=default_config())
    for line in way.splitlines():
        print("  " + STDERR.style(line, "dim"), file=sys.stderr)
