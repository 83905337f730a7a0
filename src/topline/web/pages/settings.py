"""The shop's settings, its people, keys and audit log."""

from datetime import timedelta
from typing import Any

from babel import Locale
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.accounts import links, operations
from topline.accounts.models import ApiToken, Shop, User, ZoneChange
from topline.accounts.permissions import LABELS, PERMISSIONS
from topline.imports import rezone as history
from topline.team import operations as team
from topline.units.text import N_
from topline.web import audited, formats
from topline.web.page import Page, Visit, whole
from topline.workbench.models import AuditEntry, Job

BASES = {Shop.Basis.EVENT: N_("On the day of the refund"), Shop.Basis.ORDER: N_("On the day of the order")}
AUDIT_PAGE = 50


def shop_view(visit: Visit) -> HttpResponse:
    shop = visit.shop
    if visit.request.method == "POST":
        visit.require("settings.write")
        posted = visit.request.POST
        if posted.get("do") == "rezone":
            history.enqueue(shop=shop, actor_id=visit.user.pk)
            return redirect("settings", shop.slug)
        changes: dict[str, Any] = {
            name: posted[name] for name in ("name", "timezone", "country", "order_basis", "currency") if name in posted
        }
        changes |= {
            name: int(posted[name]) for name in ("week_start", "fiscal_first_month") if posted.get(name, "").isdecimal()
        }
        operations.change_settings(shop=shop, actor_id=visit.user.pk, today=visit.today, **changes)
        messages.success(visit.request, gettext("The settings are kept. Figures follow at once."))
        return redirect("settings", shop.slug)
    job = Job.objects.unfinished().filter(shop=shop.slug, kind=history.KIND).first()
    if visit.is_fragment:
        return HttpResponse(status=204) if job else HttpResponse(headers={"HX-Refresh": "true"})
    may_write = visit.may("settings.write")
    is_two_clocks = may_write and job is None and ZoneChange.objects.filter(shop=shop).exists()
    shifted = history.effects(shop).values() if is_two_clocks and "clock" in visit.request.GET else None
    where = Locale.parse(str(formats.locale()))
    return visit.render(
        "settings.html",
        {
            "may_write": may_write,
            "rezone_job": job,
            "is_two_clocks": is_two_clocks,
            "shifted": [sum(each.hours for each in shifted), sum(each.days for each in shifted)] if shifted else None,
            "is_looked": shifted is not None,
            "has_facts": operations.has_facts(shop),
            **formats.places(),
            "week_days": [(i, where.days["stand-alone"]["wide"][i - 1]) for i in range(1, 8)],
            "months": list(where.months["stand-alone"]["wide"].items()),
            "bases": [(value, gettext(label)) for value, label in BASES.items()],
        },
    )


def people_view(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        visit.require("people.write")
        return _change_people(visit)
    people = User.objects.filter(membership__shop=visit.shop).distinct().order_by("name", "email")
    return visit.render(
        "people.html",
        {
            "people": [
                {
                    "user": each,
                    "roles": sorted(each.roles_in(visit.shop)),
                    "labels": [LABELS[role] for role in LABELS if role in each.roles_in(visit.shop)],
                    "owner_key": next(iter(each.owner_keys_in(visit.shop)), ""),
                }
                for each in people
            ],
            "roles": [(role.value, label) for role, label in LABELS.items()],
            "may_write": visit.may("people.write"),
            "link": visit.request.session.pop("invited_link", None),
        },
    )


def _change_people(visit: Visit) -> HttpResponse:
    posted, actor = visit.request.POST, visit.user.pk
    if posted.get("do") == "invite":
        user, token = operations.invite(
            shop=visit.shop,
            email=posted.get("email", ""),
            name=posted.get("name", ""),
            roles=posted.getlist("roles"),
            actor_id=actor,
            now=timezone.now(),
        )
        if operations.send_link(user=user, token=token, shop=visit.shop, inviter=str(visit.user)):
            messages.success(
                visit.request, gettext("An invitation is on its way to %(email)s.") % {"email": user.email}
            )
        else:
            visit.request.session["invited_link"] = {"person": str(user), "address": links.address(token)}
    else:
        person = User.objects.filter(membership__shop=visit.shop, pk=whole(posted.get("user"))).first()
        if person is None:
            raise Http404
        operations.set_roles(shop=visit.shop, user=person, roles=posted.getlist("roles"), actor_id=actor)
        owner_key = posted.get("owner_key", "").strip()
        if posted.getlist("roles") and {owner_key} - {""} != person.owner_keys_in(visit.shop):
            team.name_person(shop=visit.shop, user=person, key=owner_key, actor_id=actor)
        messages.success(visit.request, gettext("%(person)s's roles are kept.") % {"person": person})
    return redirect("people", visit.shop.slug)


def tokens_view(visit: Visit) -> HttpResponse:
    now = timezone.now()
    own = ApiToken.objects.filter(shop=visit.shop, user=visit.user)
    if visit.request.method == "POST":
        posted = visit.request.POST
        if posted.get("do") == "revoke":
            token = own.filter(pk=whole(posted.get("token"))).first()
            if token is None:
                raise Http404
            operations.revoke_token(token=token, actor_id=visit.user.pk, now=now)
            messages.success(visit.request, gettext("The token “%(name)s” works no more.") % {"name": token.name})
        else:
            days = posted.get("days", "")
            _, secret = operations.create_token(
                user=visit.user,
                shop=visit.shop,
                name=posted.get("name", ""),
                scopes=posted.getlist("scopes"),
                actor_id=visit.user.pk,
                expires_at=now + timedelta(days=int(days)) if days.isdecimal() else None,
            )
            visit.request.session["new_token"] = secret
        return redirect("tokens", visit.shop.slug)
    return visit.render(
        "tokens.html",
        {
            "tokens": own.live(now).order_by("-created_at"),
            "scopes": [(code, label) for code, label in PERMISSIONS.items() if visit.may(code)],
            "secret": visit.request.session.pop("new_token", None),
        },
    )


def audit_view(visit: Visit) -> HttpResponse:
    """Who did what, the newest first, a page at a time by id."""
    entries = AuditEntry.objects.concerning(visit.shop.slug, visit.shop.membership_set.values_list("user", flat=True))
    before = visit.request.GET.get("before", "")
    if before.isdecimal():
        entries = entries.filter(id__lt=int(before))
    shown = list(entries[: AUDIT_PAGE + 1])
    named = User.objects.filter(pk__in=audited.people_of(shown))
    people = {user.pk: str(user) for user in named}
    return visit.render(
        "audit.html",
        {
            "entries": [
                {
                    "at": e.at.astimezone(visit.shop.zone),
                    "actor": people.get(e.actor_id or 0, "Topline"),
                    "action": audited.action(e),
                    "about": audited.about(e, people),
                    "detail": audited.detail(e, people),
                }
                for e in shown[:AUDIT_PAGE]
            ],
            "before": shown[AUDIT_PAGE - 1].pk if len(shown) > AUDIT_PAGE else None,
            "is_first": not before,
        },
    )


PAGES = (
    Page(
        path="settings",
        name="settings",
        view=shop_view,
        permission="settings.read",
        place="settings",
        label=N_("Shop"),
        icon="building-store",
    ),
    Page(
        path="settings/people",
        name="people",
        view=people_view,
        permission="people.read",
        place="settings",
        label=N_("People and roles"),
        icon="users",
    ),
    Page(
        path="settings/tokens",
        name="tokens",
        view=tokens_view,
        permission="metrics.read",
        place="settings",
        label=N_("Tokens"),
        icon="key",
    ),
    Page(
        path="settings/audit",
        name="audit",
        view=audit_view,
        permission="audit.read",
        place="settings",
        label=N_("Audit log"),
        icon="history",
    ),
)
