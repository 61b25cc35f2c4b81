"""The hub's log, on stderr: for people on a terminal, elsewhere a JSON object on each line."""

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog

from roost.cli.problems import ConfigInvalid

LEVELS = ("debug", "info", "warning", "error")


class _Stderr:
    """A log that cannot be written (its disk is full) must not stop what it tells of."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def log_to_stderr(level: str, *, as_json: bool) -> None:
    """`as_json`: on a terminal too. Raises: ConfigInvalid: no such level."""
    as_json = as_json or not sys.stderr.isatty()
    if level.lower() not in LEVELS:
        raise ConfigInvalid(f"log_level = {level!r}: one of {', '.join(LEVELS)}", setting="log_level")
    number = logging.getLevelNamesMapping()[level.upper()]
    render = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )  # a traceback with the values of its variables would show secrets
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if as_json else structlog.processors.StackInfoRenderer(),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)
