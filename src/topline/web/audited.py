"""The audit log in words: what its codes mean to whoever reads the page. The log itself stays free of language."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext

from topline.accounts import channels, permissions
from topline.metrics.catalogue import metrics
from topline.plans import outline
from topline.plans.models import Seat
from topline.units.text import N_
from topline.web import formats
from topline.workbench.models import AuditEntry

SHOWN = 6
"""Of a longer list only these many are said, and how many more there are."""

ACTIONS: Mapping[str, str] = {
    "alert.change": N_("Changed an alert"),
    "alert.create": N_("Made an alert"),
    "alert.end": N_("Ended an alert"),
    "alert.snooze": N_("Put an alert off"),
    "board.begin_with": N_("Chose whose first page a board is"),
    "board.change": N_("Changed a board"),
    "board.create": N_("Made a board"),
    "board.delete": N_("Deleted a board"),
    "calendar.create_link": N_("Made the address of a calendar feed"),
    "calendar.delete_event": N_("Took an event off the calendar"),
    "calendar.import": N_("Brought events into the calendar"),
    "calendar.put_event": N_("Put an event on the calendar"),
    "calendar.revoke_link": N_("Ended the address of a calendar feed"),
    "calendar.undo_import": N_("Took back events that were brought into the calendar"),
    "channel.keep": N_("Kept a channel"),
    "channel.remove": N_("Took a channel off the list"),
    "comment.added": N_("Wrote a comment"),
    "comment.resolved": N_("Settled a comment"),
    "digest.create": N_("Made a digest"),
    "digest.end": N_("Ended a digest"),
    "feedback.answered": N_("Answered feedback"),
    "feedback.written": N_("Wrote feedback"),
    "home.back_up": N_("Made a backup of everything"),
    "home.restore": N_("Brought everything back from a backup"),
    "import.choose": N_("Chose the columns of a file"),
    "import.confirm": N_("Let an import be taken in"),
    "import.decide": N_("Said how dates or numbers of an import are written"),
    "import.drop": N_("Gave an import up"),
    "import.go_on": N_("Went on with an import that failed"),
    "import.live": N_("Import taken in"),
    "import.receive": N_("Brought files"),
    "import.redo": N_("Let an undone import count again"),
    "import.rules": N_("Said which rows of an import are what"),
    "import.undo": N_("Took an import back"),
    "person.erase": N_("Erased customers"),
    "person.merge": N_("Merged two customers"),
    "person.unmerge": N_("Took a merge of customers back"),
    "plan.active": N_("Put a plan into force"),
    "plan.approval_rule": N_("Changed who may approve plans"),
    "plan.approval_voided": N_("An approval lapsed, as the plan was changed"),
    "plan.approved": N_("Approved a plan"),
    "plan.budget_line": N_("Added a line of the budget"),
    "plan.budget_line_dropped": N_("Took out a line of the budget"),
    "plan.budget_moved": N_("Changed or moved a budget"),
    "plan.closed": N_("Closed a plan"),
    "plan.commitment_approved": N_("Committed money of the budget"),
    "plan.commitment_asked": N_("Asked to commit money of the budget"),
    "plan.commitment_paid": N_("Said that committed money is among the spend"),
    "plan.commitment_refused": N_("Refused to commit money of the budget"),
    "plan.commitment_withdrawn": N_("Withdrew committed money"),
    "plan.delegated": N_("Let somebody else decide for a time"),
    "plan.delegation_revoked": N_("Ended that somebody else decides"),
    "plan.document_add": N_("Added to a plan's text"),
    "plan.document_move": N_("Moved a row of a plan's text"),
    "plan.document_remove": N_("Took something out of a plan's text"),
    "plan.document_restore": N_("Brought back something of a plan's text"),
    "plan.document_set": N_("Changed a plan's text"),
    "plan.drafted": N_("Drafted a plan"),
    "plan.goal_added": N_("Added a goal"),
    "plan.goal_described": N_("Described a goal"),
    "plan.goal_dropped": N_("Gave a goal up"),
    "plan.goal_edited": N_("Changed a goal"),
    "plan.imported": N_("Brought a plan from a file"),
    "plan.in_review": N_("Handed a plan in for approval"),
    "plan.reforecast": N_("Forecast a plan anew"),
    "plan.revised": N_("Made a new version of a plan"),
    "plan.scenario": N_("Kept a scenario"),
    "plan.scenario_adopted": N_("Made a scenario a draft of the plan"),
    "plan.scenario_put_away": N_("Put a scenario away"),
    "plan.sent_back": N_("Sent a plan back"),
    "plan.serves": N_("Said which marketing plan a plan serves"),
    "plan.shared": N_("Shared a plan by a link"),
    "plan.spend_limit": N_("Set how much a role may commit"),
    "plan.state_number": N_("Stated a number that plans use"),
    "plan.target_lines": N_("Changed lines of targets"),
    "plan.target_lock": N_("Locked targets"),
    "plan.target_paste": N_("Pasted targets"),
    "plan.target_set": N_("Set targets"),
    "plan.target_undo": N_("Undid a change of targets"),
    "plan.target_unlock": N_("Unlocked targets"),
    "plan.template_deleted": N_("Deleted a template of plans"),
    "plan.template_saved": N_("Kept a plan as a template"),
    "plan.unshared": N_("Ended the link of a shared plan"),
    "plans.drop_lift_test": N_("Took out a lift test"),
    "plans.record_lift_test": N_("Recorded a lift test"),
    "product.edit": N_("Changed a product"),
    "promise.changed": N_("Changed a promise of a review"),
    "promise.made": N_("Noted a promise of a review"),
    "proposal.accepted": N_("Took a proposal into a draft"),
    "proposal.cost": N_("Said what a proposal costs"),
    "proposal.dismissed": N_("Put a proposal aside"),
    "review.built": N_("Prepared a review"),
    "review.held": N_("Held a review"),
    "review.invited": N_("Invited to a review"),
    "screen.create": N_("Made a wall screen"),
    "screen.revoke": N_("Ended a wall screen"),
    "shop.change_settings": N_("Changed the shop's settings"),
    "shop.create": N_("Made the shop"),
    "shop.pin_clock": N_("Set the shop's clock"),
    "shop.rezone": N_("Laid the shop's clock over its history"),
    "team.keep_member": N_("Kept a member of the team"),
    "team.keep_territory": N_("Kept a territory"),
    "team.keep_training": N_("Kept a training"),
    "team.remove_member": N_("Took a member out of the team"),
    "team.remove_territory": N_("Took out a territory"),
    "team.remove_training": N_("Took out a training"),
    "team.split_credit": N_("Shared the credit for a deal"),
    "token.create": N_("Made a token for a program"),
    "token.revoke": N_("Ended a token"),
    "user.add_factor": N_("Added a second factor"),
    "user.change_email": N_("Changed their e-mail address"),
    "user.change_password": N_("Set a password"),
    "user.change_profile": N_("Changed an account"),
    "user.claim": N_("Took over the first account"),
    "user.create": N_("Made an account"),
    "user.create_link": N_("Made a link that signs somebody in once"),
    "user.name_owner": N_("Said how the data name a person"),
    "user.remove_factor": N_("Removed a second factor"),
    "user.renew_codes": N_("Made new recovery codes"),
    "user.set_roles": N_("Changed a person's roles"),
    "user.use_link": N_("Signed in by a link"),
}

KEYS: Mapping[str, str] = {
    "activity": N_("activity"),
    "after": N_("after"),
    "amount": N_("amount"),
    "as_of": N_("as of"),
    "attendees": N_("attendees"),
    "based_on": N_("from version"),
    "baseline": N_("beside version"),
    "became": N_("became version"),
    "before": N_("before"),
    "brand": N_("brand"),
    "category": N_("category"),
    "channel": N_("channel"),
    "column": N_("column"),
    "columns": N_("columns"),
    "cost": N_("cost"),
    "country": N_("country"),
    "currency": N_("currency"),
    "customers": N_("customers"),
    "cut": N_("cut"),
    "dates": N_("dates"),
    "days": N_("days"),
    "decimal": N_("decimal mark"),
    "events": N_("events"),
    "factor": N_("factor"),
    "facts": N_("facts"),
    "field": N_("field"),
    "fields": N_("fields"),
    "file": N_("file"),
    "files": N_("files"),
    "fiscal_first_month": N_("first month of the fiscal year"),
    "for_id": N_("in place of"),
    "from_on": N_("from"),
    "front": N_("front"),
    "giver": N_("for"),
    "goal": N_("goal"),
    "is_active": N_("may sign in"),
    "is_one_person": N_("one person may give every approval"),
    "is_online": N_("online"),
    "is_shared": N_("shared"),
    "key": N_("name in the data"),
    "kind": N_("kind"),
    "language": N_("language"),
    "line": N_("line"),
    "made_at": N_("made at"),
    "market": N_("market"),
    "marketing_plan": N_("marketing plan"),
    "metric": N_("metric"),
    "name": N_("name"),
    "new": N_("new"),
    "old": N_("old"),
    "on": N_("day"),
    "order_basis": N_("refunds count"),
    "other": N_("and"),
    "owner": N_("owner"),
    "owner_key": N_("name in the data"),
    "person": N_("person"),
    "plan": N_("plan"),
    "reason": N_("reason"),
    "region": N_("region"),
    "reports_to": N_("reports to"),
    "revision": N_("revision"),
    "role": N_("role"),
    "roles": N_("roles"),
    "rules": N_("rules"),
    "scenario": N_("scenario"),
    "scope": N_("scope"),
    "scopes": N_("may"),
    "seat": N_("as"),
    "shares": N_("shares"),
    "skill": N_("skill"),
    "snapshot": N_("state of the data"),
    "source": N_("from"),
    "starts_on": N_("from"),
    "strategy": N_("strategy"),
    "subcategory": N_("subcategory"),
    "supplier": N_("supplier"),
    "taker": N_("to"),
    "target": N_("to"),
    "tax_rate": N_("tax rate"),
    "team": N_("team"),
    "timezone": N_("time zone"),
    "title": N_("title"),
    "until_on": N_("until"),
    "user": N_("account"),
    "value": N_("value"),
    "week_hours": N_("hours a week"),
    "week_start": N_("first day of the week"),
    "weeks": N_("weeks"),
    "what": N_("what"),
    "work": N_("work"),
}
"""What a key of an entry's detail, or of what it holds before and after, is called."""

UNSAID = frozenset({"comment", "delegation", "digest", "row"})
"""Keys that help a program to find a thing again and tell a person nothing."""

_WORDS: Mapping[str, Mapping[str, str]] = {
    "factor": {
        "recovery_codes": N_("recovery codes"),
        "totp": N_("codes of an app"),
        "webauthn": N_("passkey or security key"),
    },
    "order_basis": {"event": N_("on the day of the refund"), "order": N_("on the day of the order")},
}
"""What the values of a key are called."""

_PEOPLE = frozenset({"giver", "taker", "person", "for_id"})
_SUBJECTS: Mapping[str, str] = {
    "feedback": N_("Feedback %(of)s"),
    "plan": N_("Plan %(of)s"),
    "promise": N_("Promise %(of)s"),
    "review": N_("Review %(of)s"),
}


def action(entry: AuditEntry) -> str:
    """What was done."""
    return gettext(ACTIONS[entry.action]) if entry.action in ACTIONS else entry.action


def about(entry: AuditEntry, people: Mapping[int, str]) -> str:
    """To what it was done. people : name by number"""
    if entry.action.startswith("user.") and entry.subject.isdecimal():
        return people.get(int(entry.subject), entry.subject)
    if entry.action.startswith("import."):
        return gettext("Import %(of)s") % {"of": entry.subject}
    if entry.action == "plan.spend_limit":
        return _word(entry.subject)
    if (named := re.fullmatch(r"(\w+)[ /](\d[\d.]*)(?:/(.+))?", entry.subject)) and named[1] in _SUBJECTS:
        place = gettext(_SUBJECTS[named[1]]) % {"of": named[2]}
        return f"{place}: {named[3]}" if named[3] else place
    return entry.subject


def detail(entry: AuditEntry, people: Mapping[int, str]) -> str:
    """How it was done: what was before and after, and what else the entry holds."""
    said = dict(entry.detail)
    parts = []
    if "before" in said and "after" in said:
        parts.append(_change(said.pop("before"), said.pop("after")))
    if said.get("field") in outline.fields():
        parts.append(_field(said.pop("field"), said.pop("column", "")))
    parts += [
        f"{key(name)}: {_word(people.get(value, value)) if name in _PEOPLE else _value(value, name)}"
        for name, value in said.items()
        if name not in UNSAID and value not in (None, "", [], {})
    ]
    return "; ".join(parts)


def people_of(entries: Sequence[AuditEntry]) -> set[int]:
    """The numbers of all whom these entries name."""
    found = {each.actor_id for each in entries if each.actor_id}
    found |= {int(each.subject) for each in entries if each.action.startswith("user.") and each.subject.isdecimal()}
    return found | {
        value for each in entries for name, value in each.detail.items() if name in _PEOPLE and isinstance(value, int)
    }


def key(name: str) -> str:
    """What a key of a detail is called."""
    return gettext(KEYS[name]) if name in KEYS else name.replace("_", " ")


def _change(before: Any, after: Any, name: str = "") -> str:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = dict.fromkeys([*before, *after])
        return "; ".join(f"{key(each)}: {_change(before.get(each), after.get(each), each)}" for each in names)
    return f"{_value(before, name)} → {_value(after, name)}"


def _value(value: Any, name: str) -> str:
    """A value of a key in words."""
    match value:
        case None | "" | [] | {}:
            return gettext("none")
        case bool():
            return gettext("yes") if value else gettext("no")
        case Mapping():
            return _listed([f"{key(each)} {_value(held, each)}" for each, held in value.items()])
        case list():
            return _listed([_value(each, name) for each in value])
        case int() if name == "week_start":
            return str(formats.locale().days["stand-alone"]["wide"][value - 1])
        case int() if name == "fiscal_first_month":
            return str(formats.locale().months["stand-alone"]["wide"][value])
        case str() if name == "seat" and value in Seat:
            return str(Seat(value).label)
        case str() if name == "fields":
            return key(value)
        case str() if name == "kind" and value in channels.KINDS:
            return str(channels.KINDS[value][0])
        case str() if value in _WORDS.get(name, {}):
            return gettext(_WORDS[name][value])
    return _word(value)


def _field(name: str, column: str) -> str:
    """Where something stands in a plan's document: “Audience: Personas: Benefits”."""
    known = outline.fields()[name]
    inner = known.column(column)
    labels = (outline.section(int(name.split(".")[0])).title, known.label, inner.label if inner else "")
    return ": ".join(dict.fromkeys(gettext(label) for label in labels if label))


def _listed(said: list[str]) -> str:
    more = len(said) - SHOWN
    shown = ", ".join(said[:SHOWN] if more > 0 else said)
    return gettext("%(shown)s and %(more)s more") % {"shown": shown, "more": more} if more > 0 else shown


def _word(value: Any) -> str:
    """A code in words where it is a role's, a permission's or a metric's; a day as people write it."""
    text = str(value)
    known: str | Promise | None = permissions.LABELS.get(text) or permissions.PERMISSIONS.get(text)  # type: ignore[call-overload]
    if known is None and text in metrics():
        known = gettext(metrics()[text].label)
    if known is None and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        known = formats.day(date.fromisoformat(text))
    return text if known is None else str(known)
