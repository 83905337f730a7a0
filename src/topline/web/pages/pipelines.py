"""Pipeline ahead: what open deals and new ones will bring by week, their chances, and how leads convert."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from topline.accounts.scopes import require_whole
from topline.documents.sheet import Column, Form, Sheet
from topline.outlook import pipeline as outlook
from topline.outlook.kept import Run
from topline.plans import standing
from topline.science.pipeline import Revenue
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit

MOST_DEALS = 40
MONTH_WEEKS = 4
LEAD_COLUMNS = {
    "channel": N_("Channel"),
    "campaign": N_("Campaign"),
    "market": N_("Market"),
    "owner": N_("Owner"),
    "product_line": N_("Product line"),
    "month": N_("Month it came in"),
}


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit)
    if visit.is_empty:
        return visit.render("pipeline_ahead.html", {"is_empty": True})
    stands = standing.look(visit.shop, "pipeline", retry=visit.is_retry)
    if stands.run is None:
        job = stands.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        waiting = {"job": job, "error": formats.failure(job)}
        return visit.render("pipeline_ahead.html#body" if visit.is_fragment else "pipeline_ahead.html", waiting)
    require_whole(replace(visit.scope, owners=None))
    run, owners = stands.run, visit.scope.owners
    made = outlook.revenue(run, owners=owners)
    picture = _picture(visit, run, made)
    if file := _file(visit, run, made, picture):
        return file
    context = {
        "run": run,
        "about": run.about,
        "sentence": _sentence(visit, made),
        "picture": picture,
        "deals": _deals(run, owners)[:MOST_DEALS] if visit.may("rows.read") else [],
        "stages": run.tables["stage"].to_pylist(),
        "leads": _leads(run),
        "open_leads": _open_leads(run, owners)[:MOST_DEALS] if visit.may("rows.read") else [],
        "curve_picture": _curve(run),
        "is_own": owners is not None,
        "pushed": formats.percent(1 - run.about["pushed_odds"], 0),
        "new": formats.decimal(run.about["new_per_week"], 1),
        "is_remade": stands.job is not None and not stands.job.is_finished,
    }
    return visit.render("pipeline_ahead.html#body" if visit.is_fragment else "pipeline_ahead.html", context)


def _sentence(visit: Visit, made: Revenue) -> str:
    def say(value: float) -> str:
        return formats.short_money(value, visit.shop.currency)

    k = MONTH_WEEKS - 1
    return gettext("The next four weeks bring %(mean)s of won deals, %(low)s to %(high)s; the quarter %(quarter)s.") % {
        "mean": say(made.total_mean[k]),
        "low": say(made.total_low[k]),
        "high": say(made.total_high[k]),
        "quarter": say(made.total_mean[-1]),
    }


def _weeks(run: Run) -> list[date]:
    first = date.fromisoformat(run.about["as_of"])
    return [first + timedelta(weeks=week) for week in range(outlook.WEEKS)]


def _picture(visit: Visit, run: Run, made: Revenue) -> charts.Picture:
    rows = [
        *charts.band(
            gettext("%(level)s interval") % {"level": formats.percent(0.8, 0)}, made.low.tolist(), made.high.tolist()
        ),
        charts.Line(gettext("Open deals"), made.open_mean.tolist(), "actual"),
        charts.Line(gettext("With new deals"), made.mean.tolist(), "forecast"),
    ]
    axis = [formats.day(week) for week in _weeks(run)]
    drawn = charts.picture(gettext("Won revenue by week"), axis, rows, unit="money", currency=visit.shop.currency)
    return charts.as_columns(drawn)


def _deals(run: Run, owners: Any) -> list[dict[str, Any]]:
    """Open deals, those first that are expected to bring most."""
    found = [
        row
        | {
            "worth": row["value"] * row["chance"],
            "odds": formats.percent(row["chance"], 0),
            "age": formats.number(round(row["age_days"]), "days", ""),
        }
        for row in run.tables["deal"].drop_columns(["by_week"]).to_pylist()
        if owners is None or row["owner"] in owners
    ]
    return sorted(found, key=lambda row: -row["worth"])


def _open_leads(run: Run, owners: Any) -> list[dict[str, Any]]:
    """Open leads, the likeliest first, with what speaks for and against each."""
    return [
        row
        | {
            "odds": formats.percent(row["chance"], 0),
            "age": formats.number(row["age_days"], "days", ""),
            "reasons": [{"text": _reason(row, each), "is_good": each["factor"] > 1} for each in row["why"]],
        }
        for row in outlook.open_leads(run, owners=owners)
    ]


def _reason(row: dict[str, Any], reason: dict[str, Any]) -> str:
    """A reason as people say it: "Channel: paid search × 1.4"."""
    name = reason["column"]
    value = formats.month(row["created"]) if name == "month" else row[name]
    shown = question.label(name, value) if name in ("channel", "market") else value or "–"
    title = gettext(LEAD_COLUMNS[name])
    return f"{title}: {shown} × {formats.fixed(reason['factor'], 1)}"


def _leads(run: Run) -> dict[str, Any]:
    """How scores of leads did, and whether they are worth anything; or why there are none."""
    about = run.about["leads"]
    if "missing" in about:
        return {"missing": gettext(about["missing"]) % about["params"]}
    is_worth = about.get("is_worth", False)  # a run kept by an older version does not say it
    words = {
        "auc": formats.fixed(about["auc"], 2),
        "later": formats.fixed(about["later_auc"], 2),
        "rate": formats.percent(about["rate"], 0),
        "n": formats.decimal(about["closed"]),
    }
    if is_worth:
        said = gettext(
            "Of two leads, the one with the higher score is the one that converts in %(auc)s of cases, %(later)s among "
            "the newest fifth; by %(n)s closed leads, of which %(rate)s converted."
        )
    else:
        said = gettext(
            "What is known of a lead says nothing of whether it converts (%(auc)s of pairs ranked right, .5 is "
            "chance): the share that converts, %(rate)s of %(n)s closed leads, is the best score."
        )
    return {"said": said % words, "leaks": [name for name, _ in about["leaks"]], "is_worth": is_worth}


def _curve(run: Run) -> charts.Picture | None:
    if "curve" not in run.tables:
        return None
    expected, observed = run.floats("curve", "expected"), run.floats("curve", "observed")
    rows = [
        charts.Line(gettext("Converted"), observed.round(4).tolist(), "actual"),
        charts.Line(gettext("As scored"), expected.round(4).tolist(), "plan"),
    ]
    axis = [formats.percent(value, 0) for value in expected]
    return charts.picture(gettext("Calibration of the scores"), axis, rows, unit="rate", currency="")


def _file(visit: Visit, run: Run, made: Revenue, picture: charts.Picture) -> HttpResponseBase | None:
    kind, currency = visit.request.GET.get("format", ""), visit.shop.currency
    if kind not in files.KINDS:
        return None
    if visit.request.GET.get("table") == "deals" and visit.may("rows.read"):
        columns = [
            Column(gettext("Deal")),
            Column(gettext("Stage")),
            Column(gettext("Owner")),
            Column(gettext("Value"), Form.MONEY, currency),
            Column(gettext("Chance to win"), Form.RATE),
        ]
        names = ("key", "stage", "owner", "value", "chance")
        rows = [[row[name] for name in names] for row in _deals(run, visit.scope.owners)]
        return files.download(kind, f"{visit.shop.slug}-deals", lambda: Sheet(gettext("Deals"), columns, rows), dict)
    if visit.request.GET.get("table") == "leads" and visit.may("rows.read"):
        columns = [
            Column(gettext("Lead")),
            Column(gettext("Since"), Form.DATE),
            *(Column(gettext(LEAD_COLUMNS[name])) for name in ("channel", "market", "product_line", "owner")),
            Column(gettext("Chance to convert"), Form.RATE),
            Column(gettext("Why")),
        ]
        shown = ("key", "created", "channel", "market", "product_line", "owner", "chance")
        lines = [
            [*(row[name] for name in shown), "; ".join(each["text"] for each in row["reasons"])]
            for row in _open_leads(run, visit.scope.owners)
        ]
        return files.download(kind, f"{visit.shop.slug}-leads", lambda: Sheet(gettext("Leads"), columns, lines), dict)
    titles = [gettext("Low"), gettext("Expected"), gettext("High"), gettext("Open deals"), gettext("New deals")]
    weekly = np.column_stack([made.low, made.mean, made.high, made.open_mean, made.new_mean]).tolist()
    sheet = Sheet(
        gettext("Won revenue by week"),
        [Column(gettext("Week"), Form.DATE), *(Column(title, Form.MONEY, currency) for title in titles)],
        [[week, *values] for week, values in zip(_weeks(run), weekly, strict=True)],
    )
    return files.download(kind, f"{visit.shop.slug}-pipeline", lambda: sheet, lambda: picture.option)


PAGES = (
    Page(
        path="outlook/pipeline",
        name="pipeline_ahead",
        view=view,
        permission="metrics.read",
        place="outlook",
        label=N_("Pipeline ahead"),
        icon="filter-dollar",
        rank=5,
    ),
)
