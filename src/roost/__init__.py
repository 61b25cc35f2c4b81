"""Roost: a self-hosted hub for coding-agent sessions that survive.

What is here comes from the rooms below when it is first used: `import roost` loads nothing else. The names are made
from these rooms (make docs).
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from roost.client import Address as Address
    from roost.client import Agent as Agent
    from roost.client import AsyncClient as AsyncClient
    from roost.client import AsyncLibrary as AsyncLibrary
    from roost.client import AsyncSession as AsyncSession
    from roost.client import AsyncSocket as AsyncSocket
    from roost.client import AuditPage as AuditPage
    from roost.client import Callbacks as Callbacks
    from roost.client import Client as Client
    from roost.client import EventPage as EventPage
    from roost.client import FeedPage as FeedPage
    from roost.client import Filters as Filters
    from roost.client import Given as Given
    from roost.client import Library as Library
    from roost.client import RunEventPage as RunEventPage
    from roost.client import SendResult as SendResult
    from roost.client import SequenceBroken as SequenceBroken
    from roost.client import Session as Session
    from roost.client import Socket as Socket
    from roost.model.envelope import Event as Event
    from roost.model.errors import AgentFailed as AgentFailed
    from roost.model.errors import AgentGone as AgentGone
    from roost.model.errors import AgentInstallFailed as AgentInstallFailed
    from roost.model.errors import AgentLoginRequired as AgentLoginRequired
    from roost.model.errors import AgentNotConfigured as AgentNotConfigured
    from roost.model.errors import AgentNotInstalled as AgentNotInstalled
    from roost.model.errors import AgentUnattended as AgentUnattended
    from roost.model.errors import AgentUnknown as AgentUnknown
    from roost.model.errors import ArtifactNotFound as ArtifactNotFound
    from roost.model.errors import BlobNotFound as BlobNotFound
    from roost.model.errors import BodyTooLarge as BodyTooLarge
    from roost.model.errors import BundleInvalid as BundleInvalid
    from roost.model.errors import CommandNotFound as CommandNotFound
    from roost.model.errors import ConfigConflict as ConfigConflict
    from roost.model.errors import Conflicting as Conflicting
    from roost.model.errors import CursorAhead as CursorAhead
    from roost.model.errors import CursorTrimmed as CursorTrimmed
    from roost.model.errors import DataLocked as DataLocked
    from roost.model.errors import DataUnwritable as DataUnwritable
    from roost.model.errors import DriverUnknown as DriverUnknown
    from roost.model.errors import Fatal as Fatal
    from roost.model.errors import Fencing as Fencing
    from roost.model.errors import FileMissing as FileMissing
    from roost.model.errors import Forbidden as Forbidden
    from roost.model.errors import ForgeFailed as ForgeFailed
    from roost.model.errors import ForgeNotConnected as ForgeNotConnected
    from roost.model.errors import Gone as Gone
    from roost.model.errors import HostBusy as HostBusy
    from roost.model.errors import HostRefused as HostRefused
    from roost.model.errors import HubStopping as HubStopping
    from roost.model.errors import HubUnreachable as HubUnreachable
    from roost.model.errors import IdempotencyMismatch as IdempotencyMismatch
    from roost.model.errors import IllegalTransition as IllegalTransition
    from roost.model.errors import InvalidBody as InvalidBody
    from roost.model.errors import InvalidCursor as InvalidCursor
    from roost.model.errors import InvalidRequest as InvalidRequest
    from roost.model.errors import KeyNotFound as KeyNotFound
    from roost.model.errors import LeadHeld as LeadHeld
    from roost.model.errors import LibraryFull as LibraryFull
    from roost.model.errors import LimitReached as LimitReached
    from roost.model.errors import LinkDown as LinkDown
    from roost.model.errors import LoopEnded as LoopEnded
    from roost.model.errors import LoopNotFound as LoopNotFound
    from roost.model.errors import LoopRunning as LoopRunning
    from roost.model.errors import McpUnsupported as McpUnsupported
    from roost.model.errors import MergeConflict as MergeConflict
    from roost.model.errors import MergeRefused as MergeRefused
    from roost.model.errors import MessageNotFound as MessageNotFound
    from roost.model.errors import MethodNotAllowed as MethodNotAllowed
    from roost.model.errors import Missing as Missing
    from roost.model.errors import NameTaken as NameTaken
    from roost.model.errors import NativeNotFound as NativeNotFound
    from roost.model.errors import NotAFile as NotAFile
    from roost.model.errors import NotAFolder as NotAFolder
    from roost.model.errors import NotInLibrary as NotInLibrary
    from roost.model.errors import NotText as NotText
    from roost.model.errors import OptionUnknown as OptionUnknown
    from roost.model.errors import OriginRefused as OriginRefused
    from roost.model.errors import PathOutside as PathOutside
    from roost.model.errors import PermissionNotFound as PermissionNotFound
    from roost.model.errors import PersonaUnpublished as PersonaUnpublished
    from roost.model.errors import ProducerGap as ProducerGap
    from roost.model.errors import ProtocolMismatch as ProtocolMismatch
    from roost.model.errors import QueueFull as QueueFull
    from roost.model.errors import RateLimited as RateLimited
    from roost.model.errors import Refused as Refused
    from roost.model.errors import RequestTimedOut as RequestTimedOut
    from roost.model.errors import RoostError as RoostError
    from roost.model.errors import RouteNotFound as RouteNotFound
    from roost.model.errors import RunNotFound as RunNotFound
    from roost.model.errors import SandboxUnavailable as SandboxUnavailable
    from roost.model.errors import SchemaTooNew as SchemaTooNew
    from roost.model.errors import ScreenLost as ScreenLost
    from roost.model.errors import ScreenMissing as ScreenMissing
    from roost.model.errors import SessionArchived as SessionArchived
    from roost.model.errors import SessionAsleep as SessionAsleep
    from roost.model.errors import SessionBusy as SessionBusy
    from roost.model.errors import SessionClosed as SessionClosed
    from roost.model.errors import SessionExists as SessionExists
    from roost.model.errors import SessionNotFound as SessionNotFound
    from roost.model.errors import ShellTimeout as ShellTimeout
    from roost.model.errors import SpoolFull as SpoolFull
    from roost.model.errors import StaleDriver as StaleDriver
    from roost.model.errors import StaleEpoch as StaleEpoch
    from roost.model.errors import StartFailed as StartFailed
    from roost.model.errors import StateConflict as StateConflict
    from roost.model.errors import StorageFull as StorageFull
    from roost.model.errors import StorageUnavailable as StorageUnavailable
    from roost.model.errors import StreamLost as StreamLost
    from roost.model.errors import TimedOut as TimedOut
    from roost.model.errors import TooManyKeys as TooManyKeys
    from roost.model.errors import TooManyStreams as TooManyStreams
    from roost.model.errors import Unauthorized as Unauthorized
    from roost.model.errors import Unavailable as Unavailable
    from roost.model.errors import WorkspaceDirty as WorkspaceDirty
    from roost.model.errors import WorkspaceInvalid as WorkspaceInvalid
    from roost.model.info import SessionInfo as SessionInfo
    from roost.model.messages import Message as Message
    from roost.model.snapshot import Snapshot as Snapshot

__version__ = "0.1.0"

__all__ = [
    "Address",
    "Agent",
    "AgentFailed",
    "AgentGone",
    "AgentInstallFailed",
    "AgentLoginRequired",
    "AgentNotConfigured",
    "AgentNotInstalled",
    "AgentUnattended",
    "AgentUnknown",
    "ArtifactNotFound",
    "AsyncClient",
    "AsyncLibrary",
    "AsyncSession",
    "AsyncSocket",
    "AuditPage",
    "BlobNotFound",
    "BodyTooLarge",
    "BundleInvalid",
    "Callbacks",
    "Client",
    "CommandNotFound",
    "ConfigConflict",
    "Conflicting",
    "CursorAhead",
    "CursorTrimmed",
    "DataLocked",
    "DataUnwritable",
    "DriverUnknown",
    "Event",
    "EventPage",
    "Fatal",
    "FeedPage",
    "Fencing",
    "FileMissing",
    "Filters",
    "Forbidden",
    "ForgeFailed",
    "ForgeNotConnected",
    "Given",
    "Gone",
    "HostBusy",
    "HostRefused",
    "HubStopping",
    "HubUnreachable",
    "IdempotencyMismatch",
    "IllegalTransition",
    "InvalidBody",
    "InvalidCursor",
    "InvalidRequest",
    "KeyNotFound",
    "LeadHeld",
    "Library",
    "LibraryFull",
    "LimitReached",
    "LinkDown",
    "LoopEnded",
    "LoopNotFound",
    "LoopRunning",
    "McpUnsupported",
    "MergeConflict",
    "MergeRefused",
    "Message",
    "MessageNotFound",
    "MethodNotAllowed",
    "Missing",
    "NameTaken",
    "NativeNotFound",
    "NotAFile",
    "NotAFolder",
    "NotInLibrary",
    "NotText",
    "OptionUnknown",
    "OriginRefused",
    "PathOutside",
    "PermissionNotFound",
    "PersonaUnpublished",
    "ProducerGap",
    "ProtocolMismatch",
    "QueueFull",
    "RateLimited",
    "Refused",
    "RequestTimedOut",
    "RoostError",
    "RouteNotFound",
    "RunEventPage",
    "RunNotFound",
    "SandboxUnavailable",
    "SchemaTooNew",
    "ScreenLost",
    "ScreenMissing",
    "SendResult",
    "SequenceBroken",
    "Session",
    "SessionArchived",
    "SessionAsleep",
    "SessionBusy",
    "SessionClosed",
    "SessionExists",
    "SessionInfo",
    "SessionNotFound",
    "ShellTimeout",
    "Snapshot",
    "Socket",
    "SpoolFull",
    "StaleDriver",
    "StaleEpoch",
    "StartFailed",
    "StateConflict",
    "StorageFull",
    "StorageUnavailable",
    "StreamLost",
    "TimedOut",
    "TooManyKeys",
    "TooManyStreams",
    "Unauthorized",
    "Unavailable",
    "WorkspaceDirty",
    "WorkspaceInvalid",
    "__version__",
]

_ROOMS: Final[dict[str, tuple[str, ...]]] = {
    "roost.client": (
        "Address",
        "Agent",
        "AsyncClient",
        "AsyncLibrary",
        "AsyncSession",
        "AsyncSocket",
        "AuditPage",
        "Callbacks",
        "Client",
        "EventPage",
        "FeedPage",
        "Filters",
        "Given",
        "Library",
        "RunEventPage",
        "SendResult",
        "SequenceBroken",
        "Session",
        "Socket",
    ),
    "roost.model.envelope": ("Event",),
    "roost.model.errors": (
        "AgentFailed",
        "AgentGone",
        "AgentInstallFailed",
        "AgentLoginRequired",
        "AgentNotConfigured",
        "AgentNotInstalled",
        "AgentUnattended",
        "AgentUnknown",
        "ArtifactNotFound",
        "BlobNotFound",
        "BodyTooLarge",
        "BundleInvalid",
        "CommandNotFound",
        "ConfigConflict",
        "Conflicting",
        "CursorAhead",
        "CursorTrimmed",
        "DataLocked",
        "DataUnwritable",
        "DriverUnknown",
        "Fatal",
        "Fencing",
        "FileMissing",
        "Forbidden",
        "ForgeFailed",
        "ForgeNotConnected",
        "Gone",
        "HostBusy",
        "HostRefused",
        "HubStopping",
        "HubUnreachable",
        "IdempotencyMismatch",
        "IllegalTransition",
        "InvalidBody",
        "InvalidCursor",
        "InvalidRequest",
        "KeyNotFound",
        "LeadHeld",
        "LibraryFull",
        "LimitReached",
        "LinkDown",
        "LoopEnded",
        "LoopNotFound",
        "LoopRunning",
        "McpUnsupported",
        "MergeConflict",
        "MergeRefused",
        "MessageNotFound",
        "MethodNotAllowed",
        "Missing",
        "NameTaken",
        "NativeNotFound",
        "NotAFile",
        "NotAFolder",
        "NotInLibrary",
        "NotText",
        "OptionUnknown",
        "OriginRefused",
        "PathOutside",
        "PermissionNotFound",
        "PersonaUnpublished",
        "ProducerGap",
        "ProtocolMismatch",
        "QueueFull",
        "RateLimited",
        "Refused",
        "RequestTimedOut",
        "RoostError",
        "RouteNotFound",
        "RunNotFound",
        "SandboxUnavailable",
        "SchemaTooNew",
        "ScreenLost",
        "ScreenMissing",
        "SessionArchived",
        "SessionAsleep",
        "SessionBusy",
        "SessionClosed",
        "SessionExists",
        "SessionNotFound",
        "ShellTimeout",
        "SpoolFull",
        "StaleDriver",
        "StaleEpoch",
        "StartFailed",
        "StateConflict",
        "StorageFull",
        "StorageUnavailable",
        "StreamLost",
        "TimedOut",
        "TooManyKeys",
        "TooManyStreams",
        "Unauthorized",
        "Unavailable",
        "WorkspaceDirty",
        "WorkspaceInvalid",
    ),
    "roost.model.info": ("SessionInfo",),
    "roost.model.messages": ("Message",),
    "roost.model.snapshot": ("Snapshot",),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        room = next((room for room, names in _ROOMS.items() if name in names), None)
        if room is None:
            raise AttributeError(f"module 'roost' has no attribute {name!r}")
        return getattr(import_module(room), name)

    def __dir__() -> list[str]:
        return __all__
