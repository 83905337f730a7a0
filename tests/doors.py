"""Bad input at every door: a table says what page, API and command answer, in words and never as a crash."""

import html
import json
import re
from collections.abc import Mapping
from contextlib import suppress

from test_api import caller

from topline.cli import main
from topline.units.errors import ToplineError
from topline.workbench import jobs
from topline.workbench.models import Job

type Table = Mapping[str, str]
"""What is asked, and what the answer says. What begins with "/" is a page of the shop, with "GET" a resource of the
API, with "topline" a command."""

_REFUSED = (400, 404, 422)


def assert_said(table: Table, *, shop, owner, client, capsys) -> None:
    client.force_login(owner)
    call = caller(shop, owner)
    for asked, said in table.items():
        way, _, rest = asked.partition(" ")
        if way == "topline":
            shown, is_refused = _command(rest.split(), capsys)
        elif way == "GET":
            shown, is_refused = _resource(call, f"/shops/{shop.slug}{rest}")
        else:
            shown, is_refused = _page(client, f"/shop/{shop.slug}{asked}"), True
        assert said in shown, (asked, shown[-2_000:])
        assert is_refused, asked


def _page(client, address: str) -> str:
    first = client.get(address)
    if Job.objects.filter(state=Job.State.QUEUED).exists():
        _work()
        first = client.get(address, headers={"HX-Request": "true"})
    assert first.status_code in (200, *_REFUSED), address
    return _words(first.content.decode())


def _resource(call, address: str) -> tuple[str, bool]:
    answer = call("GET", address)
    if answer.status_code == 202 and answer.json()["state"] != "failed":
        _work()
        answer = call("GET", address)
    found = answer.json()
    return json.dumps(found, ensure_ascii=False), answer.status_code in _REFUSED or found.get("state") == "failed"


def _command(arguments: list[str], capsys) -> tuple[str, bool]:
    capsys.readouterr()
    code = main.run(arguments)
    return _words(capsys.readouterr().err), code in (2, 3, 4)


def _work() -> None:
    for job in Job.objects.filter(state=Job.State.QUEUED):
        with suppress(ToplineError):
            jobs.run_now(job)


def _words(text: str) -> str:
    """A page's words, or a command's without the frame around them."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))
