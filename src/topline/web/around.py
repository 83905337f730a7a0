"""What is no page of a place: the front door, one-time links, the language, the palette, the clock's stepper."""

import re
from datetime import date, timedelta
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST

from topline.accounts import operations
from topline.accounts.models import Shop, User
from topline.calendar import feed, holiday
from topline.documents import ics
from topline.plans import agenda, calendar
from topline.units.errors import ToplineError
from topline.units.period import Period, add_months, parse_day
from topline.web import formats
from topline.web.page import open_visit
from topline.web.shell import Shell, last_shop

_BACKEND = settings.AUTHENTICATION_BACKENDS[0]


def front_door(request: HttpRequest) -> HttpResponse:
    """The shop that the person saw last; a page that says what to do where there is none."""
    user = cast(User, request.user)
    if shop := last_shop(user):
        return redirect("home", shop.slug)
    if Shop.objects.exists():
        return render(request, "no_shop.html")
    return _first_shop(request, user)


def _first_shop(request: HttpRequest, user: User) -> HttpResponse:
    """The form that makes the first shop of an installation, for whoever is the first to sign in."""
    return _shop_form(request, user, "no_shop.html", {"is_first": True, "written": request.POST})


def new_shop(request: HttpRequest) -> HttpResponse:
    """The form that makes a further shop, for whoever owns one."""
    user = cast(User, request.user)
    if not user.owns_a_shop:
        raise PermissionDenied
    shop = last_shop(user)
    alike = {name: getattr(shop, name) for name in ("country", "currency", "timezone")}
    return _shop_form(request, user, "new_shop.html", {"written": request.POST or alike})


def _shop_form(request: HttpRequest, user: User, template: str, context: dict[str, object]) -> HttpResponse:
    """The form of a shop; the shop's imports, once it is made."""
    posted, error = request.POST, ""
    if request.method == "POST":
        try:
            shop = operations.create_shop(
                slug=operations.free_slug(posted.get("name", "")),
                name=posted.get("name", ""),
                owner=user,
                actor_id=user.pk,
                currency=posted.get("currency", ""),
                timezone=posted.get("timezone", ""),
                country=posted.get("country", ""),
            )
            return redirect("imports", shop.slug)
        except ToplineError as wrong:
            error = formats.say(wrong)
    return render(request, template, context | {"error": error, **formats.places()}, status=400 if error else 200)


@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    """The mark, for a browser that shows something else than a page of ours, which names it."""
    return redirect(static("mark.svg"))


@login_not_required
def start(request: HttpRequest, token: str) -> HttpResponse:
    """Where a one-time link lands. Only a press of the button uses it up, so that a mail scanner doesn't."""
    now = timezone.now()
    try:
        if request.method != "POST":
            return render(request, "start.html", _welcome(operations.link_user(token=token, now=now)))
        user = operations.link_user(token=token, now=now)
        if user.email == operations.FIRST_EMAIL:
            try:
                _claim(user, request.POST)
            except ToplineError as error:
                context = _welcome(user) | {"error": formats.say(error), "written": request.POST}
                return render(request, "start.html", context, status=400)
        user = operations.use_link(token=token, now=now)
    except operations.LinkError as error:
        return render(request, "start.html", {"problem": formats.say(error)}, status=410)
    login(request, user, backend=_BACKEND)
    return redirect("front_door")


def _welcome(user: User) -> dict[str, object]:
    return {"person": user, "is_first": user.email == operations.FIRST_EMAIL}


def _claim(user: User, posted: QueryDict) -> None:
    """Make the account of a first run its owner's."""
    operations.claim(
        user=user,
        email=posted.get("email", ""),
        name=posted.get("name", ""),
        password=posted.get("password") or None,
    )


@login_not_required
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """A calendar for programs that know its secret address, from last year's dates to those in two years.

    It is the retail calendar, a front's or a team's dates, or a person's, as long as they may see the shop's plans.
    """
    link = calendar.link_of(token)
    if link is None:
        raise Http404
    shop, name = link.shop, link.shop.name
    today = shop.today()
    period = Period(date(today.year - 1, 1, 1), date(today.year + 3, 1, 1))
    if link.person is None and not link.front and not link.team:
        days = holiday.holidays(shop.country, period, get_language() or "en")
        entries = feed.entries(calendar.events_of(shop, period), days, gettext)
    else:
        person = link.person
        if person is not None and not (person.is_active and "plans.read" in person.permissions_in(shop)):
            raise Http404
        people = frozenset({person.pk}) if person else agenda.people_of(shop, link.team) if link.team else frozenset()
        found = agenda.own_dates(shop, period, people=people, front=link.front)
        entries = agenda.entries(found, gettext)
        fronts = agenda.fronts_of(agenda.versions_of(shop, period)) if link.front else {}
        name = f"{shop.name}: {person or link.team or fronts.get(link.front, '')}"
    body = ics.feed(entries, name=name, now=timezone.now())
    return HttpResponse(body, content_type="text/calendar; charset=utf-8", headers={"Cache-Control": "private"})


@login_not_required
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Remembers the language for the browser and, if signed in, for the person."""
    response = HttpResponseRedirect(_back(request))
    language = request.POST.get("language")
    if language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 86_400, samesite="Lax")
        if isinstance(request.user, User):
            operations.change_profile(user=request.user, actor_id=request.user.pk, language=language)
    return response


def palette(request: HttpRequest, shop_slug: str) -> JsonResponse:
    """What the command palette finds."""
    visit = open_visit(request, shop_slug, None)
    return JsonResponse({"entries": list(Shell(visit).palette())})


@require_POST
def set_clock(request: HttpRequest, shop_slug: str) -> HttpResponse:
    """Moves a pinned clock, by days or months; pins it to a day; or lets it run in real time again."""
    visit = open_visit(request, shop_slug, None)
    visit.require("settings.write")
    if "real" in request.POST and not visit.shop.is_demo:
        operations.pin_clock(shop=visit.shop, on=None, actor_id=visit.user.pk)
        return HttpResponseRedirect(_back(request))
    try:
        if "pin" in request.POST:
            operations.pin_clock(shop=visit.shop, on=parse_day(request.POST["pin"]), actor_id=visit.user.pk)
        else:
            operations.step_clock(shop=visit.shop, actor_id=visit.user.pk, to=_stepped(visit.today, request.POST))
    except ToplineError as error:
        messages.error(request, formats.say(error))
    return HttpResponseRedirect(_back(request))


def _stepped(today: date, posted: QueryDict) -> date:
    """The day to which the clock is to move. Raises PeriodError."""
    step = posted.get("step", "")
    if not re.fullmatch(r"-?\d{1,4}", step):
        return parse_day(posted.get("to", ""))
    return add_months(today, int(step)) if posted.get("unit") == "month" else today + timedelta(days=int(step))


def _back(request: HttpRequest) -> str:
    address = request.POST.get("next") or "/"
    return address if url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure()) else "/"
