"""Other servers of agent sessions, asked the same questions as Roost: `python -m bench.peers`, `make bench-peers`."""
