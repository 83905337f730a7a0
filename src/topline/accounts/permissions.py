"""What may be permitted, and what each role permits."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

PERMISSIONS: Mapping[str, Promise] = {
    "metrics.read": _("See figures, charts and forecasts"),
    "rows.read": _("See the rows behind a figure"),
    "finance.read": _("See cost, margin and profit"),
    "imports.read": _("See imports and their quarantine"),
    "imports.write": _("Bring files in and take them back"),
    "facts.write": _("Send facts over the API"),
    "plans.read": _("See plans"),
    "plans.write": _("Draft and edit plans"),
    "plans.approve": _("Approve and activate plans"),
    "feedback.write": _("Write feedback for the reviews of plans"),
    "calendar.read": _("See the retail calendar"),
    "calendar.write": _("Enter the shop's own events, and share its calendar"),
    "people.read": _("See who works here and in what role"),
    "people.write": _("Invite people and set their roles"),
    "team.write": _("Edit the team, its territories and how deals are shared"),
    "training.write": _("Plan trainings"),
    "settings.read": _("See the shop's settings"),
    "settings.write": _("Change the shop's settings and its clock"),
    "audit.read": _("See who did what"),
    "lake.read": _("Inspect the lake"),
    "customers.read": _("See customers by name"),
    "customers.write": _("Merge, unmerge and erase customers"),
    "catalog.read": _("See products"),
    "catalog.write": _("Edit products"),
    "boards.write": _("Make dashboards, saved views, alerts and digests of their own"),
    "boards.share": _("Share them with everybody in the shop and with screens"),
}

_EVERYBODY = {
    "metrics.read",
    "calendar.read",
    "plans.read",
    "feedback.write",
    "people.read",
    "settings.read",
    "catalog.read",
    "boards.write",
}
_ANALYSIS = _EVERYBODY | {"rows.read", "imports.read"}


class Role(StrEnum):
    """What a person is in a shop. A person may be several."""

    OWNER = "owner"
    FINANCE = "finance"
    MARKETING_MANAGER = "marketing_manager"
    CRM_MANAGER = "crm_manager"
    CONTENT_LEAD = "content_lead"
    SALES_MANAGER = "sales_manager"
    REP = "rep"
    ENABLEMENT = "enablement"
    SUPPORT = "support"
    ANALYST = "analyst"
    OPERATIONS = "operations"


LABELS: Mapping[Role, Promise] = {
    Role.OWNER: pgettext_lazy("role", "Owner"),
    Role.FINANCE: pgettext_lazy("role", "Finance"),
    Role.MARKETING_MANAGER: pgettext_lazy("role", "Marketing manager"),
    Role.CRM_MANAGER: pgettext_lazy("role", "CRM manager"),
    Role.CONTENT_LEAD: pgettext_lazy("role", "Content lead"),
    Role.SALES_MANAGER: pgettext_lazy("role", "Sales manager"),
    Role.REP: pgettext_lazy("role", "Sales rep"),
    Role.ENABLEMENT: pgettext_lazy("role", "Enablement"),
    Role.SUPPORT: pgettext_lazy("role", "Support"),
    Role.ANALYST: pgettext_lazy("role", "Analyst"),
    Role.OPERATIONS: pgettext_lazy("role", "Operations"),
}

DESCRIPTIONS: Mapping[Role, Promise] = {
    Role.OWNER: _("Everything, and who else may do what"),
    Role.FINANCE: _("All figures including cost and profit, approves plans"),
    Role.MARKETING_MANAGER: _("The marketing plan, its figures and its imports"),
    Role.CRM_MANAGER: _("Customers, their data and their consent"),
    Role.CONTENT_LEAD: _("The calendar and how content performs"),
    Role.SALES_MANAGER: _("The sales plan, its targets and the team's figures"),
    Role.REP: _("Their own figures and the plan that they work for"),
    Role.ENABLEMENT: _("How the team performs, and its trainings"),
    Role.SUPPORT: _("Customers by name and their orders"),
    Role.ANALYST: _("All figures and rows, and bringing files in"),
    Role.OPERATIONS: _("Orders, stock, products, and bringing files in"),
}

ROLES: Mapping[Role, frozenset[str]] = {
    Role.OWNER: frozenset(PERMISSIONS),
    Role.FINANCE: frozenset(_ANALYSIS | {"finance.read", "plans.approve", "audit.read", "lake.read", "boards.share"}),
    Role.MARKETING_MANAGER: frozenset(
        _ANALYSIS
        | {
            "finance.read",
            "imports.write",
            "facts.write",
            "plans.write",
            "plans.approve",
            "calendar.write",
            "customers.read",
            "catalog.write",
            "boards.share",
        }
    ),
    Role.CRM_MANAGER: frozenset(_ANALYSIS | {"imports.write", "customers.read", "customers.write", "boards.share"}),
    Role.CONTENT_LEAD: frozenset(_EVERYBODY | {"calendar.write"}),
    Role.SALES_MANAGER: frozenset(
        _ANALYSIS
        | {
            "finance.read",
            "team.write",
            "training.write",
            "plans.write",
            "plans.approve",
            "calendar.write",
            "customers.read",
            "imports.write",
            "boards.share",
        }
    ),
    Role.REP: frozenset(_EVERYBODY | {"rows.read", "customers.read"}),
    Role.ENABLEMENT: frozenset(_EVERYBODY | {"training.write"}),
    Role.SUPPORT: frozenset(_EVERYBODY | {"rows.read", "customers.read"}),
    Role.ANALYST: frozenset(
        _ANALYSIS | {"finance.read", "imports.write", "facts.write", "lake.read", "audit.read", "boards.share"}
    ),
    Role.OPERATIONS: frozenset(
        _ANALYSIS | {"imports.write", "facts.write", "catalog.write", "plans.approve", "boards.share"}
    ),
}


def granted(roles: Iterable[str]) -> frozenset[str]:
    """Everything that these roles together permit."""
    return frozenset().union(*(ROLES[Role(role)] for role in roles))
