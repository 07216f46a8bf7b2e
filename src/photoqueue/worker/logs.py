"""Log lines of a worker, as text or as JSON: an event and its fields."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from photoqueue import tracing

LogFormat = Literal["text", "json"]
#: Values that need no quotes: visible ASCII without spaces, quotes and equals signs.
_PLAIN: Final = re.compile(r"[!#-<>-~]+")


def configure_logging(log_format: LogFormat) -> None:
    """Send the log of photoqueue, and warnings of its database driver, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    for name, lowest in (("photoqueue", logging.INFO), ("psycopg", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(lowest)
        logger.propagate = False


class TextFormatter(logging.Formatter):
    """``2026-11-23T18:55:11.042Z INFO photo-analyze completed job=… photo=… …``."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one line."""
        fields = dict(getattr(record, "fields", {}))
        queue = fields.pop("queue", None)
        parts = [_time(record), record.levelname, *([str(queue)] if queue else [])]
        parts.append(record.getMessage())
        parts.extend(f"{name}={_quoted(value)}" for name, value in fields.items())
        line = " ".join(parts)
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time``, ``level``, ``event``, and the fields of the event.

    With tracing, ``trace_id`` and ``span_id`` identify the span.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format one line."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
            **tracing.log_fields(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: object) -> str:
    """Quote a value that contains spaces or special characters, so that it stays on one line."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    plain = text.isprintable() and not any(mark in text for mark in ' "=')
    return text if text and plain else json.dumps(text, ensure_ascii=False)
