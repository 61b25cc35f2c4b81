"""The SDK without `await`: the same names, the same words, one event loop in a thread of its own for each client.

The classes here are made from their async twins (`make docs`): nothing is written twice.
"""

from roost.client.sync.client import Client
from roost.client.sync.library import Library
from roost.client.sync.session import Session
from roost.client.sync.socket import Socket

__all__ = ["Client", "Library", "Session", "Socket"]
