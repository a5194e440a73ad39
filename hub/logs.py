"""The hub's log: one JSON object a line in ``data_dir/logs/hub.log``, without secrets or personal data.

That is held by construction: only named fields with plain values pass, an exception is its kind and the places
it went through (never its message, which may quote a row or a body), and no address, query or body is logged.
"""

from __future__ import annotations

import logging
import logging.handlers
import time
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import structlog

LOG_BYTES, LOG_FILES = 10_000_000, 5

#: Fields a log line may carry; everything else is left out.
FIELDS = frozenset({
    "event",
    "level",
    "logger",
    "timestamp",
    "error",
    "places",
    "route",
    "status",
    "key",
    "kind",
    "count",
    "seq",
    "station_id",
    "host",
    "port",
    "db",
    "epoch",
    "version",
    "cause",
    "names",
    "due",
    "seconds",
    "waiting",
    "job",
    "ref",
    "quarantine_id",
    "act_id",
    "order_no",
    "what",
})
#: Loggers of others whose messages are theirs: only level and name are kept of them.
_OURS = ("hub", "app", "orderdock")


class JsonLines(logging.Formatter):
    """A record as one JSON line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = dict(record.msg) if isinstance(record.msg, Mapping) else {}
        if not fields:
            is_ours = record.name.split(".")[0] in _OURS
            fields["event"] = str(record.msg) if is_ours else record.name
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        line |= {name: _plain(value) for name, value in fields.items() if name in FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            line |= _exception(record.exc_info[1])
        return msgspec.json.encode(line).decode()


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) or value is None else str(value)[:300]


def _exception(error: BaseException) -> dict[str, Any]:
    """Kind and places of an exception and of what caused it."""
    kinds: list[str] = []
    places: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(kinds) < 5:
        kinds.append(type(seen).__name__)
        places += _places(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__
    return {"error": " < ".join(kinds), "places": places[-30:]}


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]


class _NotUvicornsClosing(logging.Filter):
    """uvicorn calls a stream that we let go on purpose an error; it is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "returned without completing" not in record.getMessage()


@contextmanager
def logging_into(data_dir: Path) -> Iterator[None]:
    """Sends structlog and logging into the file, until the end. Raises OSError when the folder says no."""
    folder = data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        folder / "hub.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    formatter = JsonLines()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    closing = _NotUvicornsClosing()
    server = logging.getLogger("uvicorn.error")
    server.addFilter(closing)
    _quieten()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _to_record],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        root.removeHandler(handler)
        server.removeFilter(closing)
        root.setLevel(level)
        handler.close()


def _quieten() -> None:
    """Others' loggers say only what somebody must act on."""
    # psycopg calls ignored what it raises as well
    for name in (
        "alembic",
        "apscheduler",
        "httpcore",
        "httpx",
        "litestar",
        "psycopg",
        "sqlalchemy",
        "uvicorn.access",
    ):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _to_record(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[dict[str, Any]], dict[str, Any]]:
    """structlog's last step: the fields are the message, the exception goes along as logging knows it."""
    info = event.pop("exc_info", None)
    return (dict(event),), {"exc_info": info} if info else {}
