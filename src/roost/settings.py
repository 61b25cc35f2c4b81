"""Every setting, once. Read at the edge (`read_settings`), frozen afterwards, handed down as an argument."""

from typing import Literal

from msgspec import Struct


class LinkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How hub and host keep in touch. They travel to the host with its ticket."""

    heartbeat_seconds: float = 5.0
    """Each side says so often that it is there."""
    lost_after_seconds: float = 15.0
    """A link without any frame for this long is given up by either side."""
    retry_seconds: float = 2.0
    """The longest pause between two attempts of a host to reach its hub."""
    away_idle_seconds: float = 600.0
    """Without a hub and without a run for this long, a host writes its spool down and leaves."""
    away_max_seconds: float = 86_400.0
    """Without a hub for this long, a host leaves whatever it does."""
    spool_memory_bytes: int = 8 * 1024 * 1024
    """How much a host keeps in memory of what no hub has confirmed,"""
    spool_disk_bytes: int = 256 * 1024 * 1024
    """and how much more of it on the disk. Beyond that the run ends with `spool_full`."""
    spool_reserve_bytes: int = 64 * 1024
    """Kept free for the end of the run that a full spool stops."""
    abort_grace_seconds: float = 2.0
    """How long an agent may take to stop by itself before its processes are killed."""
    clone_seconds: float = 600.0
    """How long a host may take to clone a repository."""


class GithubSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a hub signs in to GitHub: with a token, or as an app. With neither it does not."""

    token: str | None = None
    """A token of GitHub, whose accounts and repositories the hub's own users may pick from."""
    app_id: str | None = None
    """Instead: the id of a GitHub App,"""
    app_key_file: str | None = None
    """and the file with its private key (PEM)."""
    api_url: str = "https://api.github.com"
    """Of an own GitHub Enterprise Server: `https://HOST/api/v3`."""


class AgentSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent of one's own, or what is different about one that is known. A table `[agents.NAME]` each."""

    command: tuple[str, ...] = ()
    """What starts the agent; it speaks the Agent Client Protocol on its standard input and output. The first word is
    found in the `PATH` of the hub, or is absolute."""
    terminal: tuple[str, ...] = ()
    """What starts it with a screen of its own, for sessions with the driver `terminal`."""
    ready: str = ""
    """A pattern (a regular expression) of a line that its screen shows when it waits for input. Without one it is done
    when its screen stands still for 2 s."""
    env: dict[str, str] = {}
    """Set for it, beside what it inherits from the hub; what the session's own `env` says wins."""
    insist: bool = False
    """Without a sandbox too, though it is known never to ask for a permission: it may do whatever its user can."""
    hosts: tuple[str, ...] = ()
    """Where else its models are, `HOST`, `HOST:PORT` or a URL: let through to a sandbox with the network `model`, which
    an agent that has such hosts gets by itself. On the loopback, a port is reached as it is outside."""
    paths: tuple[str, ...] = ()
    """What it may read in a sandbox beside the system: files and folders, absolute or `~/..`."""
    tools: bool = True
    """Roost's own tools are offered to it: to say that a goal is reached, to publish a result, to ask."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hub. Each field is also `ROOST_<NAME>` in the environment, a key of the TOML file, and a flag of `roost up`."""

    data: str = "~/.local/share/roost"
    """The data folder: store, keys, worktrees, spools."""
    host: str = "127.0.0.1"
    """The address to listen on. Anything but loopback opens the hub to the network: docs/explanation/security.md."""
    port: int = 7878
    """0 picks a free port."""
    agent: str | None = None
    """The agent of sessions that name none."""
    store: str = "sqlite"
    """`sqlite` (in the data folder) or `memory` (nothing survives the hub)."""
    allowed_hosts: tuple[str, ...] = ()
    """Host headers accepted beside loopback and `host`."""
    allowed_origins: tuple[str, ...] = ()
    """Origins accepted beside the hub's own."""
    grace_seconds: float = 30.0
    """How long a session waits for its lost host."""
    warm_hosts: int = 1
    """So many hosts are started before they are needed: the next session is live within milliseconds. 0: none."""
    start_timeout_seconds: float = 60.0
    """How long a host may take to say hello."""
    idle_seconds: float = 1800.0
    """Without a run for this long a session sleeps, unless its own `timeouts` say otherwise. 0: never."""
    parked_seconds: float = 86_400.0
    """A host that waits for a person this long is stopped; the input is offered again on waking. 0: never."""
    ready_seconds: float = 300.0
    """Quiet for longer than this, a session that has nothing to do is shown as `idle` instead of `ready`."""
    paused_seconds: float = 0.0
    """Asleep for this long, a session counts as history (it can still be woken by its id). 0: never."""
    sse_heartbeat_seconds: float = 15.0
    """A quiet event stream carries a comment so often."""
    stream_writer: Literal["direct", "asgi"] = "direct"
    """How events are written to streams and sockets: `direct`, bytes that all share straight to connections, where that
    is possible; `asgi`, in messages through the server."""
    request_seconds: float = 30.0
    """How long a client may take to send its headers, and then its body; of a file: each piece of it."""
    max_streams: int = 1000
    """Event streams and sockets that one key may have open."""
    rate_per_second: float = 100.0
    """What one key may change in a second, on average; twice as much at once. 0: without limit."""
    max_body_bytes: int = 16 * 1024 * 1024
    """The largest request, but for files."""
    max_file_bytes: int = 1024 * 1024 * 1024
    """The largest file that is put into a workspace."""
    sandbox: Literal["auto", "none", "bubblewrap"] = "auto"
    """What encloses agents and their tools: `auto`, the best there can be here; `bubblewrap`, or a session does not
    start; `none`. A session may say otherwise."""
    network: Literal["auto", "none", "model", "full"] = "auto"
    """What they reach from inside: `auto`, what their agent needs; `none`; `model`, its model hosts alone; `full`."""
    sandbox_memory_bytes: int = 0
    """What everything inside one sandbox may use together. 0: without limit,"""
    sandbox_processes: int = 4096
    """how many processes there may be at a time,"""
    sandbox_cpus: float = 0.0
    """and how many cores they may use."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`. The log of the hub is its stderr."""
    agents: dict[str, AgentSettings] = {}
    """Agents of one's own, by name: [below](#agents)."""
    github: GithubSettings = GithubSettings()
    link: LinkSettings = LinkSettings()
