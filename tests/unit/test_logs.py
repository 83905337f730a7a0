"""Log lines: JSON for programs, one readable line for people on a terminal."""

import io
import json
import logging

import pytest

from topline.config import logs
from topline.web.urls import urlpatterns


def _record(message: str, level: int = logging.INFO, **more: object) -> logging.LogRecord:
    record = logging.LogRecord("topline.jobs", level, __file__, 1, message, (), None)
    record.__dict__.update(more)
    return record


def test_a_request_reads_as_one_line():
    line = logs.LineFormatter().format(
        _record("request", method="GET", path="/shop/gifts/", status=200, ms=34.2, user=1)
    )
    assert line[8:] == "  200 GET /shop/gifts/  34 ms"


def test_other_lines_name_what_they_were_given():
    told = {"job": 7, "kind": "imports.run", "state": "done", "note": None}
    assert logs.LineFormatter().format(_record("job finished", **told))[10:] == (
        "job finished: job 7, kind imports.run, state done"
    )
    assert logs.LineFormatter().format(_record("slow", logging.WARNING))[10:] == "WARNING slow"


def test_json_has_all_of_it():
    line = json.loads(logs.JsonFormatter().format(_record("job finished", job=7)))
    assert (line["level"], line["message"], line["job"]) == ("info", "job finished", 7)


@pytest.mark.parametrize("place", [pattern for pattern in urlpatterns if "<str:token>" in str(pattern.pattern)])
def test_no_line_has_the_key_of_a_link(place):
    """Also where nothing answers it, as without the last slash, and in what Django itself says."""
    path = "/" + str(place.pattern).replace("<str:token>", "S3cret-_")
    for said in (path, path.rstrip("/"), f"Internal Server Error: {path}"):
        for form in (logs.LineFormatter(), logs.JsonFormatter()):
            assert "S3cret" not in form.format(_record(said))
    assert logs.keyless("/shop/a/calendar/events") == "/shop/a/calendar/events"


def test_people_are_those_at_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert logs.style("auto", Terminal()) == "text"
    assert logs.style("auto", io.StringIO()) == "json"
    assert logs.style("json", Terminal()) == "json"
