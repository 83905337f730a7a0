"""Erasing a customer who asks to be forgotten: find them, see what goes, say so twice, watch it done."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.crm import operations, privacy
from topline.crm.models import Person
from topline.facts.table import tables
from topline.units.text import N_
from topline.web import formats
from topline.web.page import Page, Visit

FOUND = 20


def index(visit: Visit) -> HttpResponse:
    """Who is meant, and how far the erasures have come that were asked for."""
    job = privacy.under_way(visit.shop)
    if visit.is_fragment:
        if job is None:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return visit.render("privacy.html#progress", {"job": job})
    asked = visit.request.GET.get("q", "")
    context = {"asked": asked, "people": Person.objects.matching(visit.shop, asked)[:FOUND], "job": job}
    return visit.render("privacy.html", context)


def erase(visit: Visit, person_id: int) -> HttpResponse:
    """What would go with a person; asked twice, it goes."""
    person = Person.objects.filter(shop=visit.shop, pk=person_id).first()
    if person is None:
        raise Http404
    word = gettext("erase")
    posted = visit.request.POST
    is_sure = posted.get("confirm", "").strip().casefold() == word.casefold()
    if visit.request.method == "POST" and is_sure:
        count = operations.erase(person=person, actor_id=visit.user.pk, now=timezone.now())
        text = gettext("Erased. Customers of sources: %(count)s; their keys leave the facts next.")
        messages.success(visit.request, text % {"count": formats.decimal(count)})
        return redirect("privacy", visit.shop.slug)
    going = privacy.going(person)
    facts = [(formats.say(tables()[name].description), formats.decimal(rows)) for name, rows in going.facts.items()]
    is_second = visit.request.method == "POST"
    context = {"person": person, "going": going, "facts": facts, "is_second": is_second, "word": word}
    return visit.render("erase.html", context, status=400 if "confirm" in posted else 200)


PAGES = (
    Page(
        path="customers/privacy",
        name="privacy",
        view=index,
        permission="customers.write",
        place="customers",
        label=N_("Privacy"),
        icon="shield-lock",
    ),
    Page(
        path="customers/<int:person_id>/erase",
        name="erase_person",
        view=erase,
        permission="customers.write",
        place="customers",
    ),
)
