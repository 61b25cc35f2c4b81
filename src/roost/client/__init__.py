"""The SDK: a hub and its sessions from Python. Knows the wire and nothing of what is behind it."""

from roost.client.address import Address
from roost.client.answers import Agent, EventPage, FeedPage, SendResult, SequenceBroken
from roost.client.callbacks import Callbacks
from roost.client.client import AsyncClient
from roost.client.session import AsyncSession

__all__ = [
    "Address", "Agent", "AsyncClient", "AsyncSession", "Callbacks", "EventPage", "FeedPage", "SendResult",
    "SequenceBroken",
]  # fmt: skip
