"""The editorial calendar: what comes out when, what is due next, what is late, and what each piece brought."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from topline.plans import content, live, outline, promotion
from topline.plans.models import State
from topline.web import formats
from topline.web.page import Page, Visit
from topline.web.pages import plan_document, plans
from topline.web.pages.plan_document import Desk


def view(visit: Visit, plan_id: int) -> HttpResponse:
    version = plans.version_of(visit, plan_id)
    desk = Desk(visit, version)
    promotions = promotion.days_by_key(version, desk.entries["11.promotions"], promotion.own_events(version))
    pieces = desk.entries["10.pieces"]
    computed = live.cells(desk.reader, "10.pieces", pieces) if desk.reader.has_facts else {}
    dated = content.by_day(pieces, promotions)
    due = sorted(
        (deadline.on, piece.pk, piece, deadline)
        for piece in pieces
        for deadline in content.deadlines(piece.cells, promotions, desk.today)[:1]
    )
    late = sum(deadline.is_late for *_, deadline in due)
    context = {
        **plans.about_then(visit),
        "desk": desk,
        "plan": version.plan,
        "version": version,
        "tone": plans.TONES[State(version.state)],
        "tab": "content",
        "version_query": f"?version={version.number}",
        "query": f"version={version.number}{plans.about_then(visit)['then_query']}",
        "sentence": _sentence(len(pieces), late),
        "pieces": [
            {
                "name": desk.title(piece),
                "on": on,
                "type": formats.say(outline.CONTENT_TYPES.get(piece.cells.get("type", ""), "")),
                "stage": formats.say(outline.STAGES.get(piece.cells.get("stage", ""), "")),
                "channel": formats.channel(piece.cells["channel"]) if piece.cells.get("channel") else "",
                "owner": desk.people.get(piece.cells.get("owner") or 0, ""),
                "status": formats.say(outline.STATUSES.get(piece.cells.get("status", "idea"), "")),
                "promotion": desk.named("11.promotions").get(piece.cells.get("promotion", ""), ""),
                "deadline": plan_document.live_value(desk, computed.get(piece.key, {}).get("deadline")),
                "result": plan_document.live_value(desk, computed.get(piece.key, {}).get("result")),
            }
            for on, piece in dated
        ],
        "due": [
            {
                "on": deadline.on,
                "is_late": deadline.is_late,
                "status": outline.STATUSES[deadline.status],
                "name": desk.title(piece),
                "owner": desk.people.get(piece.cells.get("owner") or 0, ""),
            }
            for _, _, piece, deadline in due
        ],
        "looked_at": [
            {
                "name": desk.title(piece),
                "on": on,
                "result": plan_document.live_value(desk, computed.get(piece.key, {}).get("result")),
                "audited_on": desk.plain(_column("audited_on"), piece.cells.get("audited_on")),
                "verdict": desk.plain(_column("verdict"), piece.cells.get("verdict")),
            }
            for on, piece in dated
            if piece.cells.get("status") == "published"
        ],
        "audits": [_audit(desk, row) for row in desk.entries["10.audit"]],
    }
    return visit.render("plan_content.html", context)


def _column(name: str) -> outline.Column:
    return next(each for each in outline.fields()["10.pieces"].columns if each.id == name)


def _sentence(pieces: int, late: int) -> str:
    if not pieces:
        return gettext("Nothing is planned to come out yet.")
    if late:
        return ngettext("%(n)s piece is late.", "%(n)s pieces are late.", late) % {"n": late}
    return ngettext("%(n)s piece, and it is in time.", "%(n)s pieces, all in time.", pieces) % {"n": pieces}


def _audit(desk: Desk, row: Any) -> dict[str, Any]:
    return {
        "scope": row.cells.get("scope", ""),
        "cadence": formats.say(outline.CADENCES.get(row.cells.get("cadence", ""), "")),
        "on": content.next_audit(row.cells, desk.today),
        "owner": desk.people.get(row.cells.get("owner") or 0, ""),
        "finding": row.cells.get("finding", ""),
    }


PAGES = (
    Page(
        path="plans/<int:plan_id>/content",
        name="plan_content",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
