"""How the agent logs: lines for people on a terminal, JSON for the journal."""

from __future__ import annotations

import logging
import sys

import structlog


class _Forwarder(logging.Handler):
    """Gives what libraries log the same form as our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        structlog.get_logger(record.name).log(record.levelno, record.getMessage())


def configure_logging() -> None:
    """Set structlog up for this process; everything goes to stderr, since stdout is for data."""
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forwarder()], level=logging.WARNING)
    # aiomqtt warns at each refused connection; the uplink says once why there is none.
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)
