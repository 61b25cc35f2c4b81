"""The SDK: a hub and its sessions from Python. Knows the wire and nothing of what is behind it."""

from roost.client.address import Address
from roost.client.answers import Agent, AuditPage, EventPage, FeedPage, RunEventPage, SendResult, SequenceBroken
from roost.client.callbacks import Callbacks
from roost.client.client import AsyncClient, Filters, Given
from roost.client.library import AsyncLibrary
from roost.client.session import AsyncSession
from roost.client.socket import AsyncSocket
from roost.client.sync import Client, Library, Session, Socket

__all__ = [
    "Address", "Agent", "AsyncClient", "AsyncLibrary", "AsyncSession", "AsyncSocket", "AuditPage", "Callbacks",
    "Client", "EventPage", "FeedPage", "Filters", "Given", "Library", "RunEventPage", "SendResult", "SequenceBroken",
    "Session", "Socket",
]  # fmt: skip
