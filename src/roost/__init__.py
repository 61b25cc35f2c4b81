"""Roost: a self-hosted hub for coding-agent sessions that survive."""

__version__ = "0.1.0"

__all__ = ["__version__"]
