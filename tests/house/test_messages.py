"""Every text of the product is in the catalogue of every language, with the same parameters."""

import re
import runpy
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import translation

MESSAGES = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "messages.py"))
PARAMETER = re.compile(r"%\(\w+\)[sd]")
HOW = "run `python tools/messages.py`, then translate what stands empty in src/topline/locale"


@pytest.fixture(scope="module")
def wanted():
    return MESSAGES["catalogue"]()


@pytest.fixture(scope="module", params=MESSAGES["LANGUAGES"])
def kept(request):
    return MESSAGES["load"](request.param)


def test_every_text_is_translated(wanted, kept):
    missing = [m.id for m in wanted if m.id and not _translated(kept.get(m.id, m.context))]
    assert not missing, f"{len(missing)} texts without a translation, such as {missing[:5]}: {HOW}"


def test_parameters_are_the_same(kept):
    for message in kept:
        for text in _texts(message.string):
            assert set(PARAMETER.findall(str(message.id))) >= set(PARAMETER.findall(text)), message.id
            assert text.count("%%") == str(_texts(message.id)[0]).count("%%"), message.id


def test_nothing_is_fuzzy(kept):
    assert not [message.id for message in kept if message.id and message.fuzzy]


def test_a_per_cent_sign_in_a_page_is_translated():
    with translation.override("ro"):
        text = Template("{% load i18n %}{% translate 'Discount, %' %}").render(Context())
    assert text == "Reducere, %"


def _translated(message) -> bool:
    return message is not None and all(_texts(message.string))


def _texts(value) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
