"""What next: what to offer a customer, and what goes with a basket, with reasons."""

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from topline.crm.models import Person
from topline.documents.sheet import Column, Form, Sheet
from topline.outlook.recommend import Advice, Recommended, Recommender
from topline.plans import standing
from topline.units.text import N_
from topline.web import files, formats, question
from topline.web.page import Page, Visit

MOST_PICKS = 300
LISTS = {
    "next": (N_("Next products"), N_("What comes next of all, things bought before among them.")),
    "cross_sell": (N_("Cross-sell"), N_("New to them, and bought by those who bought the same.")),
    "upsell": (N_("Upsell"), N_("Of the same categories, a tenth to three times as dear.")),
}


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit, "basket", "add", "customer")
    if visit.is_empty:
        return visit.render("next.html", {"is_empty": True})
    stands = standing.look(visit.shop, "recommend", retry=visit.is_retry)
    if stands.run is None:
        job = stands.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("next.html#body" if visit.is_fragment else "next.html", context)
    recommender = Recommender(stands.run)
    basket = [key for key in visit.request.GET.getlist("basket") if key]
    added = visit.request.GET.get("add", "")
    basket += [added] if added and added not in basket else []
    customer = visit.request.GET.get("customer", "").strip() if visit.may("rows.read") else ""
    best = [] if basket or customer else recommender.run.texts("product", "key")
    if best:
        buyers = recommender.run.floats("product", "buyers")
        basket = [best[int(buyers.argmax())]]
    advice = _advice(visit, recommender, basket, customer)
    if file := _file(visit, recommender, advice):
        return file
    return visit.render(
        "next.html#body" if visit.is_fragment else "next.html",
        {
            "recommender": recommender,
            "about": recommender.run.about,
            "sentence": _sentence(visit, recommender, advice, customer),
            "lists": [_list(visit, id_, recommender, getattr(advice, id_)) for id_ in LISTS],
            "bought": [(key, recommender.title(key)) for key in advice.bought[:20]],
            "basket": [(key, recommender.title(key)) for key in basket if key in recommender.place],
            "customer": customer,
            "picks": _picks(recommender),
            "customers": _customers(visit, recommender),
            "accuracy": _accuracy(recommender),
            "is_remade": stands.job is not None and not stands.job.is_finished,
        },
    )


def _advice(visit: Visit, recommender: Recommender, basket: list[str], customer: str) -> Advice:
    """Raises UnknownCustomerError, UnknownBasketError."""
    if not customer:
        return recommender.basket(basket)
    lake = visit.shop.lake()
    snapshot = lake.latest()
    assert snapshot is not None  # noqa: S101 - the view looked
    return recommender.customer(lake, snapshot, customer)


def _sentence(visit: Visit, recommender: Recommender, advice: Advice, customer: str) -> str:
    first = advice.next[0] if advice.next else None
    if first is None:
        return gettext("Nothing stands out to offer: what was bought goes with nothing in particular.")
    if customer:
        name = _name(visit, customer)
        return gettext("%(name)s is most likely to buy %(title)s next.") % {"name": name, "title": first.title}
    return gettext("With %(bought)s, offer %(title)s.") % {
        "bought": ", ".join(recommender.title(key) for key in advice.bought[:3]),
        "title": first.title,
    }


def _name(visit: Visit, key: str) -> str:
    """A customer's name for who may see it, the key otherwise."""
    if not visit.may("customers.read"):
        return key
    return Person.objects.names(visit.shop, [key]).get(key) or key


def _list(visit: Visit, id_: str, recommender: Recommender, found: tuple[Recommended, ...]) -> dict[str, Any]:
    label, about = LISTS[id_]
    return {
        "id": id_,
        "label": formats.say(label),
        "about": formats.say(about),
        "lines": [
            {
                "key": each.product,
                "title": each.title,
                "category": each.category or "–",
                "price": each.price,
                "why": _why(recommender, each),
            }
            for each in found
        ],
    }


def _why(recommender: Recommender, each: Recommended) -> str:
    because = ", ".join(f"{recommender.title(key)} ({formats.percent(share, 0)})" for key, share in each.reasons)
    if each.is_again and because:
        return gettext("bought before; also because of %(titles)s") % {"titles": because}
    if each.is_again:
        return gettext("bought before")
    return gettext("because of %(titles)s") % {"titles": because} if because else ""


def _picks(recommender: Recommender) -> list[tuple[str, str]]:
    """The products that most customers bought, to put into a basket."""
    buyers = recommender.run.floats("product", "buyers")
    keys, titles = recommender.run.texts("product", "key"), recommender.run.texts("product", "title")
    found = [(keys[k], titles[k]) for k in (-buyers).argsort(kind="stable")[:MOST_PICKS].tolist()]
    return sorted(found, key=lambda each: each[1].lower())


def _customers(visit: Visit, recommender: Recommender) -> list[dict[str, Any]]:
    """The best customers of the last year, for who may see rows."""
    if not visit.may("rows.read"):
        return []
    rows = recommender.run.tables["customer"].to_pylist()
    keys = [row["customer_key"] for row in rows]
    names = Person.objects.names(visit.shop, keys) if visit.may("customers.read") else {}
    return [row | {"name": names.get(row["customer_key"]) or row["customer_key"]} for row in rows]


def _accuracy(recommender: Recommender) -> str:
    past = recommender.run.about["backtest"]
    if past is None:
        return gettext("There are too few purchases to hold some out and measure it on them.")
    return gettext(
        "Held out, the last 60 days: %(recall)s of what %(customers)s customers bought stood among their first "
        "%(most)s; of the best sellers, %(popular)s would have."
    ) % {
        "recall": formats.percent(past["recall"], 0),
        "customers": formats.decimal(past["customers"]),
        "most": past["most"],
        "popular": formats.percent(past["popular"], 0),
    }


def _file(visit: Visit, recommender: Recommender, advice: Advice) -> HttpResponseBase | None:
    kind = visit.request.GET.get("format", "")
    if kind not in ("csv", "xlsx"):
        return None
    columns = [
        Column(gettext("List")),
        Column(gettext("Product")),
        Column(gettext("Title")),
        Column(gettext("Price"), Form.MONEY, visit.shop.currency),
        Column(gettext("Why")),
    ]
    rows = [
        [formats.say(LISTS[id_][0]), each.product, each.title, each.price, _why(recommender, each)]
        for id_ in LISTS
        for each in getattr(advice, id_)
    ]
    return files.download(kind, f"{visit.shop.slug}-next", lambda: Sheet(gettext("What next"), columns, rows), dict)


PAGES = (
    Page(
        path="outlook/next",
        name="next_products",
        view=view,
        permission="metrics.read",
        place="outlook",
        is_whole=True,
        label=N_("What next"),
        icon="basket-plus",
        rank=6,
    ),
)
