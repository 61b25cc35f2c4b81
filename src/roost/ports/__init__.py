"""The seams: what the hub and the host need from the outside, as Protocols. No code, only promises."""

from roost.ports.agents import Driver as Driver
from roost.ports.agents import Home as Home
from roost.ports.agents import Past as Past
from roost.ports.agents import Pipe as Pipe
from roost.ports.agents import Process as Process
from roost.ports.agents import Program as Program
from roost.ports.agents import Turn as Turn
from roost.ports.forges import Forge as Forge
from roost.ports.places import Preparer as Preparer
from roost.ports.places import Runtime as Runtime
from roost.ports.places import Workspaces as Workspaces
from roost.ports.sandboxes import Sandbox as Sandbox
from roost.ports.screens import Screen as Screen
from roost.ports.screens import View as View
from roost.ports.store import Store as Store
from roost.ports.waking import Bell as Bell
from roost.ports.waking import Clock as Clock
from roost.ports.waking import Signal as Signal
