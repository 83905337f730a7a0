"""Structured logs: one JSON object a line, and one line a request."""

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from django.http import HttpRequest, HttpResponse

_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "request", "taskName"}
_KEYED = re.compile(r"(?<!\S)/(start|calendar|screen|shared|unsubscribe)/[^/\s]+")
_log = logging.getLogger("topline.request")


def keyless(text: str) -> str:
    """A path, or what Django says of one, without the secret of a link that is a key."""
    return _KEYED.sub(r"/\1/…", text)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON, with whatever `extra` it was given."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": keyless(record.getMessage()),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class LineFormatter(logging.Formatter):
    """A log record as a line for people: time, what happened, and what it was given."""

    def format(self, record: logging.LogRecord) -> str:
        more = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if {"method", "path", "status", "ms"} <= more.keys():
            text = f"{more['status']} {more['method']} {more['path']}  {more['ms']:.0f} ms"
        else:
            told = ", ".join(f"{key} {value}" for key, value in more.items() if value not in (None, ""))
            text = keyless(record.getMessage()) + (f": {told}" if told else "")
        level = "" if record.levelno < logging.WARNING else f"{record.levelname} "
        line = f"{datetime.fromtimestamp(record.created):%H:%M:%S}  {level}{text}"  # noqa: DTZ006 - the terminal's time
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def style(wanted: str, stream: TextIO) -> str:
    """`json` or `text`; where `auto` is wanted, by whether people read the stream."""
    return wanted if wanted != "auto" else "text" if stream.isatty() else "json"


class RequestLogMiddleware:
    """Logs each request with its time and names it in the response's `X-Request-Id`.

    Query strings stay out, and links that are keys.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-Id"] = name = uuid.uuid4().hex
        level = logging.ERROR if response.status_code >= 500 else logging.INFO
        if not request.path.startswith(("/static/", "/healthz")):
            _log.log(
                level,
                "request",
                extra={
                    "request_id": name,
                    "method": request.method,
                    "path": keyless(request.path),
                    "status": response.status_code,
                    "ms": round((time.perf_counter() - began) * 1000, 1),
                    "user": getattr(getattr(request, "user", None), "pk", None),
                },
            )
        return response
