"""The hub's log, on stderr: for people on a terminal, elsewhere a JSON object on each line."""

import logging
import sys
from contextlib import suppress
from io import StringIO
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, ExcInfo

from roost.cli.problems import ConfigInvalid
from roost.cli.words import inline, plain

LEVELS = ("debug", "info", "warning", "error")


class _Stderr:
    """A log that cannot be written (its disk is full) must not stop what it tells of."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def _disarm(_logger: object, _method: str, event: EventDict) -> EventDict:
    """On a terminal, names and messages that came from elsewhere stay within their line and command nothing."""
    return {name: inline(value) if isinstance(value, str) else value for name, value in event.items()}


def _write_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    """One with the values of its variables would show secrets."""
    text = StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write(plain(text.getvalue()))


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
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=_write_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if as_json else _disarm,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)
