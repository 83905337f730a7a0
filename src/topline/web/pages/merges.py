"""Saying that two customers are one person, and taking it back."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.accounts.models import User
from topline.crm import operations
from topline.crm.models import Person
from topline.units.text import N_
from topline.web.page import Page, Visit, whole
from topline.workbench.models import AuditEntry

FOUND = 20
PER_PAGE = 50


def view(visit: Visit) -> HttpResponse:
    """Who stays, who is the same person, and the merges there are."""
    if visit.request.method == "POST":
        return _change(visit)
    asked = visit.request.GET.get("q", "")
    keep = Person.objects.filter(shop=visit.shop, pk=whole(visit.request.GET.get("keep"))).first()
    found = Person.objects.matching(visit.shop, asked).select_related("merged_into")
    context = {
        "asked": asked,
        "keep": operations.root(keep) if keep else None,
        "people": found.exclude(pk__in=_under(keep))[:FOUND],
        **_merges(visit),
    }
    return visit.render("merges.html", context)


def _under(keep: Person | None) -> list[int]:
    """Who is one person with the one who stays already."""
    return [each.pk for each in operations.tree(operations.root(keep))] if keep else []


def _merges(visit: Visit) -> dict[str, object]:
    """A page of the merges, with who said so and when."""
    listed = Person.objects.merged(visit.shop)
    before = whole(visit.request.GET.get("before"))
    shown = list((listed.filter(pk__lt=before) if before else listed)[: PER_PAGE + 1])
    page = shown[:PER_PAGE]
    told = AuditEntry.objects.of(visit.shop.slug).filter(
        action="person.merge", detail__other__in=[each.key for each in page]
    )
    said = {entry.detail["other"]: entry for entry in reversed(told)}
    actors = User.objects.in_bulk({entry.actor_id for entry in said.values() if entry.actor_id})
    rows = []
    for each in page:
        entry = said.get(each.key)
        rows.append(
            {
                "person": each,
                "at": entry.at.astimezone(visit.shop.zone) if entry else None,
                "actor": str(actors.get(entry.actor_id or 0, "Topline")) if entry else "",
            }
        )
    return {"merges": rows, "count": listed.count(), "before": page[-1].pk if len(shown) > PER_PAGE else None}


def _change(visit: Visit) -> HttpResponse:
    posted, actor, now = visit.request.POST, visit.user.pk, timezone.now()
    person = _person(visit, posted.get("person"))
    if posted.get("do") == "unmerge":
        operations.unmerge(person=person, actor_id=actor, now=now)
        text = gettext("%(person)s stands for themselves again, with what was theirs.") % {"person": person}
    else:
        kept = operations.merge(keep=_person(visit, posted.get("keep")), other=person, actor_id=actor, now=now)
        names = {"person": person, "kept": kept}
        text = gettext("The history of %(person)s counts as that of %(kept)s now.") % names
    messages.success(visit.request, text)
    return redirect("merges", visit.shop.slug)


def _person(visit: Visit, number: str | None) -> Person:
    found = Person.objects.filter(shop=visit.shop, pk=whole(number)).first()
    if found is None:
        raise Http404
    return found


PAGES = (
    Page(
        path="customers/merges",
        name="merges",
        view=view,
        permission="customers.write",
        place="customers",
        label=N_("Same person"),
        icon="arrow-merge-both",
        is_whole=True,
    ),
)
