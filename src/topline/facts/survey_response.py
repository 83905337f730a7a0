"""What a person answered when asked."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyResponse(Fact):
    """A person asked, and the answer.

    survey : csat, nps or the shop's own name of it
    score : None while asked and not answered; scale : the highest score, 5 for csat and 10 for nps if None
    is_asked : False for an answer that nobody asked for
    on : the day of asking, so that an answer stands with those asked on the same day; else that of answering
    """

    survey: str
    score: int | None = None
    scale: int | None = None
    customer_key: str | None = None
    order_key: str | None = None
    is_asked: bool = True
    on: date
    answered_on: date | None = None
    channel: str | None = None
    market: str | None = None


TABLE = Table(
    "survey_response",
    SurveyResponse,
    day="on",
    personal_keys=("customer_key",),
    description="surveys asked and answered",
    nothing=Missing("no_surveys", N_("no surveys")),
)
