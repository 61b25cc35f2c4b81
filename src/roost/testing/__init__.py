"""Real hubs for tests, yours and ours: in this process, or as a process of their own that can be killed."""

from roost.testing.hub_process import HubProcess, hub_process
from roost.testing.running_hub import RunningHub, running_hub
from roost.testing.taking import take

__all__ = ["HubProcess", "RunningHub", "hub_process", "running_hub", "take"]
