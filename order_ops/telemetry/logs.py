"""Structured logs: one JSON object a line on stdout, from every process.

Who logs calls `structlog.get_logger(__name__)`; a process calls `configure`
once, with its name. Whatever is bound (`bound`) is on every line of its context,
and nothing sensitive is on any.
"""

import logging
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import getpid
from typing import Any

import structlog

from order_ops.domain.redaction import redacted, redacted_fields

_SHARED: tuple[structlog.types.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
)
_OTHERS = ("dagster", "dagit", "dagster-webserver")
"""Loggers that Dagster's servers give handlers of their own."""


def configure(process: str) -> None:
    """Send structlog and stdlib logging to stdout as JSON, UTC, with the process's name."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler(process)], force=True)
    for chatter in ("pika", "alembic"):  # Dagster looks at its schema with every connection
        logging.getLogger(chatter).setLevel(logging.WARNING)


def settle_in(process: str) -> None:
    """As `configure`, in a process that is another program's, and has logged before.

    Called again it changes nothing.
    """
    if _settled.get(getpid()) == process:
        return
    configure(process)
    for name in _OTHERS:  # what they pass on is written once
        logging.getLogger(name).handlers.clear()
    logging.setLoggerClass(_uncoloured(process))
    _settled[getpid()] = process


_settled: dict[int, str] = {}


def _uncoloured(process: str) -> type[logging.Logger]:
    """Loggers that write as all others do where they are told to write in colour.

    Dagster makes one for each run, outside of the tree of loggers, and has no setting for it.
    """

    class Uncoloured(logging.Logger):
        def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - the library's name
            """In place of a coloured handler one of ours."""
            if type(hdlr).__module__.partition(".")[0] == "coloredlogs":
                hdlr = handler(process)
                hdlr.setLevel(logging.INFO)
            super().addHandler(hdlr)

    return Uncoloured


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Put fields on every line of this context: job, run_id, order, correlation_id.

    A thread that is started inside has a context of its own: run its work in a copy of this one.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    with structlog.contextvars.bound_contextvars(**known):
        yield


def handler(process: str) -> logging.Handler:
    """What writes the lines of a process, for a logger that passes nothing on."""
    stamp = {"process": process, "instance": f"{socket.gethostname()}:{getpid()}"}
    made = logging.StreamHandler(sys.stdout)
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                _of_a_run,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # not a context variable: a new thread starts with none
                lambda _logger, _method, event: {**event, **stamp},
                _without_secrets,
                structlog.processors.JSONRenderer(default=_in_words),
            ],
        )
    )
    return made


def _of_a_run(_logger: Any, _method: str, event: Any) -> Any:
    """What Dagster says of a line beside it, where the line is of a run."""
    known = getattr(event.get("_record"), "dagster_meta", None)
    if not known:
        return event
    names = {"job": "job_name", "run_id": "run_id", "step": "step_key"}
    told = {name: known[theirs] for name, theirs in names.items() if known.get(theirs)}
    error = getattr(getattr(known.get("dagster_event"), "event_specific_data", None), "error", None)
    if error is not None and hasattr(error, "to_string"):
        told["exception"] = error.to_string()
    return {**event, **told, "event": known["orig_message"]}


_OUR_NAMES = frozenset({"name", "document", "address"})
"""A lease, a queue or a file has a name, a socket an address; people's are no fields of lines."""


def safe(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a line, nothing sensitive among them."""
    return redacted_fields(fields, _OUR_NAMES)


def _without_secrets(_logger: Any, _method: str, event: Any) -> Any:
    return safe(event)


def _in_words(value: object) -> str:
    try:
        return redacted(repr(value))
    except Exception as error:  # noqa: BLE001 - a line must not fail for a value of it
        return f"<{type(value).__name__}: {type(error).__name__}>"
