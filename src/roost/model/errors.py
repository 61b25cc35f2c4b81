"""One error tree. Each class is a condition with a stable `code`; HTTP statuses live in `api/`.

RoostError
├── InvalidRequest          the caller sent something that can never work
│   ├── InvalidBody, InvalidCursor, CursorAhead, BodyTooLarge, MethodNotAllowed, WorkspaceInvalid, AgentUnknown,
│   │   AgentNotConfigured, DriverUnknown, NotText, BundleInvalid, RequestTimedOut, PersonaUnpublished, OptionUnknown
├── Refused                 the caller may not do this
│   ├── Unauthorized, Forbidden, HostRefused, OriginRefused, PathOutside
├── Missing                 nothing has this name
│   ├── SessionNotFound, RunNotFound, MessageNotFound, PermissionNotFound, RouteNotFound, FileMissing,
│   │   ArtifactNotFound, BlobNotFound, KeyNotFound, NotInLibrary, NativeNotFound,
│   │   LoopNotFound, CommandNotFound
├── Gone
│   ├── CursorTrimmed, SessionArchived, SessionClosed
├── Conflicting             right request, wrong moment
│   ├── SessionBusy, SessionAsleep, IdempotencyMismatch, WorkspaceDirty, QueueFull, StateConflict, IllegalTransition,
│   │   TooManyKeys, TooManyStreams, NotAFile, NotAFolder, ShellTimeout, MergeConflict, MergeRefused,
│   │   SessionExists, ConfigConflict, NameTaken, LibraryFull, ForgeNotConnected, LoopEnded,
│   │   LoopRunning, LeadHeld, ScreenMissing
├── Fencing                 a writer that lost its session
│   ├── StaleEpoch, ProducerGap, StaleDriver
├── Unavailable             try again later
│   ├── HubStopping, RateLimited, StorageUnavailable, StorageFull, HubUnreachable, LinkDown, LimitReached,
│   │   HostBusy, StreamLost, ScreenLost, TimedOut, ForgeFailed
├── AgentFailed             what an agent says of itself
│   ├── AgentGone, AgentLoginRequired
├── AgentInstallFailed      on this machine, not by the hub
└── Fatal                   this hub or host cannot start
    ├── DataLocked, DataUnwritable, SchemaTooNew, SpoolFull, ProtocolMismatch,
    │   StartFailed (AgentNotInstalled, AgentUnattended, SandboxUnavailable, McpUnsupported)
"""

from typing import Any, ClassVar

__all__ = ["ERRORS", "RoostError", "error_from"]


class RoostError(Exception):
    """Something went wrong in Roost."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().split("\n")[0].partition(" Details: ")[0]
        self.details = details
        super().__init__(self.message)


class InvalidRequest(RoostError):
    """The request cannot be carried out as it stands."""

    code = "invalid_request"


class InvalidBody(InvalidRequest):
    """The body does not have the shape this route documents."""

    code = "invalid_body"


class InvalidCursor(InvalidRequest):
    """A cursor is a whole number of 0 or more: the `seq` of the last event seen."""

    code = "invalid_cursor"


class CursorAhead(InvalidRequest):
    """The cursor is past the end of this log. Details: `head`, the last seq there is."""

    code = "cursor_ahead"


class BodyTooLarge(InvalidRequest):
    """The body is larger than its limit. Details: `limit_bytes`."""

    code = "body_too_large"


class MethodNotAllowed(InvalidRequest):
    """This path has no such method. Details: `allow`, the methods it has."""

    code = "method_not_allowed"


class WorkspaceInvalid(InvalidRequest):
    """The workspace cannot be used."""

    code = "workspace_invalid"


class AgentUnknown(InvalidRequest):
    """No agent has this name. Details: `known`."""

    code = "agent_unknown"


class AgentNotConfigured(InvalidRequest):
    """No agent was named and this hub has no default agent: name one, or start the hub with `roost up --agent NAME`."""

    code = "agent_not_configured"


class DriverUnknown(InvalidRequest):
    """This agent is not run that way. Details: `known`, the drivers that it has."""

    code = "driver_unknown"


class NotText(InvalidRequest):
    """The file is not UTF-8 text: read it as bytes. Details: `path`."""

    code = "not_text"


class RequestTimedOut(InvalidRequest):
    """The request was not complete in time; send it again, faster."""

    code = "request_timed_out"


class BundleInvalid(InvalidRequest):
    """This is no bundle of a session, or not all of one; nothing was made of it."""

    code = "bundle_invalid"


class PersonaUnpublished(InvalidRequest):
    """This persona was never published, or is archived: no session can work as it. Details: `slug`."""

    code = "persona_unpublished"


class OptionUnknown(InvalidRequest):
    """The agent cannot be set to this. Details: `name`, `choices`: what it can be set to, or the names it has."""

    code = "option_unknown"


class Refused(RoostError):
    """This is not allowed."""

    code = "refused"


class Unauthorized(Refused):
    """The API key is missing or not valid."""

    code = "unauthorized"


class Forbidden(Refused):
    """This key may not do that."""

    code = "forbidden"


class HostRefused(Refused):
    """The Host header names a host this hub does not serve."""

    code = "host_refused"


class OriginRefused(Refused):
    """The Origin header names a site this hub does not trust."""

    code = "origin_refused"


class PathOutside(Refused):
    """The path leads out of the workspace. Details: `path`."""

    code = "path_outside"


class Missing(RoostError):
    """There is no such thing."""

    code = "not_found"


class RouteNotFound(Missing):
    """No route has this path."""

    code = "route_not_found"


class SessionNotFound(Missing):
    """No session has this id; it may have been deleted."""

    code = "session_not_found"


class RunNotFound(Missing):
    """No run of this session has this id."""

    code = "run_not_found"


class MessageNotFound(Missing):
    """No message of this session has this id."""

    code = "message_not_found"


class PermissionNotFound(Missing):
    """No open permission or question has this id; it may have been answered already."""

    code = "permission_not_found"


class KeyNotFound(Missing):
    """No API key that works and that you handle has this id."""

    code = "key_not_found"


class FileMissing(Missing):
    """Nothing in the workspace has this path. Details: `path`."""

    code = "file_missing"


class ArtifactNotFound(Missing):
    """The session has no artifact with this key and version."""

    code = "artifact_not_found"


class LoopNotFound(Missing):
    """The session has no loop: start one."""

    code = "loop_not_found"


class BlobNotFound(Missing):
    """No session that you may see refers to this blob."""

    code = "blob_not_found"


class NotInLibrary(Missing):
    """Nothing in the library that you may see has this id. Details: `kind`, `id`."""

    code = "not_in_library"


class CommandNotFound(Missing):
    """The agent has no command of this name. Details: `known`."""

    code = "command_not_found"


class NativeNotFound(Missing):
    """No agent has a session of its own with this id on the hub's machine, or its record cannot be read. Details:
    `agent`, `id`."""

    code = "native_not_found"


class Gone(RoostError):
    """It existed once and does not any more."""

    code = "gone"


class CursorTrimmed(Gone):
    """The events after this cursor are not kept any more. Details: `first`, the first seq still held."""

    code = "cursor_trimmed"


class SessionArchived(Gone):
    """The session is archived: its history can be read, nothing can be added."""

    code = "session_archived"


class SessionClosed(Gone):
    """The session has ended or failed to start: its history can be read, nothing can be added."""

    code = "session_closed"


class Conflicting(RoostError):
    """The request does not fit the present state."""

    code = "conflict"


class SessionBusy(Conflicting):
    """A run is open. Wait for it, abort it, or send with delivery "steer" or "queue". Details: `run`."""

    code = "session_busy"


class SessionAsleep(Conflicting):
    """The session sleeps, and this call does not wake it."""

    code = "session_asleep"


class LoopEnded(Conflicting):
    """The loop has come to its end: start another one. Details: `status`, how it has ended."""

    code = "loop_ended"


class LoopRunning(Conflicting):
    """A loop goes on in this session: adjust it, or cancel it first."""

    code = "loop_running"


class IdempotencyMismatch(Conflicting):
    """This idempotency key was used with another body within the last 24 hours."""

    code = "idempotency_mismatch"


class WorkspaceDirty(Conflicting):
    """The workspace holds work that exists nowhere else. Save it, or repeat with force. Details: `path`."""

    code = "workspace_dirty"


class TooManyKeys(Conflicting):
    """The hub holds as many API keys as it may; revoke some. Details: `limit`."""

    code = "too_many_keys"


class QueueFull(Conflicting):
    """The queue holds as many inputs as it may. Details: `limit`."""

    code = "queue_full"


class StateConflict(Conflicting):
    """The state moved between decision and commit. Details: `state_seq`."""

    code = "state_conflict"


class ConfigConflict(Conflicting):
    """Somebody else has changed the configuration: read it, and decide again. Details: `version`, the present one."""

    code = "config_conflict"


class SessionExists(Conflicting):
    """A session with this id is here already: delete it, or import under a new id. Details: `session`."""

    code = "session_exists"


class IllegalTransition(Conflicting):
    """The lifecycle table does not allow this event now."""

    code = "illegal_transition"


class TooManyStreams(Conflicting):
    """This key has as many streams and sockets open as it may. Details: `limit`."""

    code = "too_many_streams"


class NotAFile(Conflicting):
    """It is a folder or something special, not a file. Details: `path`."""

    code = "not_a_file"


class NotAFolder(Conflicting):
    """It is not a folder. Details: `path`."""

    code = "not_a_folder"


class ShellTimeout(Conflicting):
    """The command took longer than it may and was killed. Details: what it had printed, as in its result."""

    code = "shell_timeout"


class MergeConflict(Conflicting):
    """The branches changed the same lines; nothing was merged. Details: `paths`."""

    code = "merge_conflict"


class MergeRefused(Conflicting):
    """This workspace cannot be merged or discarded as it stands; nothing was changed."""

    code = "merge_refused"


class NameTaken(Conflicting):
    """The library holds something of this kind by this name already. Details: `kind`."""

    code = "name_taken"


class LibraryFull(Conflicting):
    """The library holds as much of this kind as it may; delete some. Details: `kind`, `limit`."""

    code = "library_full"


class ForgeNotConnected(Conflicting):
    """The hub has no sign-in for GitHub, or GitHub does not accept it: see "Connect GitHub" in the how-to guides."""

    code = "forge_not_connected"


class ScreenMissing(Conflicting):
    """The agent of this session has no screen of its own; one of a session with the driver `terminal` has."""

    code = "screen_missing"


class LeadHeld(Conflicting):
    """Another lead is connected to this session."""

    code = "lead_held"


class Fencing(RoostError):
    """This writer does not hold the session any more."""

    code = "fenced"


class StaleEpoch(Fencing):
    """A newer epoch holds the session. Details: `epoch`."""

    code = "stale_epoch"


class StaleDriver(Fencing):
    """A newer driver leads this session."""

    code = "stale_driver"


class ProducerGap(Fencing):
    """The writer skipped events. Details: `expected`, the next producer_seq."""

    code = "producer_gap"


class Unavailable(RoostError):
    """Not now; try again."""

    code = "unavailable"


class HubStopping(Unavailable):
    """The hub is stopping."""

    code = "hub_stopping"


class HubUnreachable(Unavailable):
    """No hub answers at this address."""

    code = "hub_unreachable"


class LinkDown(Unavailable):
    """The session's host cannot be reached just now."""

    code = "link_down"


class LimitReached(Unavailable):
    """The hub has as many files or processes as its system allows it. Try again, or raise `ulimit`."""

    code = "limit_reached"


class HostBusy(Unavailable):
    """The session's host has as many calls in progress as it may. Details: `limit`."""

    code = "host_busy"


class StreamLost(Unavailable):
    """The event stream broke and could not be taken up again in time."""

    code = "stream_lost"


class ScreenLost(Unavailable):
    """The agent's screen is gone; the session's next run starts another."""

    code = "screen_lost"


class RateLimited(Unavailable):
    """This key asks for more than it may in so short a time. Details: `retry_after_seconds`."""

    code = "rate_limited"


class StorageUnavailable(Unavailable):
    """The store could not be read or written; nothing was changed."""

    code = "storage_unavailable"


class StorageFull(Unavailable):
    """The disk is full; nothing was changed."""

    code = "storage_full"


class TimedOut(Unavailable):
    """It did not happen within the given time."""

    code = "timed_out"


class ForgeFailed(Unavailable):
    """GitHub could not be asked, or gave no answer that can be used."""

    code = "forge_failed"


class AgentFailed(RoostError):
    """The agent could not do what it was asked to. Details: `method`, `rpc_code`, of its own protocol."""

    code = "agent_failed"


class AgentGone(AgentFailed):
    """The process of the agent has ended before it was done. The next run starts it again."""

    code = "agent_gone"


class AgentLoginRequired(AgentFailed):
    """The agent is not logged in: log in with its own command, or give its key in the session's environment."""

    code = "agent_login_required"


class AgentInstallFailed(RoostError):
    """An agent could not be installed; whatever was there before still is, and a repeat goes on with what was fetched.
    Details: `why` (`unreachable`, `disk_full`, `damaged`, `not_published`, `refused`, `slow`, ...)."""

    code = "agent_install_failed"


class Fatal(RoostError):
    """This process cannot go on."""

    code = "fatal"


class DataLocked(Fatal):
    """Another hub uses this data folder."""

    code = "data_locked"


class DataUnwritable(Fatal):
    """The data folder cannot be written. Make it writable for this user, or name another one."""

    code = "data_unwritable"


class SchemaTooNew(Fatal):
    """The data folder was written by a newer Roost. Upgrade, or use another folder."""

    code = "schema_too_new"


class SpoolFull(Fatal):
    """The hub was away so long that the spool is full."""

    code = "spool_full"


class StartFailed(Fatal):
    """The host could not start."""

    code = "start_failed"


class AgentNotInstalled(StartFailed):
    """The command of the agent is not there; `install` is the command that gets it. Details: `command`, `install`."""

    code = "agent_not_installed"


class AgentUnattended(StartFailed):
    """This agent asks for no permission, and no sandbox encloses it. Have one (`roost doctor` says how), or allow it in
    the settings: `insist = true` in its table `[agents.NAME]`."""

    code = "agent_unattended"


class SandboxUnavailable(StartFailed):
    """This machine cannot have the sandbox that was asked for; `roost doctor` says what is missing, and how to get it.
    Details: `reason`."""

    code = "sandbox_unavailable"


class McpUnsupported(StartFailed):
    """This agent cannot use a server of tools that the session was given. Details: `server`, `type`."""

    code = "mcp_unsupported"


class ProtocolMismatch(Fatal):
    """Hub and host speak different link protocols. Details: `supported`."""

    code = "protocol_mismatch"


def _tree(cls: type[RoostError]) -> dict[str, type[RoostError]]:
    found = {cls.code: cls}
    for child in cls.__subclasses__():
        found |= _tree(child)
    return found


ERRORS: dict[str, type[RoostError]] = _tree(RoostError)
"""Every class of the tree by its code."""


def error_from(code: str, message: str, details: dict[str, Any] | None = None) -> RoostError:
    """The exception that `code` stands for; an unknown code gives a plain `RoostError` that keeps the code."""
    cls = ERRORS.get(code)
    if cls is None:
        error = RoostError(message, **(details or {}))
        error.code = code  # type: ignore[misc]  # an instance may carry a code that this version does not know
        return error
    return cls(message, **(details or {}))
