"""Answers an analysis about a shop from one snapshot, within what the viewer may see."""

from dataclasses import replace
from datetime import datetime

from topline.analysis import catalogue
from topline.analysis.analysis import Question
from topline.analysis.result import Result
from topline.lake import read
from topline.lake.read import HiddenMetricError
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.settings import Settings

_answers: read.Answers[Result] = read.Answers()


def analyse(
    lake: Lake,
    question: Question,
    *,
    scope: Scope,
    settings: Settings,
    snapshot: Snapshot | None = None,
    known_at: datetime | None = None,
) -> Result:
    """The answer from the newest snapshot, or from the one given; remembered for as long as nothing changes.

    known_at : only what had been recorded by then

    Raises OutOfScopeError or HiddenMetricError where the viewer may not see it.
    """
    snapshot = snapshot or lake.latest() or read.NOWHERE
    read.check_shop(lake, scope)
    analysis = catalogue.of(question)
    if question.families & scope.hidden_families:
        raise HiddenMetricError(metric=analysis.label)
    key = (read.known_of(lake, snapshot, known_at), question.digest, settings.digest, scope.digest)
    found = _answers.find(key, snapshot)
    if found is None:
        reads = read.Reads()
        found = analysis.answer(read.visible(lake, snapshot, scope, reads, known_at), question, settings)
        _answers.keep(key, snapshot, reads, found)
    return replace(found, snapshot=snapshot.number, recorded_to=snapshot.recorded_to)


def forget() -> None:
    """Drops the answers that this process remembers."""
    _answers.forget()
